"""Would we send this again? Today's gate on what was sent before, drawn again from its sheet."""

from collections.abc import Mapping, Sequence
from typing import Final

from appliance.audits.attack import conclude, not_tested
from appliance.audits.evasion import Inspector
from appliance.audits.statistics import share
from appliance.records.audits import AttackResult, Problem
from appliance.records.progress import Progress
from appliance.records.verdicts import Decision

_BATCH: Final = 64
_LOST: Final = (
    "their sheet changed since, or they were drawn with a seed from before seeds were on record "
    "(--seed)."
)


class Regate:
    """Prompts that were sent, inspected by the gate of today; an `Attack`.

    Args:
        prompts: Draft to prompt, as far as they could be drawn again.
        others: Those of them under whose name another prompt was sent.
        sent: How many drafts the ledger says were sent.
        gate: Today's.
    """

    name = "would-we-send-it-again"
    claim = "Today's gate, with today's patients and notes, would let every prompt pass again."

    def __init__(
        self,
        prompts: Mapping[str, str],
        others: Sequence[str],
        sent: int,
        gate: Inspector | None,
    ) -> None:
        self._prompts = prompts
        self._others = others
        self._sent = sent
        self._gate = gate

    def run(self, progress: Progress) -> AttackResult:
        """One verdict for each prompt."""
        if not self._sent:
            return not_tested(self, "Nothing was ever sent.")
        if self._gate is None:
            return not_tested(self, "The gate does not open.")
        if not self._prompts:
            return not_tested(
                self,
                f"None of the {self._sent} drafts can be drawn again: their label sheets changed, "
                "or they were drawn with a seed that is not on record (--seed). Prompts are kept "
                "nowhere.",
            )
        denied = self._inspect(self._gate, list(self._prompts.items()), progress)
        problems = []
        if denied:
            problems.append(
                Problem(
                    "regate.denied-today",
                    "journals",
                    f"{len(denied)} of {len(self._prompts)} would be denied today, the first for "
                    f"draft {denied[0]}.",
                    "See what it shares with a patient or a note: `appliance gate explain DRAFT` "
                    "after a new run; the patients or notes may have been imported since.",
                )
            )
        if self._others:
            problems.append(
                Problem(
                    "regate.other-prompt",
                    "ledger",
                    f"Under the name of {len(self._others)} draft(s) another prompt was sent than "
                    f"the sheet draws; the first is {self._others[0]}.",
                    "Find out which program sent it: its text is kept nowhere, its digest is in "
                    "the ledger.",
                )
            )
        lost = self._sent - len(self._prompts)
        return conclude(
            self,
            f"{len(self._prompts)} of {self._sent} prompts drawn again and inspected, "
            f"{len(denied)} of them would be denied today.",
            problems,
            estimates=[
                share("prompts that would be denied", len(denied), len(self._prompts)),
                share("prompts that could not be drawn again", lost, self._sent),
            ],
            blind_spots=[
                *([f"{lost} of {self._sent} prompts: {_LOST}"] if lost else []),
                "Prompts of other callers of the gateway: their text is kept nowhere.",
            ],
        )

    def _inspect(
        self, gate: Inspector, drafts: Sequence[tuple[str, str]], progress: Progress
    ) -> list[str]:
        denied = []
        progress.begin(self.name, len(drafts))
        for first in range(0, len(drafts), _BATCH):
            batch = drafts[first : first + _BATCH]
            verdicts = gate.inspect_many([prompt for _, prompt in batch], only_decide=True)
            denied += [
                draft
                for (draft, _), verdict in zip(batch, verdicts, strict=True)
                if verdict.decision is Decision.DENY
            ]
            progress.advance(len(batch), f"{len(denied)} denied")
        return denied
