"""What is done with findings: exported for other tools inside the site, counted for others."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import write_manifest
from appliance.artifacts.writing import check_absent, folder_atomically, write_atomically
from appliance.clinical.exports.known import EXPORTERS, HOLD_NOTES
from appliance.clinical.exports.writing import LeftOut, NoteFindings, Source
from appliance.clinical.extraction.parts import FindingsCard
from appliance.clinical.extraction.reading import (
    has_stamps,
    open_findings,
    open_relations,
    read_stamps,
)
from appliance.clinical.vault.store import Vault, split_stamps
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.access import Verb
from appliance.records.findings import Finding, RelationFinding
from appliance.records.identifiers import NoteId
from appliance.records.progress import Progress
from appliance.records.spans import Span
from appliance.settings.disclosure import load_disclosure
from appliance.settings.names import check_name
from appliance.workflows.access import allow
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site, open_site

KIND: Final = "export"
CARD: Final = "card.json"
_NOTES_AT_ONCE: Final = 256

_Found = tuple[NoteId, list[Finding], list[RelationFinding]]


@dataclass(frozen=True, slots=True)
class ExportCard:
    """An export's datasheet.

    Attributes:
        name: Directory name under `SITE/exports/`.
        findings: Name of the findings it was made of.
        plan_digest: Of these.
        format: See `appliance.clinical.exports.known`.
        with_text: Whether words of notes are in it.
        reason: Why it was made.
        rows: What it holds, by kind of thing.
        left_out: Findings that are not in it, by reason.
        policy_digest: Of the policies in force.
        made_at: ISO 8601, UTC.
        is_dry_run: Whether nothing was written.
    """

    name: str
    findings: str
    plan_digest: str
    format: str
    with_text: bool
    reason: str
    rows: dict[str, int]
    left_out: dict[str, int]
    policy_digest: str
    made_at: str
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class FindingCount:
    """How many patients and findings there are of one kind.

    Attributes:
        label: Entity type, or relation type.
        concept: Its concept, or ""; of a relation those of its ends.
        patients: Patients of whom it is said and not negated, of the family, or only feared; None
            where these are so few that the policy keeps the number back. Of a relation, patients
            of whom both its ends are said.
        findings: Such findings; None with `patients`.
    """

    label: str
    concept: str
    patients: int | None
    findings: int | None


def export(
    root: Path,
    name: str,
    *,
    out: str,
    output_format: str,
    reason: str,
    vocabulary: str = "",
    with_text: bool = False,
    dry_run: bool = False,
    progress: Progress,
) -> ExportCard:
    """The findings are at `SITE/exports/OUT` in that format, whole, and the ledger says so.

    They stay in the site: `policies/disclosure.toml` lets no finding out of it. What was found in a
    note that was changed since is left out and counted: its offsets are of another text.

    Args:
        root: The site.
        name: Of finished findings.
        out: Of the export.
        output_format: A key of `EXPORTERS`.
        reason: Why the notes are read; kept in the ledger.
        vocabulary: A URI that names the coding system of the findings' concepts.
        with_text: Whether the words that were found are written too.
        dry_run: Check only.
        progress: Told of every note.

    Raises:
        BadInput: No such findings, a name that is taken, a format that is text without leave.
        ManifestMismatch: The findings are not what was written; or an older version wrote them,
            which does not say of which versions of notes, and a note is shorter than they are.
        NoSpace: The disk is full; nothing is left of the export.
    """
    check_name(name, "findings", "the first argument")
    check_name(out, "an export", "--out")
    if output_format in HOLD_NOTES and not with_text:
        raise BadInput(
            f"The format {output_format} is the notes' own text with marks on it.",
            "Give --with-text if that is meant, or take another format.",
        )
    site = open_site(root)
    verb = Verb.EXPORT_TEXT if with_text else Verb.EXPORT
    allow(site, verb, f"{name} {out} {output_format}", with_second=not dry_run)
    found, notes = open_findings(site.paths.findings / name)
    destination = site.paths.exports / out
    check_absent(destination)
    source = Source(
        found.adapter,
        found.adapter_digest,
        found.made_at,
        vocabulary,
        with_text=with_text,
        found_by=tuple(found.found_by.items()),
    )
    card = ExportCard(
        out,
        name,
        found.plan_digest,
        output_format,
        with_text,
        reason,
        {"findings": found.findings, **_relation_rows(found)},
        {},
        site.policy_digest,
        site.clock.now().isoformat(timespec="seconds"),
        is_dry_run=dry_run,
    )
    if dry_run:
        return card
    site.paths.exports.mkdir(mode=0o700, exist_ok=True)
    progress.begin("Exporting", found.notes_with_findings)
    with opened_vault(site) as vault, folder_atomically(destination, 0o700) as folder:
        relations = open_relations(site.paths.findings / name)
        opened = _Opened(vault, _stamps_of(site.paths.findings / name), reason, progress)
        entries = opened.with_notes(_joined(notes, relations))
        written = EXPORTERS[output_format](folder, entries, source)
        left_out = written.left_out + opened.left_out
        card = replace(
            card,
            rows=dict(sorted(written.rows.items())),
            left_out=dict(sorted(left_out.items())),
        )
        body = json.dumps(asdict(card), indent=1, sort_keys=True) + "\n"
        write_atomically(folder / CARD, body.encode())
        write_manifest(folder, KIND)
    progress.end(", ".join(f"{count} {kind}" for kind, count in card.rows.items()))
    _record(site, found, card)
    return card


def count(root: Path, name: str, *, by_concept: bool = False) -> tuple[FindingCount, ...]:
    """How many patients have what; numbers below the policy's smallest are kept back.

    What is negated, of the family or only feared does not count.

    Raises:
        BadInput: No such findings, or no disclosure policy.
    """
    check_name(name, "findings", "the first argument")
    site = open_site(root)
    allow(site, Verb.COUNT_FINDINGS)
    smallest = load_disclosure(site.paths.policies).smallest
    found, notes = open_findings(site.paths.findings / name)
    patients: dict[tuple[str, str], set[str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    with opened_vault(site) as vault:
        owners = vault.owners()
        relations = open_relations(site.paths.findings / name)
        for note_id, findings, related in _joined(notes, relations):
            # All notes without a patient count as one patient's: they may be.
            owner = owners.get(note_id) or ""
            for label, concept in _said_of_patient(findings, related):
                key = (label, concept if by_concept else "")
                patients.setdefault(key, set()).add(owner)
                counts[key] += 1
    kept_back = _kept_back(patients, smallest)
    rows = [
        FindingCount(*key, None, None)
        if key in kept_back
        else FindingCount(*key, len(patients[key]), counts[key])
        for key in sorted(patients)
    ]
    site.ledger.record(
        "findings.counted",
        {
            "name": name,
            "plan_digest": found.plan_digest,
            "rows": len(rows),
            "kept_back": len(kept_back),
            "smallest": smallest,
        },
    )
    return tuple(rows)


def _kept_back(
    patients: Mapping[tuple[str, str], AbstractSet[str]], smallest: int
) -> set[tuple[str, str]]:
    """Rows that are not shown: those too small, and the next of a label until that is enough.

    Two at least, and together of no fewer patients than the smallest: what the label's total tells
    of them is no small number then (complementary suppression; Hundepool et al., Statistical
    Disclosure Control, 2012, 4.2).
    """
    hidden = {key for key, owners in patients.items() if len(owners) < smallest}
    for label in {label for label, _ in hidden}:
        own = [key for key in patients if key[0] == label]
        shown = sorted(
            (key for key in own if key not in hidden),
            key=lambda key: (len(patients[key]), key),
            reverse=True,
        )
        behind = [key for key in own if key in hidden]
        while shown and (
            len(behind) == 1 or len(set().union(*(patients[key] for key in behind))) < smallest
        ):
            behind.append(shown.pop())
        hidden.update(behind)
    return hidden


def _joined(
    notes: Iterable[tuple[NoteId, list[Finding]]],
    relations: Iterator[tuple[NoteId, list[RelationFinding]]],
) -> Iterator[_Found]:
    """Each note with its findings and the relations between them; both are sorted by note."""
    nothing: tuple[NoteId | None, list[RelationFinding]] = (None, [])
    at, waiting = next(relations, nothing)
    for note_id, findings in notes:
        if note_id == at:
            yield note_id, findings, waiting
            at, waiting = next(relations, nothing)
        else:
            yield note_id, findings, []


def _said_of_patient(
    findings: Sequence[Finding], relations: Sequence[RelationFinding]
) -> Iterator[tuple[str, str]]:
    """Label and concept of everything that the note says of its patient."""
    concepts: dict[Span, str] = {}
    for finding in findings:
        if finding.is_about_patient:
            concepts[Span(finding.start, finding.end, finding.label)] = finding.link.concept
            yield finding.label, finding.link.concept
    for one in relations:
        if one.head in concepts and one.tail in concepts:
            yield one.label, " > ".join(filter(None, (concepts[one.head], concepts[one.tail])))


def _relation_rows(found: FindingsCard) -> dict[str, int]:
    return {"relations": sum(found.relations.values())} if found.found_by else {}


def _stamps_of(directory: Path) -> frozenset[bytes] | None:
    """Of the notes as they were read; None where an older version wrote the findings."""
    return split_stamps(read_stamps(directory)) if has_stamps(directory) else None


@dataclass(slots=True)
class _Opened:
    """Notes as they are opened for an export, beside what was found in them.

    Attributes:
        vault: Where they are.
        stamps: Of the versions that were read; None where nobody knows.
        reason: Why they are opened.
        progress: Told of every note.
        left_out: What was found in those that are others by now.
    """

    vault: Vault
    stamps: AbstractSet[bytes] | None
    reason: str
    progress: Progress
    left_out: Counter[str] = field(default_factory=Counter)

    def with_notes(self, found: Iterator[_Found]) -> Iterator[NoteFindings]:
        """Each note that is as it was, with what was found in it."""
        while chunk := list(islice(found, _NOTES_AT_ONCE)):
            kept = self._as_read(chunk)
            self.progress.advance(len(chunk) - len(kept))
            if not kept:
                continue
            notes = self.vault.read_identified([note_id for note_id, *_ in kept], self.reason)
            for note, (note_id, findings, relations) in zip(notes, kept, strict=True):
                if any(finding.end > len(note.text) for finding in findings):
                    raise ManifestMismatch(
                        f"{note_id} has changed since these findings were made.",
                        "Extract again under another name, and export that.",
                    )
                yield NoteFindings(note, tuple(findings), tuple(relations))
                self.progress.advance()

    def _as_read(self, chunk: list[_Found]) -> list[_Found]:
        if self.stamps is None:
            return chunk
        now = self.vault.stamps_of([note_id for note_id, *_ in chunk])
        kept: list[_Found] = []
        for one in chunk:
            note_id, findings, relations = one
            if now.get(note_id) in self.stamps:
                kept.append(one)
            else:
                self.left_out[LeftOut.CHANGED_SINCE] += len(findings) + len(relations)
        return kept


def _record(site: Site, found: FindingsCard, card: ExportCard) -> None:
    site.ledger.record(
        "findings.exported",
        {
            "name": card.name,
            "findings": card.findings,
            "plan_digest": found.plan_digest,
            "format": card.format,
            "with_text": card.with_text,
            "reason": card.reason,
            "left_out": sum(card.left_out.values()),
        },
    )
