"""What of a label sheet the gate denies: told by place and rule, never by words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.records.verdicts import Decision, Verdict
from appliance.settings.tasks import load_task
from appliance.synthesis.prompting.places import FixedText, fixed_texts
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import open_site

EVERYTHING: Final = "every text"


class Inspector(Protocol):
    """The gate, as this asks it."""

    def inspect_many(self, texts: Sequence[str]) -> list[Verdict]:
        """The verdict on each text, in order."""


@dataclass(frozen=True, slots=True)
class DeniedPlace:
    """A part of a sheet that the gate denies: no prompt that shows it is sent.

    Attributes:
        place: E.g. "demonstration 2", counted from 1; `EVERYTHING` where the gate is shut.
        rule: Why, e.g. "PERSON (names)": the kind of identifier and who reports it.
    """

    place: str
    rule: str


def ask_gate(root: Path, task: str) -> tuple[DeniedPlace, ...]:
    """What of the site's sheet its gate denies. Nothing goes on record: nothing was to leave.

    Raises:
        BadInput: No such sheet, or it is broken.
        SiteError: There is no site there.
        IntegrityError: The index of its patients is gone.
        DetectorFailed: A detector does not load.
    """
    site = open_site(root)
    sheet, vocabulary = load_task(site.paths.labels, task)
    return denied_places(sheet, vocabulary, open_site_gate(site))


def denied_places(
    sheet: LabelSheet, vocabulary: Vocabulary, gate: Inspector
) -> tuple[DeniedPlace, ...]:
    """The parts of a sheet that a gate denies by themselves, in the sheet's order."""
    texts = tuple(fixed_texts(sheet, vocabulary))
    verdicts = gate.inspect_many([one.text for one in texts])
    shut = {verdict.reason for verdict in verdicts if not verdict.hits}
    if len(shut) == 1 and all(_is_denied(one) and not one.hits for one in verdicts):
        return (DeniedPlace(EVERYTHING, shut.pop()),)
    return tuple(
        DeniedPlace(one.place, rule_of(verdict, one.start))
        for one, verdict in zip(texts, verdicts, strict=True)
        if _is_denied(verdict) and _is_at_fault(one, verdict)
    )


def rule_of(verdict: Verdict, start: int = 0) -> str:
    """Why a text was denied: its first finding from there on, or the reason where there is none."""
    hit = next((hit for hit in verdict.hits if hit.end > start), None)
    return verdict.reason if hit is None else f"{hit.entity} ({hit.detector})"


def _is_denied(verdict: Verdict) -> bool:
    return verdict.decision is Decision.DENY


def _is_at_fault(shown: FixedText, verdict: Verdict) -> bool:
    """Whether it is this part that is denied, and not what stands before it in the text."""
    return all(hit.end > shown.start for hit in verdict.hits)
