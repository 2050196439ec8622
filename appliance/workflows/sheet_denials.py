"""What of a label sheet the gate denies: told by place and rule, never by words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.records.identifiers import DraftId
from appliance.records.prompts import Draft
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.records.verdicts import Decision, Verdict
from appliance.settings.tasks import load_task
from appliance.synthesis.prompting.places import ASKED, FixedText, fixed_texts, place_of
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import open_site

EVERYTHING: Final = "every text"
WHOLE: Final = "the prompt as a whole"
# Names of a vocabulary are denied now and then; more than that changes what a corpus is made of.
_MUCH: Final = 0.1
_TOLD: Final = 5


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


@dataclass(frozen=True, slots=True)
class DeniedDrafts:
    """Drafts of a run that were denied for one part of the sheet by one rule.

    Attributes:
        place: As of `DeniedPlace`, or `ASKED`, or `WHOLE`.
        rule: As of `DeniedPlace`.
        drafts: How many.
        draft_id: The first of them, which `gate explain` explains.
    """

    place: str
    rule: str
    drafts: int
    draft_id: DraftId


class Denials:
    """Counts what drafts are denied for.

    Args:
        sheet: That they were drawn from.
    """

    def __init__(self, sheet: LabelSheet) -> None:
        self._sheet = sheet
        self._counts: Counter[DeniedPlace] = Counter()
        self._first: dict[DeniedPlace, DraftId] = {}
        self._known: set[DraftId] = set()

    def add(self, draft: Draft, verdict: Verdict) -> None:
        """It was denied; a draft that is taken up again counts once."""
        if draft.draft_id in self._known:
            return
        self._known.add(draft.draft_id)
        place = place_of(self._sheet, draft, verdict.hits[0].start) if verdict.hits else WHOLE
        found = DeniedPlace(place, rule_of(verdict))
        self._counts[found] += 1
        self._first.setdefault(found, draft.draft_id)

    def worth_telling(self, drafts: int) -> tuple[DeniedDrafts, ...]:
        """Parts of the sheet that were denied, the costliest first.

        Args:
            drafts: Judged in all. Where no more than a tenth of them are denied, only parts that
                are the sheet's own.
        """
        is_much = self._counts.total() > _MUCH * drafts
        return tuple(
            DeniedDrafts(one.place, one.rule, count, self._first[one])
            for one, count in self._counts.most_common()
            if is_much or one.place not in {ASKED, WHOLE}
        )


def tell_denied(found: Sequence[DeniedDrafts]) -> str:
    """What was denied most, and what to do, in sentences for an operator."""
    parts = "; ".join(f"{one.place}: {one.rule}, {one.drafts} drafts" for one in found[:_TOLD])
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return (
        f"Drafts were denied for {parts}{more}. See `appliance gate explain "
        f"{found[0].draft_id}`, and mend that part of the sheet, or its vocabulary."
    )


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
