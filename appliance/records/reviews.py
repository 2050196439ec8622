"""What a person is asked to read of notes, and what the person decided; offsets, never text."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.records.breakdown import Figure
from appliance.records.identifiers import Digest, NoteId
from appliance.records.spans import Span


class Part(StrEnum):
    """Why something is in a queue."""

    RANDOM = "random"
    """A whole note, drawn by lot: what estimates are made of."""
    UNSURE = "unsure"
    """A passage around what the adapter was least sure of: what teaches most for the time."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One stretch of a note to be read from its first word to its last.

    Attributes:
        item_id: Its number in the queue, such as "i0001".
        note_id: The note.
        stamp: Of the version that is meant, in hexadecimal: see `Vault.stamps`.
        owner: The site's id of the patient, or of the note where it has none.
        part: Why it is here.
        stratum: Of what it was drawn, of the random part; "" else.
        start: First code point of the stretch.
        end: One past the last.
        found: What the adapter found in it, by offset in the note.
    """

    item_id: str
    note_id: NoteId
    stamp: str
    owner: str
    part: Part
    stratum: str
    start: int
    end: int
    found: tuple[Span, ...]

    @property
    def stamped(self) -> tuple[NoteId, bytes]:
        """The note, and the stamp of the version that is meant."""
        return self.note_id, bytes.fromhex(self.stamp)


@dataclass(frozen=True, slots=True)
class Queue:
    """What is to be read, and of what it was chosen.

    Attributes:
        review: Name of the review.
        digest: SHA-256 over the queue as it was made: what page and decisions are bound to.
        findings: Name of the findings.
        plan_digest: Of these.
        adapter: Name of the adapter that found them.
        adapter_digest: Digest of its manifest.
        labels: Entity types that can be marked.
        seed: Of the lot.
        random: How many notes were asked for by lot.
        unsure: How many passages were asked for that the adapter was least sure of.
        strata: Stratum to count of notes in it, of which some were drawn.
        items: In the order in which they are read.
        reason: Why the notes are read.
        made_at: ISO 8601, UTC.
        without: Names of the reviews whose patients were left out.
        apart: How many notes these were.
    """

    review: str
    digest: Digest
    findings: str
    plan_digest: str
    adapter: str
    adapter_digest: str
    labels: tuple[str, ...]
    seed: int
    random: int
    unsure: int
    strata: dict[str, int]
    items: tuple[QueueItem, ...]
    reason: str
    made_at: str
    without: tuple[str, ...] = ()
    apart: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said is right in one stretch.

    Attributes:
        item_id: Which.
        spans: All that is to be found in it, by offset in the note.
        seconds: Spent on it, as the page measured.
        decided_at: When, by the page's clock, ISO 8601.
        by: Name or number of the user who handed it in.
        taken_at: When it was handed in, ISO 8601, UTC.
    """

    item_id: str
    spans: tuple[Span, ...]
    seconds: float
    decided_at: str
    by: str
    taken_at: str

    @property
    def instant(self) -> datetime:
        """When it was decided."""
        return datetime.fromisoformat(self.decided_at)


@dataclass(frozen=True, slots=True)
class SampledScore:
    """What a random sample says of all notes it was drawn from; 0 to 1, with 95 % intervals."""

    precision: Figure
    recall: Figure
    f1: Figure


@dataclass(frozen=True, slots=True)
class ReviewedScore:
    """An adapter on the random part of a review, weighted as it was drawn.

    Attributes:
        review: Name of the review.
        hours: Spent on all of it.
        estimate: Of the adapter, over all notes that the sample was drawn from.
        outdated: Notes of the sample that it is not measured by: they were changed since.
        apart: Notes of patients who are in other reviews: it says nothing of these, and where those
            reviews looked for what an adapter was unsure of, they are harder than what is left.
        gained: Its F1 less the other adapter's, where one was named.
        gained_per_hour: The same, divided by the hours.
    """

    review: str
    hours: float
    estimate: SampledScore
    outdated: int = 0
    apart: int = 0
    gained: Figure | None = None
    gained_per_hour: Figure | None = None
