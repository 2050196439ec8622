"""What every export format has in common."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, Protocol

from appliance.records.findings import Finding, RelationFinding
from appliance.records.notes import Note
from appliance.records.spans import Span


class LeftOut(StrEnum):
    """Why a finding is not in an export."""

    NO_PATIENT = "no-patient"
    FAMILY = "about-family"
    HYPOTHETICAL = "hypothetical"
    END_NOT_OF_PATIENT = "an-end-not-of-patient"
    CHANGED_SINCE = "note-changed-since"


@dataclass(frozen=True, slots=True)
class NoteFindings:
    """One note and what was found in it, sorted by offset; relations join two of its findings."""

    note: Note
    findings: tuple[Finding, ...]
    relations: tuple[RelationFinding, ...] = ()

    def ends_of(self, relation: RelationFinding) -> tuple[Finding, Finding]:
        """The findings that stand at its head and at its tail."""
        at = {Span(one.start, one.end, one.label): one for one in self.findings}
        return at[relation.head], at[relation.tail]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the findings come from.

    Attributes:
        adapter: Name of the adapter.
        adapter_digest: Digest of its manifest.
        made_at: When they were extracted, ISO 8601, UTC.
        vocabulary: A URI that names the coding system of their concepts; "" for none.
        with_text: Whether the words that were found are written too.
        found_by: Where the adapter judges pairs, what found their ends, each with its digest.
    """

    adapter: str
    adapter_digest: str
    made_at: str
    vocabulary: str
    with_text: bool
    found_by: tuple[tuple[str, str], ...] = ()

    @property
    def has_pairs(self) -> bool:
        """Whether pairs of findings were judged too."""
        return bool(self.found_by)

    @property
    def finders(self) -> tuple[tuple[str, str], ...]:
        """What found the entities, with digests; of several nobody knows which found which."""
        return self.found_by or ((self.adapter, self.adapter_digest),)


@dataclass(slots=True)
class Written:
    """What an export holds: counts by kind of thing, and what was left out by reason."""

    rows: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


class Exporter(Protocol):
    """Writes notes' findings as files of one format."""

    def __call__(self, folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
        """The files are in the folder; what was given is in them, or counted as left out.

        Args:
            folder: Empty, and not yet under its name.
            notes: In the order of their ids.
            source: Of the findings.
        """


# A cell that begins so is a formula to the programs in which tables are opened.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def table(path: Path, columns: Sequence[str]) -> Iterator["Table"]:
    """A CSV (RFC 4180) with that header, readable by its owner only."""
    with path.open("x", encoding="utf-8", newline="") as file:
        path.chmod(0o600)
        yield Table(file, columns)


class Table:
    """Rows of a CSV."""

    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self._writer = csv.DictWriter(file, columns)
        self._writer.writeheader()

    def add(self, row: Mapping[str, object]) -> None:
        """One row; a note's words can't become a formula of whoever opens the table."""
        self._writer.writerow({name: _harmless(value) for name, value in row.items()})


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def words_of(entry: NoteFindings, finding: Finding | Span) -> str:
    """The words that were found, on one line."""
    return " ".join(entry.note.text[finding.start : finding.end].split())
