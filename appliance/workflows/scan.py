"""Inspecting texts with the site's gate: one verdict per input, in order."""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from appliance.errors import BadInput, IntegrityError
from appliance.gate.denials import denial_facts
from appliance.gate.inspection import Gate
from appliance.gate.opening import open_gate
from appliance.records.progress import Progress
from appliance.records.verdicts import Decision, Verdict
from appliance.settings.keys import Purpose, pseudonym
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.inputs import STDIN, InputText, Place, locate_inputs, read_inputs
from appliance.workflows.scan_actors import content_id, make_inspector, rule_in_actors
from appliance.workflows.site import Site, check_kept, open_site

_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One verdict with the id of its input."""

    id: str
    verdict: Verdict

    @property
    def is_denied(self) -> bool:
        """Whether the gate denied it."""
        return self.verdict.decision is Decision.DENY

    def to_plain(self) -> dict[str, object]:
        """The line that `gate scan` prints; offsets in code points of the input as given.

        A denial without a finding says why it was denied.
        """
        findings = [
            {
                "start": hit.start,
                "end": hit.end,
                "entity": hit.entity,
                "score": round(hit.score, 4),
                "detector": hit.detector,
            }
            for hit in self.verdict.hits
        ]
        row: dict[str, object] = {
            "id": self.id,
            "decision": self.verdict.decision.value,
            "findings": findings,
        }
        if self.is_denied and not findings:
            row["reason"] = self.verdict.reason
        return row


def open_site_gate(site: Site) -> Gate:
    """The gate of an open site.

    Raises:
        IntegrityError: The index of its patients is gone.
        DetectorFailed: A detector does not load.
    """
    _check_index(site)
    index = site.paths.vault / PATIENT_INDEX
    return open_gate(site.paths.policies, index, site.keys, site.clock, site.ledger)


def _check_index(site: Site) -> None:
    try:
        check_kept(site, site.paths.vault / PATIENT_INDEX, "patients.imported", "patients")
    except IntegrityError as error:
        site.ledger.record("gate.closed", {"error": type(error).__name__})
        raise


def scan(
    root: Path,
    sources: Sequence[Path],
    stdin: BinaryIO,
    progress: Progress,
    *,
    jsonl: bool,
    only_decide: bool = False,
    actors: int = 1,
) -> Iterator[ScanRow]:
    """Each input's verdict, as soon as its batch is done and the ledger has its denials.

    Args:
        root: The site.
        sources: Files; `STDIN` reads `stdin`.
        stdin: Bytes of standard input.
        progress: Where to report.
        jsonl: Each line of each source is one input with "id" and "text"; else each source is one.
        only_decide: End the work on an input with the first finding that denies it.
        actors: How many of Ray's actors inspect; with one, this process does. The verdicts are the
            same.

    Raises:
        BadInput: A source can't be read, is not UTF-8, or has a malformed line; what was ruled
            before is out already. Or actors are to read standard input.
        DetectorFailed: A detector does not load.
        IntegrityError: A source changed while actors read it.
        ApplianceError: An actor failed.
    """
    site = open_site(root)
    job = _Job(site, sources, stdin, jsonl, only_decide)
    rulings = _rule_here(job) if actors == 1 else _rule_in_actors(job, actors)
    counts = {Decision.ALLOW: 0, Decision.DENY: 0}
    progress.begin("inspecting")
    try:
        for batch, verdicts in rulings:
            _record_denials(site, batch, verdicts)
            for one, verdict in zip(batch, verdicts, strict=True):
                counts[verdict.decision] += 1
                yield ScanRow(one.id, verdict)
            progress.advance(len(batch), f"{counts[Decision.DENY]} denied")
    finally:
        progress.end(f"{sum(counts.values())} inspected, {counts[Decision.DENY]} denied")
        site.ledger.record(
            "gate.scanned",
            {"allowed": counts[Decision.ALLOW], "denied": counts[Decision.DENY]},
        )


@dataclass(frozen=True, slots=True)
class _Job:
    site: Site
    sources: Sequence[Path]
    stdin: BinaryIO
    jsonl: bool
    only_decide: bool

    def batches(self) -> Iterator[list[InputText]]:
        return _batches(read_inputs(self.sources, self.stdin, jsonl=self.jsonl))


_Rulings = Iterator[tuple[list[InputText], list[Verdict]]]


def _rule_here(job: _Job) -> _Rulings:
    gate = open_site_gate(job.site)
    return (
        (batch, gate.inspect_many([one.text for one in batch], only_decide=job.only_decide))
        for batch in job.batches()
    )


def _rule_in_actors(job: _Job, actors: int) -> _Rulings:
    if STDIN in (job.sources or (STDIN,)):
        raise BadInput(
            "Actors read the inputs where they lie, and standard input lies nowhere.",
            "Name files, or leave --actors out.",
        )
    _check_index(job.site)
    return _follow_actors(job, actors)


def _follow_actors(job: _Job, actors: int) -> _Rulings:
    """This process reads the same inputs once more, and takes a verdict for what it reads only."""
    site, blocks = job.site, _find_blocks(job)
    sources = [source.resolve() for source in job.sources]
    make_worker = partial(
        make_inspector,
        site.paths.root,
        PATIENT_INDEX,
        sources,
        jsonl=job.jsonl,
        only_decide=job.only_decide,
    )
    answers = rule_in_actors(site.paths, site.settings.ray, blocks, make_worker, actors=actors)
    with closing(answers):
        for batch in job.batches():
            ruled = next(answers, [])
            expected = [(content_id(site.keys, one.text), site.policy_digest) for one in batch]
            if [(content, verdict.policy_digest) for content, verdict in ruled] != expected:
                raise IntegrityError(
                    "An input or a policy changed while it was inspected.",
                    "Scan again when nobody writes to it.",
                )
            yield batch, [verdict for _, verdict in ruled]


def _find_blocks(job: _Job) -> list[list[Place]]:
    """Places of the inputs, a batch each; up to a bad one, of which the next reading complains."""
    places: list[Place] = []
    with suppress(BadInput):
        for place, _ in locate_inputs(job.sources, job.stdin, jsonl=job.jsonl):
            places.append(place)
    return [places[at : at + _BATCH] for at in range(0, len(places), _BATCH)]


def text_id(site: Site, input_id: str) -> str:
    """What the ledger knows an input by: ids and names of files may name a patient."""
    return f"t-{pseudonym(site.keys.key(Purpose.PSEUDONYM), 'text', input_id)}"


def _record_denials(site: Site, batch: Sequence[InputText], verdicts: Sequence[Verdict]) -> None:
    site.ledger.record_many(
        (
            "text.denied",
            {"text": text_id(site, one.id), "content": content_id(site.keys, one.text)}
            | denial_facts(verdict),
        )
        for one, verdict in zip(batch, verdicts, strict=True)
        if verdict.decision is Decision.DENY
    )


def _batches(inputs: Iterator[InputText]) -> Iterator[list[InputText]]:
    """Batches of the inputs; what came before a bad one is a batch of its own, then it raises."""
    batch: list[InputText] = []
    try:
        for one in inputs:
            batch.append(one)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    except BadInput:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
