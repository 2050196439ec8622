"""Asking the engine, with the official `openai` client and nothing between."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import openai

from appliance.artifacts.batching import Batcher
from appliance.errors import BackendRefused, BackendUnavailable, ClearanceInvalid
from appliance.gate.clearance import ClearedPrompt
from appliance.records.prompts import Completion, Route, SamplingParameters
from appliance.synthesis.backends.base import Checker
from appliance.synthesis.backends.vllm.engine import Endpoint
from appliance.synthesis.backends.vllm.replicas import Replicas

_MOST_STAMPS: Final = 256


class VllmBackend:
    """The local engine, or several of them, as a backend.

    Retries connection errors, timeouts, 408, 409, 429 and 5xx up to `MAX_RETRIES` times, with
    growing pauses, or as long as the server's Retry-After says. Of several engines one that is
    lost is left out, and what it had in hand is asked of another: its stamp was checked once, at
    the door of this machine, which all of them stand behind.

    Args:
        endpoints: Where the engines listen.
        model: Name and digest of what all of them serve.
        checker: Checks each clearance.
        timeout_s: For one try.
        when_lost: Told the number of an engine that is lost, from 0.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        model: str,
        checker: Checker,
        timeout_s: float,
        when_lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._stamps: Batcher[ClearedPrompt, ClearanceInvalid | None] = Batcher(
            checker.check_many, _MOST_STAMPS
        )
        self._replicas = Replicas(endpoints, timeout_s, when_lost)

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
        await self._replicas.aclose()

    @property
    def route(self) -> Route:
        """On this machine."""
        return Route.VLLM

    @property
    def model(self) -> str:
        """Name and digest of the model."""
        return self._model

    async def complete(self, cleared: ClearedPrompt, parameters: SamplingParameters) -> Completion:
        """The model's answer; see `Backend.complete`."""
        complaint = await self._stamps.ask(cleared)
        if complaint is not None:
            raise complaint
        try:
            answer = await self._replicas.complete(cleared.draft.prompt, parameters)
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
