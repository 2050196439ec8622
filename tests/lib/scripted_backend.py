"""A backend that says what it is told to say, held to the same contract as the real one."""

import asyncio
from collections.abc import Callable

from appliance.errors import BackendUnavailable
from appliance.gate.clearance import ClearedPrompt
from appliance.records.prompts import Completion, Draft, DraftKind, Route, SamplingParameters
from appliance.synthesis.backends.base import Checker

Script = Callable[[Draft], str]

_FILLER = (
    "was seen again on the second day of the visit",
    "did not change the plan that had been agreed",
    "came up in the talk with the family at noon",
    "is listed in the letter from the other clinic",
    "has been stable since the last dose in spring",
    "led to a short stay on the ward last winter",
)


class ScriptedBackend:
    """Answers every cleared prompt by a script, without a model.

    Args:
        checker: Checks each clearance, as the real one does.
        script: From a draft to the answer.
        fail_after: This many answers are given, then the server "dies"; None for never.
    """

    def __init__(
        self, checker: Checker, script: Script | None = None, fail_after: int | None = None
    ) -> None:
        self._checker = checker
        self._script = script or tell
        self._left = fail_after
        self.answered: list[Draft] = []

    @property
    def route(self) -> Route:
        """Nowhere."""
        return Route.SCRIPTED

    @property
    def model(self) -> str:
        """A name that no model has."""
        return "scripted@000000000000"

    async def aclose(self) -> None:
        """Nothing is open."""

    async def complete(self, cleared: ClearedPrompt, parameters: SamplingParameters) -> Completion:
        """The script's answer, cut at the stop and at `max_tokens` words."""
        [complaint] = self._checker.check_many([cleared])
        if complaint is not None:
            raise complaint
        await asyncio.sleep(0)
        if self._left is not None:
            if self._left == 0:
                raise BackendUnavailable("The scripted server is down.")
            self._left -= 1
        self.answered.append(cleared.draft)
        text = self._script(cleared.draft)
        for mark in parameters.stop:
            text = text.partition(mark)[0]
        words = text.split(" ")
        is_cut = len(words) > parameters.max_tokens
        return Completion(
            draft_id=cleared.draft.draft_id,
            route=Route.SCRIPTED,
            model=self.model,
            text=" ".join(words[: parameters.max_tokens]),
            finish_reason="length" if is_cut else "stop",
            prompt_tokens=len(cleared.draft.prompt.split()),
            completion_tokens=min(len(words), parameters.max_tokens),
        )


def tell(draft: Draft) -> str:
    """A sentence that holds the draft's entities, different for every draft."""
    number = int(draft.draft_id.removeprefix("d-"), 16)
    words = [_FILLER[number // 6**place % 6] for place in range(3)]
    detail = f"near bed {number % 97} and door {number // 97 % 89}"
    missing = [entity for entity in draft.entities if entity not in draft.opening]
    named = " and ".join(missing)
    if draft.kind is DraftKind.NONE or not named:
        return f" {words[0]} {detail}, {words[1]}."
    return f" {words[0]} {detail} while {named} {words[1]}."
