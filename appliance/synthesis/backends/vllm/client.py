"""Asking the engine, with the official `openai` client and nothing between."""

import logging
from types import TracebackType
from typing import Final, Self

import openai

from appliance.artifacts.batching import Batcher
from appliance.errors import BackendRefused, BackendUnavailable, ClearanceInvalid
from appliance.gate.clearance import ClearedPrompt
from appliance.records.prompts import Completion, Route, SamplingParameters
from appliance.synthesis.backends.base import Checker
from appliance.synthesis.backends.vllm.command import SERVED_NAME
from appliance.synthesis.backends.vllm.engine import Endpoint

MAX_RETRIES: Final = 3
_MOST_STAMPS: Final = 256

# OPENAI_LOG=debug in the environment would print whole requests: pinned, whatever it says.
for _name in ("openai", "httpx", "httpx2", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class VllmBackend:
    """The local engine as a backend.

    Retries connection errors, timeouts, 408, 409, 429 and 5xx up to `MAX_RETRIES` times, with
    growing pauses, or as long as the server's Retry-After says.

    Args:
        endpoint: Where the engine listens.
        model: Name and digest of what it serves.
        checker: Checks each clearance.
        timeout_s: For one try.
    """

    def __init__(self, endpoint: Endpoint, model: str, checker: Checker, timeout_s: float) -> None:
        self._opening = endpoint.opening
        self._model = model
        self._stamps: Batcher[ClearedPrompt, ClearanceInvalid | None] = Batcher(
            checker.check_many, _MOST_STAMPS
        )
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=MAX_RETRIES,
            timeout=timeout_s,
            # A proxy named in the environment must never see a prompt.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Connections are closed."""
        await self._client.close()

    @property
    def route(self) -> Route:
        """On this machine."""
        return Route.VLLM

    @property
    def model(self) -> str:
        """Name and digest of the model."""
        return self._model

    async def complete(self, cleared: ClearedPrompt, parameters: SamplingParameters) -> Completion:
        """The model's answer; see `Backend.complete`.

        No seed and no `top_p` are ever sent: together they kill the CPU engine, and `top_p` alone
        sorts Gemma's 262,000 words for every token.
        """
        complaint = await self._stamps.ask(cleared)
        if complaint is not None:
            raise complaint
        try:
            answer = await self._client.completions.create(
                model=SERVED_NAME,
                prompt=self._opening + cleared.draft.prompt,
                temperature=parameters.temperature,
                max_tokens=parameters.max_tokens,
                stop=list(parameters.stop),
            )
        except openai.APIStatusError as error:
            raise _translate(cleared, error.status_code) from None
        except openai.OpenAIError:
            raise BackendUnavailable(
                f"The engine did not answer draft {cleared.draft.draft_id}.",
                "Run the same command again; what was finished is kept.",
            ) from None
        return self._to_completion(cleared, answer)

    def _to_completion(self, cleared: ClearedPrompt, answer: openai.types.Completion) -> Completion:
        if not answer.choices:
            raise BackendRefused(f"The engine's answer to {cleared.draft.draft_id} is empty.")
        choice, usage = answer.choices[0], answer.usage
        return Completion(
            draft_id=cleared.draft.draft_id,
            route=Route.VLLM,
            model=self._model,
            text=choice.text,
            finish_reason=str(choice.finish_reason),
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )


def _translate(cleared: ClearedPrompt, status: int) -> BackendRefused | BackendUnavailable:
    # The server's own message may quote the prompt: only its number is told.
    what = f"The engine answered draft {cleared.draft.draft_id} with HTTP {status}."
    if status in {408, 409, 429} or status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6
        return BackendUnavailable(what, "Run the same command again; what was finished is kept.")
    return BackendRefused(what, "Check vllm.max_model_len in site.toml against the label sheet.")
