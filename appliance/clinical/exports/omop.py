"""OMOP: NOTE_NLP of the Common Data Model 5.4, with what it has no column for beside it.

Ids in OMOP are integers and ours are not: `note_map.csv` says which is which. A concept is 0 ("no
matching concept") unless the vocabulary is said to be OMOP's own: another system's code is a number
too, and another concept's. The code and the reason for none are in `term_modifiers`.
Relations stand in a table of their own: FACT_RELATIONSHIP asks for concepts of what a fact is and
of what joins two, and our relation types have none.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from appliance.clinical.exports.writing import NoteFindings, Source, Written, table, words_of
from appliance.errors import ApplianceError
from appliance.records.assertions import Assertion
from appliance.records.findings import Finding
from appliance.records.spans import Span

COLUMNS: Final = (
    *("note_nlp_id", "note_id", "section_concept_id", "snippet", "offset", "lexical_variant"),
    *("note_nlp_concept_id", "note_nlp_source_concept_id", "nlp_system", "nlp_date"),
    *("nlp_datetime", "term_exists", "term_temporal", "term_modifiers"),
)
"""Of NOTE_NLP, in the order of the specification."""

OMOP_SYSTEM: Final = "https://fhir-terminology.ohdsi.org"
"""URI of OMOP's standard concepts (HL7 Terminology, code system OMOP)."""

_CUES: Final = ("note_nlp_id", "kind", "offset", "length")
_RELATIONS: Final = ("note_id", "note_nlp_id_1", "note_nlp_id_2", "relation", "score")
_MAP: Final = ("note_id", "site_note_id", "site_patient_id", "note_kind", "note_date")
# 60 bits of the keyed hash: a signed 64-bit integer, and no two of a billion notes alike but by
# a chance of one in two; that is checked, not trusted.
_DIGITS: Final = 15
_SNIPPET: Final = 60
_LONGEST_WORD: Final = 250
_LONGEST_MODIFIERS: Final = 2000


def write_omop(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`note_nlp.csv`, `note_nlp_cue.csv` (where cues stand), `note_map.csv`.

    Where pairs were judged, also `note_nlp_relation.csv`: head and tail by their `note_nlp_id`.
    """
    written = Written()
    seen: dict[int, str] = {}
    with (
        table(folder / "note_nlp.csv", COLUMNS) as main,
        table(folder / "note_nlp_cue.csv", _CUES) as cues,
        table(folder / "note_map.csv", _MAP) as mapping,
        ExitStack() as stack,
    ):
        if source.has_pairs:
            related = stack.enter_context(table(folder / "note_nlp_relation.csv", _RELATIONS))
        for entry in notes:
            note = entry.note
            number = int(note.note_id.removeprefix("n-")[:_DIGITS], 16)
            if seen.setdefault(number, note.note_id) != note.note_id:
                raise ApplianceError(f"{note.note_id} has the number of another note.")
            mapping.add(
                dict(
                    zip(
                        _MAP,
                        (number, note.note_id, note.patient_id or "", note.kind, note.written_on),
                        strict=True,
                    )
                )
            )
            ids: dict[Span, int] = {}
            for finding in entry.findings:
                written.rows["note_nlp"] += 1
                own = written.rows["note_nlp"]
                ids[Span(finding.start, finding.end, finding.label)] = own
                main.add(_row(own, number, entry, finding, source))
                for cue in finding.cues:
                    written.rows["note_nlp_cue"] += 1
                    values = (own, cue.kind.value, cue.start, cue.end - cue.start)
                    cues.add(dict(zip(_CUES, values, strict=True)))
            for one in entry.relations:
                row = (number, ids[one.head], ids[one.tail], one.label, one.score)
                related.add(dict(zip(_RELATIONS, row, strict=True)))
                written.rows["note_nlp_relation"] += 1
            written.rows["note_map"] += 1
    return written


def _row(
    own: int, note: int, entry: NoteFindings, finding: Finding, source: Source
) -> dict[str, object]:
    text = entry.note.text
    first, last = max(0, finding.start - _SNIPPET), finding.end + _SNIPPET
    return {
        "note_nlp_id": own,
        "note_id": note,
        "section_concept_id": 0,
        "snippet": " ".join(text[first:last].split())[:_LONGEST_WORD] if source.with_text else "",
        "offset": finding.start,
        # Required by the model; without leave to write words it is the type of the entity.
        "lexical_variant": (words_of(entry, finding) if source.with_text else finding.label)[
            :_LONGEST_WORD
        ],
        "note_nlp_concept_id": _concept_id(finding.link.concept, source),
        "note_nlp_source_concept_id": 0,
        "nlp_system": " ".join(
            ("appliance", *(f"{name} {digest[:12]}" for name, digest in source.finders))
        )[:_LONGEST_WORD],
        "nlp_date": source.made_at[:10],
        "nlp_datetime": source.made_at[:19],
        "term_exists": "N" if _is_not_there(finding) else "Y",
        "term_temporal": "Past" if finding.is_(Assertion.HISTORICAL) else "Present",
        "term_modifiers": _modifiers(finding)[:_LONGEST_MODIFIERS],
    }


def _concept_id(concept: str, source: Source) -> int:
    is_omops = source.vocabulary == OMOP_SYSTEM and concept.isascii() and concept.isdigit()
    return int(concept) if is_omops else 0


def _is_not_there(finding: Finding) -> bool:
    """As the model has it: negated, conditional, of somebody else, or uncertain is not there."""
    return any(
        finding.is_(kind)
        for kind in (
            Assertion.NEGATED,
            Assertion.FAMILY,
            Assertion.HYPOTHETICAL,
            Assertion.UNCERTAIN,
        )
    )


def _modifiers(finding: Finding) -> str:
    link = finding.link
    said = {
        "label": finding.label,
        "length": finding.end - finding.start,
        "score": finding.score,
        "section": finding.section,
        "subject": "family" if finding.is_(Assertion.FAMILY) else "patient",
        "negated": finding.is_(Assertion.NEGATED),
        "uncertain": finding.is_(Assertion.UNCERTAIN),
        "conditional": finding.is_(Assertion.HYPOTHETICAL),
        "concept": link.concept,
        "concept_reason": link.reason.value,
        "concept_score": link.score if link.reason else "",
    }
    return ";".join(
        f"{key}={str(value).lower() if isinstance(value, bool) else value}"
        for key, value in said.items()
        if value != ""
    )
