"""An extraction on disk: parts as they are finished, then card and manifest, then its name.

SITE/findings/.NAME.partial/     while it is made; a part counts when its ticket is there; .notes
                                 and .stamps say which notes it is of, for whoever goes on with it
SITE/findings/NAME/part-00000.parquet ... quarantine.jsonl, notes.stamps, card.json, manifest.json
Where pairs were judged, relations-00000.parquet lies beside each part.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.locks import held_alone
from appliance.artifacts.manifest import digest_file, is_finished, read_manifest, write_manifest
from appliance.artifacts.writing import disk_errors, sync_directory, write_atomically
from appliance.clinical.extraction.formats import OutputFormat, encode, encode_relations
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.findings import Finding, RelationFinding
from appliance.records.identifiers import Digest, NoteId

KIND: Final = "findings"
CARD: Final = "card.json"
QUARANTINE: Final = "quarantine.jsonl"
STAMPS: Final = "notes.stamps"
"""Which notes were read, and which version of each: see `Vault.stamps`."""
_PLAN: Final = ".plan"
_LOCK: Final = ".lock"
# The plan's digest, that of its source, and the ids of its notes, each on a line; their stamps.
_NOTES: Final = ".notes"
_NOTE_STAMPS: Final = ".stamps"
# How many parts there will be, for whoever looks on.
_PARTS: Final = ".parts"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be extracted; the same plan gives the same parts.

    Attributes:
        adapter: Its name.
        adapter_digest: Digest of its manifest.
        limits: How the adapter cuts and batches texts, in one word.
        source_digest: Digest of ids and versions of the notes.
        notes: Count of notes.
        notes_per_block: What one call of a worker labels together.
        notes_per_part: What one part covers.
        output: Format of the parts.
        rules_digest: Digest of the rules that say how findings are meant.
        vocabulary_digest: Of the vocabulary that findings are linked to; "" for none.
        found_by: Where the adapter judges pairs, what finds their ends, each with its digest; the
            more trusted first.
        pair_sentences: How many sentences after the first end the other may stand.
    """

    adapter: str
    adapter_digest: Digest
    limits: str
    source_digest: Digest
    notes: int
    notes_per_block: int
    notes_per_part: int
    output: OutputFormat
    rules_digest: str = ""
    vocabulary_digest: str = ""
    found_by: tuple[tuple[str, str], ...] = ()
    pair_sentences: int = 0

    @property
    def has_pairs(self) -> bool:
        """Whether pairs of findings are judged too."""
        return bool(self.found_by)

    @property
    def digest(self) -> Digest:
        """SHA-256 over all of it."""
        # Without pairs as it was before there were any: what is finished stays finished.
        left_out = () if self.has_pairs else ("found_by", "pair_sentences")
        said = {key: value for key, value in asdict(self).items() if key not in left_out}
        canonical = json.dumps(said, sort_keys=True)
        return Digest(hashlib.sha256(canonical.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Begun:
    """What an extraction that was stopped is of.

    Attributes:
        plan_digest: Of its plan.
        source_digest: Of ids and versions of the notes there were when it began.
        note_ids: These.
        stamps: See `Vault.stamps`.
    """

    plan_digest: str
    source_digest: Digest
    note_ids: list[NoteId]
    stamps: bytes


@dataclass(frozen=True, slots=True)
class FindingsCard:
    """An extraction's datasheet.

    Attributes:
        name: Directory name under `SITE/findings/`.
        plan_digest: Digest of the plan it fulfils.
        adapter: Name of the adapter.
        adapter_digest: Digest of its manifest.
        policy_digest: Digest of the policies in force.
        format: "parquet" or "jsonl".
        notes: Notes asked for.
        notes_with_findings: Notes with at least one.
        findings: Count.
        labels: Label to count of findings.
        assertions: What is said of findings to count of those of which it is said.
        sections: Section to count of findings in it.
        linked: Why findings have a concept, or none, to count.
        quarantined: Kind of failure to count of notes without an answer.
        made_at: ISO 8601, UTC.
        relations: Relation type to count of pairs that stand in it.
        pairs: Of pairs of findings, those "judged" and those "left-out", where a note has too many.
        found_by: What found the ends of pairs, with its digest; empty where none were judged.
    """

    name: str
    plan_digest: Digest
    adapter: str
    adapter_digest: Digest
    policy_digest: str
    format: str
    notes: int
    notes_with_findings: int
    findings: int
    labels: dict[str, int]
    quarantined: dict[str, int]
    made_at: str
    assertions: dict[str, int] = field(default_factory=dict)
    sections: dict[str, int] = field(default_factory=dict)
    linked: dict[str, int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    found_by: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartContent:
    """What one part holds.

    Attributes:
        findings: Sorted.
        quarantined: Notes that gave none because they failed, with the kind of failure.
        relations: Sorted.
        pairs: See `FindingsCard`.
    """

    findings: Sequence[Finding]
    quarantined: Mapping[NoteId, str]
    relations: Sequence[RelationFinding] = ()
    pairs: Mapping[str, int] = field(default_factory=dict)


def read_card(directory: Path) -> FindingsCard:
    """The card of a finished extraction, every byte of which was checked.

    Raises:
        ManifestMismatch: It was never finished, or differs from what was written.
    """
    read_manifest(directory, KIND)
    try:
        return FindingsCard(**json.loads((directory / CARD).read_bytes()))
    except (OSError, ValueError, TypeError):
        raise ManifestMismatch(
            f"{directory.name}: its card is unreadable.", "Remove the directory and extract again."
        ) from None


def count_findings(findings: Sequence[Finding]) -> dict[str, Counter[str]]:
    """What a card counts of findings, by its own names."""
    return {
        "labels": Counter(finding.label for finding in findings),
        "assertions": Counter(cue.kind.value for one in findings for cue in one.cues),
        "sections": Counter(one.section for one in findings if one.section),
        "linked": Counter(one.link.reason.value for one in findings if one.link.reason),
    }


class Draft:
    """An extraction that is being made in its hidden directory."""

    def __init__(self, destination: Path, plan: Plan) -> None:
        self._destination = destination
        self._directory = _hidden(destination)
        self._plan = plan

    def keep_notes(self, note_ids: Sequence[NoteId], stamps: bytes) -> None:
        """Whoever goes on with it knows of which notes it is, also when others came since."""
        if (self._directory / _NOTES).is_file():
            return
        write_atomically(self._directory / _NOTE_STAMPS, stamps)
        lines = [self._plan.digest, self._plan.source_digest, *note_ids]
        write_atomically(self._directory / _NOTES, "\n".join(lines).encode())

    def is_part_done(self, number: int) -> bool:
        """Whether the part was written whole, by this run or by one before it."""
        ticket = self._ticket(number)
        path = self._part(number)
        if ticket is None or not _is_as_written(path, ticket["sha256"]):
            return False
        wanted = ticket.get("relations_sha256")
        return not self._plan.has_pairs or _is_as_written(self._relations(number), wanted)

    def write_part(self, number: int, part: PartContent) -> None:
        """The part is on disk and counts.

        Raises:
            NoSpace: The disk is full; the parts before it stay.
            BadInput: An erasure threw the draft away: it held findings of who was erased.
        """
        if not self._directory.is_dir():
            raise BadInput(
                f"Notes were erased meanwhile, and {self._destination.name} was thrown away.",
                "Run the same command again: it reads the notes that are left.",
            )
        content = encode(part.findings, self._plan.output)
        write_atomically(self._part(number), content)
        ticket = {
            "sha256": hashlib.sha256(content).hexdigest(),
            **count_findings(part.findings),
            "notes": len({finding.note_id for finding in part.findings}),
            "quarantined": dict(part.quarantined),
        }
        if self._plan.has_pairs:
            content = encode_relations(part.relations, self._plan.output)
            write_atomically(self._relations(number), content)
            ticket["relations_sha256"] = hashlib.sha256(content).hexdigest()
            ticket["relations"] = Counter(one.label for one in part.relations)
            ticket["pairs"] = dict(part.pairs)
        write_atomically(self._ticket_path(number), json.dumps(ticket).encode())

    def finish(
        self, parts: int, policy_digest: str, made_at: str, stamps: bytes = b""
    ) -> FindingsCard:
        """The extraction stands under its name, whole."""
        card, quarantined = self._summarise(parts, policy_digest, made_at)
        lines = [
            json.dumps({"note_id": note_id, "reason": reason}) + "\n"
            for note_id, reason in sorted(quarantined.items())
        ]
        write_atomically(self._directory / QUARANTINE, "".join(lines).encode())
        write_atomically(self._directory / STAMPS, stamps)
        body = json.dumps(asdict(card), indent=1, sort_keys=True) + "\n"
        write_atomically(self._directory / CARD, body.encode())
        write_manifest(self._directory, KIND)
        publish(self._destination)
        return card

    def _summarise(
        self, parts: int, policy_digest: str, made_at: str
    ) -> tuple[FindingsCard, dict[str, str]]:
        counts = {**count_findings([]), "relations": Counter[str](), "pairs": Counter[str]()}
        quarantined: dict[str, str] = {}
        notes = 0
        for number in range(parts):
            ticket = self._ticket(number)
            assert ticket is not None, "every part has its ticket by now"
            for name, counter in counts.items():
                counter.update(ticket.get(name, {}))
            quarantined.update(ticket["quarantined"])
            notes += ticket["notes"]
        card = FindingsCard(
            name=self._destination.name,
            plan_digest=self._plan.digest,
            adapter=self._plan.adapter,
            adapter_digest=self._plan.adapter_digest,
            policy_digest=policy_digest,
            format=self._plan.output,
            notes=self._plan.notes,
            notes_with_findings=notes,
            findings=counts["labels"].total(),
            **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
            quarantined=dict(sorted(Counter(quarantined.values()).items())),
            made_at=made_at,
            found_by=dict(self._plan.found_by),
        )
        return card, quarantined

    def _part(self, number: int) -> Path:
        return self._directory / f"part-{number:05d}.{self._plan.output}"

    def _relations(self, number: int) -> Path:
        return self._directory / f"relations-{number:05d}.{self._plan.output}"

    def _ticket_path(self, number: int) -> Path:
        return self._directory / f".part-{number:05d}.ticket"

    def _ticket(self, number: int) -> dict[str, Any] | None:
        try:
            ticket = json.loads(self._ticket_path(number).read_bytes())
        except (OSError, ValueError):
            return None
        return ticket if isinstance(ticket, dict) else None


@contextmanager
def opened_draft(destination: Path, plan: Plan) -> Iterator[Draft]:
    """The draft of this plan, gone on with where one was left, for this process alone.

    A draft of another plan (notes were imported since, another adapter) is thrown away.

    Raises:
        BadInput: Another process is at it.
        NoSpace: The disk is full.
    """
    directory = _hidden(destination)
    with disk_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    what = f"Another process is extracting into {destination.name}."
    with held_alone(directory / _LOCK, what, "Wait until it is done."):
        _keep_or_clear(directory, plan)
        yield Draft(destination, plan)


def find_begun(destination: Path) -> Begun | None:
    """What the extraction that was stopped there is of; None where there is none, or nobody knows.

    Nothing is written.
    """
    directory = _hidden(destination)
    try:
        lines = (directory / _NOTES).read_text(encoding="ascii").split("\n")
        plan_digest, source_digest, *ids = lines
        stamps = (directory / _NOTE_STAMPS).read_bytes()
    except (OSError, ValueError):
        return None
    return Begun(plan_digest, Digest(source_digest), [NoteId(one) for one in ids], stamps)


def publish(destination: Path) -> bool:
    """A draft that has its manifest stands under its name; whether there was one."""
    directory = _hidden(destination)
    if not is_finished(directory):
        return False
    with disk_errors(destination):
        for path in directory.glob(".*"):
            path.unlink()
        directory.rename(destination)
        sync_directory(destination.parent)
    return True


def _is_as_written(path: Path, sha256: str | None) -> bool:
    return path.is_file() and digest_file(path) == sha256


def _hidden(destination: Path) -> Path:
    return destination.with_name(f".{destination.name}.partial")


def _keep_or_clear(directory: Path, plan: Plan) -> None:
    path = directory / _PLAN
    try:
        same = path.read_text(encoding="ascii") == plan.digest
    except (OSError, ValueError):
        same = False
    if same:
        return
    with disk_errors(directory):
        for old in directory.iterdir():
            if old.name != _LOCK:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    write_atomically(path, plan.digest.encode())
    write_atomically(directory / _PARTS, str(-(-plan.notes // plan.notes_per_part)).encode())
