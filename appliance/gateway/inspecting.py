"""The gate, asked about everything that a request or a reply says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.artifacts.batching import Batcher
from appliance.gateway.decoding import decode
from appliance.records.verdicts import Decision, Verdict

_MOST_TEXTS: Final = 32


class Inspector(Protocol):
    """The gate, as the gateway needs it."""

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """The verdict on each text, in order; one finding is enough where only that is wanted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the gate says of all texts of one message together.

    Attributes:
        is_clean: Every one was allowed.
        reason: Of the first that was not: a rule's name.
        hits: Identifiers found in all of them.
    """

    is_clean: bool
    reason: str
    hits: int


class Inspection:
    """Asks the gate in batches; whatever is not clearly allowed is denied.

    Args:
        gate: The gate.
    """

    def __init__(self, gate: Inspector) -> None:
        self._gate = gate
        self._batcher: Batcher[tuple[str, ...], Finding] = Batcher(self._inspect, _MOST_TEXTS)

    async def read(self, texts: Sequence[str]) -> Finding:
        """What the gate says of the texts, one by one and run together."""
        return await self._batcher.ask(views(texts))

    def _inspect(self, cases: list[tuple[str, ...]]) -> list[Finding]:
        # The widest view first: what it already denies need not be read piece by piece.
        widest = self._rule_on([case[-1:] for case in cases])
        open_cases = [at for at, finding in enumerate(widest) if finding.is_clean]
        rest = self._rule_on([cases[at][:-1] for at in open_cases])
        for at, finding in zip(open_cases, rest, strict=True):
            widest[at] = finding
        return widest

    def _rule_on(self, cases: list[tuple[str, ...]]) -> list[Finding]:
        different = list(dict.fromkeys(text for case in cases for text in case))
        verdicts = self._gate.inspect_many(different, only_decide=True) if different else []
        ruled = dict(zip(different, verdicts, strict=True))
        return [_sum_up([ruled[text] for text in case]) for case in cases]


def views(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts, all of them run together in two ways, and each of these decoded.

    An identifier that was cut in pieces, one piece to a message or a field, is whole again in one
    of them; one that was encoded is plain.
    """
    found = [text for text in texts if text]
    if len(found) > 1:
        found += ["".join(found), " ".join(found)]
    # What is plain as it stands adds nothing; the widest view stays the last.
    decoded = [plain for text in found if (plain := decode(text)) != text]
    return tuple(dict.fromkeys([*decoded, *found]))


def _sum_up(verdicts: Sequence[Verdict]) -> Finding:
    denials = [one for one in verdicts if one.decision is not Decision.ALLOW]
    if not denials:
        return Finding(is_clean=True, reason="no-hit", hits=0)
    # A reason may go on after a colon; the rule's name is what stands before.
    reason = denials[0].reason.partition(":")[0].strip().replace(" ", "-")
    return Finding(is_clean=False, reason=reason, hits=sum(len(one.hits) for one in denials))
