"""Searching notes: for a reason, on record, and without showing a word that was not asked for."""

import json
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import check_absent
from appliance.clinical.vault.store import Vault
from appliance.clinical.vault.words import Hit, Where
from appliance.errors import BadInput
from appliance.records.access import Verb
from appliance.records.identifiers import NoteId
from appliance.records.progress import Progress
from appliance.workflows.access import allow
from appliance.workflows.cohorts import cohort_ids, cohort_path, save_cohort
from appliance.workflows.ingest import opened_vault
from appliance.workflows.search_tally import Tally, among
from appliance.workflows.site import open_site

_AROUND: Final = 60
_WORD: Final = re.compile(r"\w+")
_OPERATORS: Final = frozenset({"AND", "OR", "NOT", "NEAR"})


@dataclass(frozen=True, slots=True)
class FoundNote:
    """One note that was found.

    Attributes:
        note_id: The site's id.
        patient_id: The site's id of the patient, or None.
        kind: Type of note.
        written_on: ISO 8601 date, or "".
        snippet: Words around the first hit, where they were asked for.
    """

    note_id: str
    patient_id: str | None
    kind: str
    written_on: str
    snippet: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    Attributes:
        notes: How many notes hold the words.
        patients: Of how many patients.
        shown: The first of them.
        cohort: Name under which all of them were kept, or "".
    """

    notes: int
    patients: int
    shown: tuple[FoundNote, ...]
    cohort: str = ""


def search(
    root: Path,
    expression: str,
    reason: str,
    progress: Progress,
    *,
    kind: str | None = None,
    since: str = "",
    until: str = "",
    within: str = "",
    cohort: str = "",
    limit: int = 20,
    with_text: bool = False,
    dry_run: bool = False,
) -> SearchResult:
    """Which notes hold the words; the ledger keeps reason and count, never the words.

    Args:
        root: The site.
        expression: In FTS5's syntax: words, "a phrase", OR, NOT, begin*.
        reason: Letters and dashes.
        progress: Told of every note that is put into the index first.
        kind: Only notes of that kind.
        since: Only notes of that day or later, ISO 8601.
        until: Only notes of that day or earlier.
        within: Only notes of that cohort.
        cohort: Name under which all of them are kept.
        limit: How many are shown.
        with_text: Whether words around the first hit are shown.
        dry_run: Search all the same, and keep no cohort.

    Raises:
        Forbidden: Whoever runs this may not search, or not see text.
        BadInput: No expression, reason, day or cohort, or a name that is taken.
        NoSpace: The disk is full; no cohort is kept.
    """
    site = open_site(root)
    allow(site, Verb.SEARCH)
    if with_text:
        subject = json.dumps([expression, kind, since, until, within, limit])
        allow(site, Verb.SHOW_TEXT, subject, notes=limit)
    where = Where(kind, _day(since), _day(until))
    if cohort:
        # Now, and not after minutes of indexing.
        check_absent(cohort_path(site, cohort))
    only = cohort_ids(site, within) if within else None
    with opened_vault(site) as vault:
        progress.begin("Indexing notes", vault.left_to_index())
        while count := vault.index_some(reason):
            progress.advance(count)
        progress.end()
        directory = site.paths.vault
        hits = vault.find_identified(expression, where, reason)
        if only is not None:
            hits = among(vault, hits, only, directory)
        keeps_notes = bool(cohort) and not dry_run
        with Tally(directory, limit, keeps_notes=keeps_notes) as tally:
            tally.add_all(hits)
            patients = tally.patients.count()
            if keeps_notes:
                save_cohort(site, cohort, map(NoteId, tally.notes), reason)
        shown = tuple(_shown(vault, tally.first, expression, reason, with_text=with_text))
    return SearchResult(tally.count, patients, shown, cohort)


def _shown(
    vault: Vault, hits: list[Hit], expression: str, reason: str, *, with_text: bool
) -> list[FoundNote]:
    snippets: list[str | None] = [None] * len(hits)
    if with_text and hits:
        notes = vault.read_identified([hit.note_id for hit in hits], reason)
        snippets = [_snippet(note.text, expression) for note in notes]
    return [
        FoundNote(hit.note_id, hit.patient_id, hit.kind, hit.written_on, snippet)
        for hit, snippet in zip(hits, snippets, strict=True)
    ]


def _snippet(text: str, expression: str) -> str:
    """Words around the first place where one of the words stands."""
    words = [word for word in _WORD.findall(expression) if word not in _OPERATORS]
    places = [
        match.start()
        for word in words
        if (match := re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE))
    ]
    at = min(places, default=0)
    return " ".join(text[max(0, at - _AROUND) : at + _AROUND].split())


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat() if value else ""
    except ValueError:
        pass
    raise BadInput("A day is written as YYYY-MM-DD.", "Give one such as 2026-03-14.")
