"""Stamped requests: the gate's stamp is good, for this prompt, in this body, and now spent."""

import hmac
from collections.abc import Sequence
from typing import Final, Protocol

from appliance.artifacts.batching import Batcher
from appliance.errors import ClearanceInvalid
from appliance.gate.clearance import ClearedPrompt
from appliance.gateway.reading import Asked
from appliance.gateway.refusals import Refused, Rule
from appliance.records.egress import Passport, seal_body
from appliance.records.identifiers import Digest, DraftId
from appliance.records.prompts import Draft, DraftKind, Route

_MOST_STAMPS: Final = 256


class Checker(Protocol):
    """Who says whether a stamp is good; the gate's `ClearanceChecker`."""

    def check_many(self, many: Sequence[ClearedPrompt]) -> Sequence[ClearanceInvalid | None]:
        """For each, in order: None where its stamp is good for this route, and now spent.

        Raises:
            ClearanceInvalid: It can't be told of any of them.
        """


class Clearing:
    """Checks stamped requests.

    Args:
        checker: Checks the stamp.
        seal_key: Ties stamps to bodies; see `records.egress`.
        instruction: The one text of the policy's that may stand beside a stamped prompt.
    """

    def __init__(self, checker: Checker, seal_key: bytes, instruction: str) -> None:
        self._stamps: Batcher[ClearedPrompt, ClearanceInvalid | None] = Batcher(
            checker.check_many, _MOST_STAMPS
        )
        self._seal_key = seal_key
        self._instruction = instruction

    async def check(self, asked: Asked, raw: bytes, header: str) -> tuple[str, str]:
        """Draft and prompt of a request whose stamp covers all that it says.

        Raises:
            Refused: It does not, or the stamp is not good for it.
        """
        try:
            passport = Passport.decode(header)
        except ValueError:
            raise Refused(Rule.CLEARANCE, "header") from None
        if not hmac.compare_digest(passport.seal, seal_body(self._seal_key, passport.nonce, raw)):
            raise Refused(Rule.CLEARANCE, "body")
        prompt = self._only_prompt(asked)
        draft = Draft(DraftId(passport.draft_id), "", DraftKind.NONE, (), "", prompt)
        cleared = ClearedPrompt(
            draft,
            Route.CHATGPT,
            Digest(passport.policy_digest),
            passport.expires_at,
            passport.nonce,
            passport.stamp,
        )
        try:
            complaint = await self._stamps.ask(cleared)
        except ClearanceInvalid as failure:
            complaint = failure
        if complaint is not None:
            raise Refused(Rule.CLEARANCE, "stamp") from None
        return passport.draft_id, prompt

    def _only_prompt(self, asked: Asked) -> str:
        """The prompt, where the request holds nothing else that somebody wrote."""
        role, prompt = asked.contents[-1]
        expected = [("system", self._instruction), ("user", prompt)]
        others = [text for text in asked.texts if text not in (prompt, self._instruction)]
        # What ends the answer may be a line's end, and no word.
        if role != "user" or list(asked.contents) != expected or any(map(str.strip, others)):
            raise Refused(Rule.CLEARANCE, "messages")
        return prompt
