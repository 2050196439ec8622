"""Several engines behind one client: each request goes to the one with the least to do."""

import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import openai

from appliance.records.prompts import SamplingParameters
from appliance.synthesis.backends.vllm.command import SERVED_NAME
from appliance.synthesis.backends.vllm.engine import Endpoint

MAX_RETRIES: Final = 3
# Where another engine stands ready, patience with this one only costs time.
_MAX_RETRIES_AMONG_MANY: Final = 1

# OPENAI_LOG=debug in the environment would print whole requests: pinned, whatever it says.
for _name in ("openai", "httpx", "httpx2", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(slots=True)
class _Replica:
    """One engine, as its client sees it."""

    number: int
    opening: str
    client: openai.AsyncOpenAI
    outstanding: int = 0
    is_lost: bool = False


class Replicas:
    """The official client of each engine. One that is lost is not asked again.

    Args:
        endpoints: Where the engines listen; all serve the same model.
        timeout_s: For one try.
        when_lost: Told the number of an engine that is lost, from 0.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], timeout_s: float, when_lost: Callable[[int], None]
    ) -> None:
        assert endpoints, "somebody must be there to be asked"
        retries = MAX_RETRIES if len(endpoints) == 1 else _MAX_RETRIES_AMONG_MANY
        self._when_lost = when_lost
        self._replicas = [
            _Replica(number, endpoint.opening, _connect(endpoint, timeout_s, retries))
            for number, endpoint in enumerate(endpoints)
        ]

    async def complete(
        self, prompt: str, parameters: SamplingParameters
    ) -> openai.types.Completion:
        """The answer of one engine; what was with an engine that is lost is asked of another.

        Raises:
            openai.OpenAIError: The last engine's, when it is lost as well; or a refusal.
        """
        while True:
            replica = self._least_busy()
            replica.outstanding += 1
            try:
                return await _ask(replica, prompt, parameters)
            except openai.OpenAIError as error:
                if not _is_loss(error):
                    raise
                self._lose(replica)
                if all(one.is_lost for one in self._replicas):
                    raise
            finally:
                replica.outstanding -= 1

    async def aclose(self) -> None:
        """Connections are closed."""
        for replica in self._replicas:
            await replica.client.close()

    def _least_busy(self) -> _Replica:
        # With all lost, the first is asked once more: whoever asks learns how it fails.
        usable = [one for one in self._replicas if not one.is_lost] or self._replicas
        return min(usable, key=lambda one: one.outstanding)

    def _lose(self, replica: _Replica) -> None:
        if not replica.is_lost:
            replica.is_lost = True
            self._when_lost(replica.number)


def _connect(endpoint: Endpoint, timeout_s: float, retries: int) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,
        max_retries=retries,
        timeout=timeout_s,
        # A proxy named in the environment must never see a prompt; and this client trusts no
        # authority, so it can speak to nobody but a port of this machine, in clear.
        http_client=openai.DefaultAsyncHttpxClient(
            trust_env=False, follow_redirects=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ),
    )


async def _ask(
    replica: _Replica, prompt: str, parameters: SamplingParameters
) -> openai.types.Completion:
    """No seed and no `top_p` are ever sent.

    Together they kill the CPU engine, and `top_p` alone sorts Gemma's 262,000 words for every
    token.
    """
    return await replica.client.completions.create(
        model=SERVED_NAME,
        prompt=replica.opening + prompt,
        temperature=parameters.temperature,
        max_tokens=parameters.max_tokens,
        stop=list(parameters.stop),
    )


def _is_loss(error: openai.OpenAIError) -> bool:
    """Whether it says of the engine, and not of the request, that nothing is to be had."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500  # noqa: PLR2004 - RFC 9110, 15.6
    return isinstance(error, openai.APIConnectionError)
