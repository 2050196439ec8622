"""An adapter over all notes in the vault, in Ray's workers, into findings."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.clinical.extraction.linking import digest_vocabulary, read_vocabulary
from appliance.clinical.extraction.parts import FindingsCard, Plan
from appliance.clinical.extraction.run import NOTES_PER_PART, check_free, find_finished
from appliance.clinical.extraction.run import extract as extract_ids
from appliance.clinical.vault.store import Vault
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import Cluster, connected
from appliance.errors import ApplianceError, BadInput
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.records.access import Verb
from appliance.records.cards import HeadKind
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
from appliance.workflows.ingest import opened_vault
from appliance.workflows.precision import Compared, check_precision
from appliance.workflows.registry import choose_adapter, refuse_retired
from appliance.workflows.site import Site, open_site


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
    """

    out: str
    adapter: str
    notes: int
    format: str
    digest: Digest
    is_there: bool


@dataclass(frozen=True, slots=True)
class _Job:
    plan: Plan
    note_ids: list[NoteId]
    make_worker: Callable[[], NoteLabelling]
    make_compared: Callable[[], Compared]


def extract(
    root: Path,
    *,
    adapter: str | None = None,
    task: str | None = None,
    out: str,
    output_format: str = "parquet",
    vocabulary: Path | None = None,
    cohort: str = "",
    progress: Progress,
) -> FindingsCard:
    """Findings of every note in the vault are at `SITE/findings/OUT`.

    Args:
        root: The site.
        adapter: Name of an adapter; None takes the promoted one of the task.
        task: Whose; None where one task alone has a promoted adapter, or one is named.
        out: Name of the findings.
        output_format: "parquet" or "jsonl".
        vocabulary: A table of concepts and names that findings are linked to.
        cohort: Only of the notes of that cohort; "" for all.
        progress: Told of every block.

    Raises:
        BadInput: No such adapter, or it is retired, no notes, a broken vocabulary or policy,
            other findings under that name, or `extraction.dtype` changes too many labels.
        NoSpace: The disk is full; finished parts are kept.
    """
    site = open_site(root)
    subject = json.dumps([adapter, task, out, output_format, str(vocabulary), cohort])
    allow(site, Verb.EXTRACT, subject)
    job = _prepare(site, _named(site, adapter, task), out, output_format, vocabulary, cohort)
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
    return _run(site, cluster, _prepare(site, adapter, out, output_format), out, progress)


def _run(site: Site, cluster: Cluster, job: _Job, out: str, progress: Progress) -> FindingsCard:
    plan, settings = job.plan, site.settings
    if _dtype(settings) != settings.learning.dtype:
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
    )
    site.ledger.record(
        "findings.extracted",
        {
            "name": out,
            "adapter_digest": plan.adapter_digest,
            "plan_digest": plan.digest,
            "notes": result.notes,
            "findings": result.findings,
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
) -> ExtractionPlan:
    """What `extract` would do; nothing is read but ids, nothing is written.

    Raises:
        BadInput: No such adapter, no notes, or other findings under that name.
    """
    site = open_site(root)
    allow(site, Verb.EXTRACT, with_second=False)
    name = _named(site, adapter, task)
    plan = _prepare(site, name, out, output_format, vocabulary, cohort).plan
    done = check_free(site.paths.findings / out, plan)
    return ExtractionPlan(
        out, plan.adapter, plan.notes, plan.output.value, plan.digest, done is not None
    )


def _named(site: Site, adapter: str | None, task: str | None) -> str:
    if adapter is None:
        return choose_adapter(site, task)
    if task is not None:
        raise BadInput("An adapter is named, and a task too.", "Leave --adapter or --task out.")
    return adapter


def _prepare(
    site: Site,
    adapter: str,
    out: str,
    output_format: str,
    vocabulary: Path | None = None,
    cohort: str = "",
) -> _Job:
    check_name(adapter, "an adapter", "--adapter")
    check_name(out, "findings", "--out")
    directory = site.paths.adapters / adapter
    card, digest = read_adapter(directory)
    require_kind(card, HeadKind.ENTITIES)
    refuse_retired(site, adapter, digest)
    base = ModelStore(site.paths.models).resolve(card.base)
    with opened_vault(site) as vault:
        note_ids, source_digest = vault.note_ids(), vault.digest()
    if cohort:
        chosen = read_cohort(site, cohort)
        there = frozenset(note_ids)
        note_ids = [note_id for note_id in chosen.note_ids if note_id in there]
        source_digest = Digest(f"{source_digest}:{chosen.digest}")
    plan = Plan(
        adapter=adapter,
        adapter_digest=digest,
        limits=_describe_limits(site.settings, card.max_tokens),
        source_digest=source_digest,
        notes=len(note_ids),
        notes_per_block=site.settings.extraction.notes_per_block,
        notes_per_part=NOTES_PER_PART,
        output=OutputFormat(output_format),
        rules_digest=load_assertion(site.paths.policies).digest,
        vocabulary_digest="" if vocabulary is None else digest_vocabulary(vocabulary),
    )
    if vocabulary is not None:
        # Here already: what is wrong with it is known before any worker starts.
        read_vocabulary(vocabulary)
    make_worker = partial(
        make_labelling,
        site.paths.root,
        directory,
        base.path,
        site.settings,
        card.max_tokens,
        None if vocabulary is None else vocabulary.absolute(),
    )
    make_compared = partial(
        _make_compared, site.paths.root, directory, base.path, site.settings, card.max_tokens
    )
    return _Job(plan, note_ids, make_worker, make_compared)


def make_labelling(
    root: Path,
    adapter: Path,
    base: Path,
    settings: SiteSettings,
    max_tokens: int,
    vocabulary: Path | None = None,
) -> NoteLabelling:
    """The vault and the adapter, opened in the worker that calls this."""
    paths = SitePaths(root)
    vault = open_worker_vault(root)
    return NoteLabelling(
        vault,
        _load(adapter, base, settings, max_tokens, _dtype(settings)),
        ContextEngine(load_assertion(paths.policies)),
        None if vocabulary is None else read_vocabulary(vocabulary),
    )


def _make_compared(
    root: Path, adapter: Path, base: Path, settings: SiteSettings, max_tokens: int
) -> Compared:
    return Compared(
        open_worker_vault(root),
        _load(adapter, base, settings, max_tokens, settings.learning.dtype),
        _load(adapter, base, settings, max_tokens, _dtype(settings)),
    )


def _load(
    adapter: Path, base: Path, settings: SiteSettings, max_tokens: int, dtype: str
) -> AdapterLabeller:
    learning = settings.learning
    return AdapterLabeller.load(
        adapter,
        base,
        device=learning.device,
        max_tokens=max_tokens,
        stride_tokens=settings.extraction.stride_tokens,
        batch_tokens=learning.batch_tokens,
        dtype=dtype,
    )


def _dtype(settings: SiteSettings) -> str:
    """What notes are read in."""
    return settings.extraction.dtype or settings.learning.dtype


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


def _describe_limits(settings: SiteSettings, max_tokens: int) -> str:
    """All that changes what an adapter finds, besides itself."""
    learning = settings.learning
    stride = settings.extraction.stride_tokens
    dtype = _dtype(settings)
    return f"{max_tokens}-{stride}-{learning.batch_tokens}-{dtype}-{learning.device}"


def _gpus_per_actor(settings: SiteSettings) -> float:
    if settings.learning.device != "cuda":
        return 0
    return settings.ray.gpus / settings.extraction.actors
