"""An adapter over all notes in the vault, in Ray's workers, into findings."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.clinical.extraction.linking import digest_vocabulary, read_vocabulary
from appliance.clinical.extraction.parts import FindingsCard, Plan, find_begun
from appliance.clinical.extraction.run import NOTES_PER_PART, check_free, find_finished
from appliance.clinical.extraction.run import extract as extract_ids
from appliance.clinical.vault.store import Vault
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import Cluster, connected
from appliance.errors import ApplianceError, BadInput
from appliance.learning.adapters import read_adapter
from appliance.records.access import Verb
from appliance.records.events import Fact
from appliance.records.identifiers import Digest, NoteId
from appliance.records.progress import Progress
from appliance.settings.assertion import load_assertion
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.names import check_name
from appliance.settings.site import SitePaths
from appliance.settings.site_file import SiteSettings
from appliance.workflows.access import allow
from appliance.workflows.cohorts import read_cohort
from appliance.workflows.extract_sources import (
    Sources,
    choose_sources,
    open_labeller,
    open_pairs,
    open_reader,
)
from appliance.workflows.ingest import opened_vault
from appliance.workflows.precision import Compared, check_precision
from appliance.workflows.registry import choose_adapter, refuse_retired
from appliance.workflows.site import Site, open_site

# Between the digests of a cohort's notes and of the cohort.
_OF_COHORT: Final = ":"


@dataclass(frozen=True, slots=True)
class ExtractionPlan:
    """What an extraction would do.

    Attributes:
        out: Name of the findings.
        adapter: Name of the adapter.
        notes: Notes to read.
        format: Of the findings.
        digest: Of all that decides what is found.
        is_there: Whether these very findings are finished already.
        found_by: Of an adapter of relations, what would find the ends of pairs, with its digest.
        goes_on: Whether a run that was stopped is gone on with, on the notes there were when it
            began, though there are others now.
    """

    out: str
    adapter: str
    notes: int
    format: str
    digest: Digest
    is_there: bool
    found_by: dict[str, str]
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    out: str
    output_format: str = "parquet"
    vocabulary: Path | None = None
    cohort: str = ""
    entities: tuple[str, ...] = ()
    names: Path | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    plan: Plan
    note_ids: list[NoteId]
    stamps: bytes
    make_worker: Callable[[], NoteLabelling]
    make_compared: Callable[[], Compared]
    dtype: str
    goes_on: bool


def extract(
    root: Path,
    *,
    adapter: str | None = None,
    task: str | None = None,
    out: str,
    output_format: str = "parquet",
    vocabulary: Path | None = None,
    cohort: str = "",
    entities: Sequence[str] = (),
    names: Path | None = None,
    progress: Progress,
) -> FindingsCard:
    """Findings of every note in the vault are at `SITE/findings/OUT`.

    A run that was stopped is gone on with on the notes there were when it began: an import
    meanwhile must not cost days of work. What came or changed since is not in it, and that is told.

    Args:
        root: The site.
        adapter: Name of an adapter; None takes the promoted one of the task.
        task: Whose; None where one task alone has a promoted adapter, or one is named.
        out: Name of the findings.
        output_format: "parquet" or "jsonl".
        vocabulary: A table of concepts and names that findings are linked to.
        cohort: Only of the notes of that cohort; "" for all.
        entities: Of an adapter of relations: adapters that find the ends of pairs.
        names: Of the same: names of the types that none of these finds; None takes the task's own.
        progress: Told of every block.

    Raises:
        BadInput: No such adapter, or it is retired, no notes, a broken vocabulary or policy,
            other findings under that name, or `extraction.dtype` changes too many labels.
        NoSpace: The disk is full; finished parts are kept.
    """
    site = open_site(root)
    asked = [adapter, task, out, output_format, str(vocabulary), cohort, *entities, str(names)]
    allow(site, Verb.EXTRACT, json.dumps(asked))
    wanted = _Wanted(out, output_format, vocabulary, cohort, tuple(entities), names)
    job = _prepare(site, _named(site, adapter, task), wanted)
    # Before Ray is started: seconds for an answer that is known.
    done = find_finished(site.paths.findings / out, job.plan)
    if done is not None:
        return done
    with connected(site.settings.ray, site.paths.run) as cluster:
        return _run(site, cluster, job, out, progress)


def extract_notes(
    site: Site,
    cluster: Cluster,
    *,
    adapter: str,
    out: str,
    output_format: str = "parquet",
    progress: Progress,
) -> FindingsCard:
    """The same, on an open site and a connected cluster."""
    return _run(site, cluster, _prepare(site, adapter, _Wanted(out, output_format)), out, progress)


def _run(site: Site, cluster: Cluster, job: _Job, out: str, progress: Progress) -> FindingsCard:
    plan, settings = job.plan, site.settings
    if job.goes_on:
        progress.begin("Going on")
        progress.end(
            f"with the {plan.notes} notes of when it began; what came or changed since is not in it"
        )
    if job.dtype != settings.learning.dtype:
        check_precision(
            site,
            cluster,
            job.note_ids,
            plan.adapter_digest,
            job.make_compared,
            gpus_per_actor=_gpus_per_actor(settings),
            progress=progress,
        )
    result = extract_ids(
        partial(
            map_blocks,
            cluster,
            make_worker=job.make_worker,
            actors=settings.extraction.actors,
            gpus_per_actor=_gpus_per_actor(settings),
        ),
        job.note_ids,
        site.paths.findings / out,
        plan,
        recorder=site.ledger,
        policy_digest=site.policy_digest,
        made_at=site.clock.now().isoformat(timespec="seconds"),
        progress=progress,
        stamps=job.stamps,
    )
    site.ledger.record(
        "findings.extracted",
        {
            "name": out,
            "adapter_digest": plan.adapter_digest,
            "plan_digest": plan.digest,
            "notes": result.notes,
            "findings": result.findings,
            "relations": sum(result.relations.values()),
            "quarantined": sum(result.quarantined.values()),
        },
    )
    return result


def plan_extraction(
    root: Path,
    *,
    adapter: str | None = None,
    task: str | None = None,
    out: str,
    output_format: str = "parquet",
    vocabulary: Path | None = None,
    cohort: str = "",
    entities: Sequence[str] = (),
    names: Path | None = None,
) -> ExtractionPlan:
    """What `extract` would do; nothing is read but ids, nothing is written.

    Raises:
        BadInput: No such adapter, no notes, or other findings under that name.
    """
    site = open_site(root)
    allow(site, Verb.EXTRACT, with_second=False)
    wanted = _Wanted(out, output_format, vocabulary, cohort, tuple(entities), names)
    job = _prepare(site, _named(site, adapter, task), wanted)
    plan = job.plan
    done = check_free(site.paths.findings / out, plan)
    return ExtractionPlan(
        out,
        plan.adapter,
        plan.notes,
        plan.output.value,
        plan.digest,
        done is not None,
        dict(plan.found_by),
        job.goes_on,
    )


def _named(site: Site, adapter: str | None, task: str | None) -> str:
    if adapter is None:
        return choose_adapter(site, task)
    if task is not None:
        raise BadInput("An adapter is named, and a task too.", "Leave --adapter or --task out.")
    return adapter


def _prepare(site: Site, adapter: str, wanted: _Wanted) -> _Job:
    check_name(adapter, "an adapter", "--adapter")
    check_name(wanted.out, "findings", "--out")
    directory = site.paths.adapters / adapter
    card, digest = read_adapter(directory)
    refuse_retired(site, adapter, digest)
    sources = choose_sources(site, directory, card, wanted.entities, wanted.names)
    note_ids, stamps, source_digest = _choose_notes(site, wanted.cohort)
    vocabulary, reading = wanted.vocabulary, site.settings.extraction
    plan = Plan(
        adapter=adapter,
        adapter_digest=digest,
        limits=_describe_limits(site.settings, sources, card.max_tokens),
        source_digest=source_digest,
        notes=len(note_ids),
        notes_per_block=reading.notes_per_block,
        notes_per_part=NOTES_PER_PART,
        output=OutputFormat(wanted.output_format),
        rules_digest=load_assertion(site.paths.policies).digest,
        vocabulary_digest="" if vocabulary is None else digest_vocabulary(vocabulary),
        found_by=tuple(sources.found_by.items()),
        pair_sentences=reading.pair_sentences,
    )
    begun = _begun(site, wanted, plan, note_ids)
    if begun is not None:
        plan, note_ids, stamps = begun
    if vocabulary is not None:
        # Here already: what is wrong with it is known before any worker starts.
        read_vocabulary(vocabulary)
    make_worker = partial(
        make_labelling,
        site.paths.root,
        sources,
        site.settings,
        None if vocabulary is None else vocabulary.absolute(),
    )
    make_compared = partial(_make_compared, site.paths.root, sources, site.settings)
    dtype = _dtype(site.settings, sources)
    return _Job(plan, note_ids, stamps, make_worker, make_compared, dtype, begun is not None)


def _begun(
    site: Site, wanted: _Wanted, plan: Plan, note_ids: Sequence[NoteId]
) -> tuple[Plan, list[NoteId], bytes] | None:
    """What a stopped run was doing, where that was the same but for what came to the vault since.

    Of a cohort this is not asked: it is the same as long as its own notes are.
    """
    found = find_begun(site.paths.findings / wanted.out)
    if found is None or found.source_digest == plan.source_digest:
        return None
    if wanted.cohort or _OF_COHORT in found.source_digest:
        return None
    older = replace(plan, source_digest=found.source_digest, notes=len(found.note_ids))
    # What was taken back since is set aside as gone; where nothing is left it is another vault.
    if older.digest != found.plan_digest or set(found.note_ids).isdisjoint(note_ids):
        return None
    return older, found.note_ids, found.stamps


def _choose_notes(site: Site, cohort: str) -> tuple[list[NoteId], bytes, Digest]:
    """The notes to be read, their versions, and what tells whether they are the same again."""
    chosen = read_cohort(site, cohort) if cohort else None
    with opened_vault(site) as vault:
        # First: a note that comes meanwhile must not look like one that was read.
        stamps = vault.stamps(None if chosen is None else frozenset(chosen.note_ids))
        note_ids, source_digest = vault.note_ids(), vault.digest()
    if chosen is None:
        return note_ids, stamps, source_digest
    there = frozenset(note_ids)
    note_ids = [note_id for note_id in chosen.note_ids if note_id in there]
    # Of the cohort's own notes: others may come while it is read.
    own = hashlib.sha256(stamps).hexdigest()
    return note_ids, stamps, Digest(f"{own}{_OF_COHORT}{chosen.digest}")


def make_labelling(
    root: Path, sources: Sources, settings: SiteSettings, vocabulary: Path | None = None
) -> NoteLabelling:
    """The vault and what reads its notes, opened in the worker that calls this."""
    return NoteLabelling(
        open_worker_vault(root),
        open_labeller(sources, settings, _dtype(settings, sources)),
        ContextEngine(load_assertion(SitePaths(root).policies)),
        None if vocabulary is None else read_vocabulary(vocabulary),
        open_pairs(sources, settings),
    )


def _make_compared(root: Path, sources: Sources, settings: SiteSettings) -> Compared:
    return Compared(
        open_worker_vault(root),
        open_reader(sources.readers[0], settings, settings.learning.dtype),
        open_reader(sources.readers[0], settings, settings.extraction.dtype),
    )


def _dtype(settings: SiteSettings, sources: Sources) -> str:
    """What entities are found in; beside pairs, in what these are judged in."""
    cheaper = "" if sources.judge is not None else settings.extraction.dtype
    return cheaper or settings.learning.dtype


def open_worker_vault(root: Path) -> Vault:
    """The vault, opened in a worker: it may read notes and do nothing else.

    The keys are read here and not passed in: what is passed in goes through Ray's object store.
    """
    paths = SitePaths(root)
    keys = FileKeys(paths.keys)
    return Vault.open(
        paths.vault, keys.key(Purpose.VAULT), keys.key(Purpose.PSEUDONYM), _RecordedByDriver()
    )


class _RecordedByDriver:
    """What a worker's vault is given for a ledger: the driver has recorded the whole read."""

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """Nothing more to write for a read; anything else is not a worker's to do."""
        del facts
        if kind != "vault.read":
            raise ApplianceError(f"A worker may read notes, not do {kind!r}.")
        return 0


def _describe_limits(settings: SiteSettings, sources: Sources, max_tokens: int) -> str:
    """All that changes what an adapter finds, besides itself."""
    learning = settings.learning
    stride = settings.extraction.stride_tokens
    dtype = _dtype(settings, sources)
    return f"{max_tokens}-{stride}-{learning.reading_tokens}-{dtype}-{learning.device}"


def _gpus_per_actor(settings: SiteSettings) -> float:
    if settings.learning.device != "cuda":
        return 0
    return settings.ray.gpus / settings.extraction.actors
