"""Train: a corpus and a base model become an adapter, inside a worker of Ray Train."""

import dataclasses
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import is_finished, list_finished, read_manifest
from appliance.cluster.connect import Cluster, connected
from appliance.cluster.training import choose_threads
from appliance.cluster.training import train as train_on_cluster
from appliance.errors import BadInput
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import BaseModel, ModelStore
from appliance.learning.tuning.checkpoints import held_by_one
from appliance.learning.tuning.coins import NONE, Coins, toss
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.own import Checked, Lesson
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.worker import TrainingWorker
from appliance.records.cards import AdapterCard, CorpusCard, PairTypes
from appliance.records.identifiers import Digest
from appliance.records.progress import Progress
from appliance.settings.keys import Purpose
from appliance.settings.names import check_name, is_name
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import KIND, read_card
from appliance.workflows.registry import is_recorded
from appliance.workflows.reviewed_training import begin_checked, fit_on_review, prepare_checked
from appliance.workflows.self_training import (
    ALONE,
    Teaching,
    begin_lesson,
    fit_on_notes,
    prepare_lesson,
)
from appliance.workflows.site import Site, open_site

_POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What a training run would do.

    Attributes:
        out: Name of the adapter.
        task: Label sheet's name.
        corpus: Name of the corpus.
        base: Name of the base model.
        examples: In the corpus's train split.
        epochs: Passes over them.
        lora_rank: Rank r.
        device: "cpu" or "cuda".
        workers: Of Ray Train.
        own_notes: Notes of the vault, or passages of a review, to learn from besides.
        is_there: Whether this very adapter is finished already.
    """

    out: str
    task: str
    corpus: str
    base: str
    examples: int
    epochs: int
    lora_rank: int
    device: str
    workers: int
    own_notes: int
    is_there: bool


@dataclass(frozen=True, slots=True)
class _Job:
    """A run whose parts are all there."""

    out: Path
    corpus: Path
    corpus_card: CorpusCard
    corpus_digest: Digest
    base: str
    types: tuple[str, ...]
    pairs: tuple[PairTypes, ...]
    epsilon: float
    lesson: Lesson | Checked | None
    coins: Coins


def train(
    root: Path,
    *,
    task: str,
    corpus: str,
    base: str | None,
    out: str,
    epsilon: float = 0.0,
    teaching: Teaching = ALONE,
    progress: Progress,
) -> AdapterCard:
    """The adapter is at `SITE/adapters/OUT`, whole, and the ledger says from what it was made.

    Args:
        root: The site.
        task: Name of a label sheet.
        corpus: Name of a finished corpus of that task.
        base: Name of a base model; None takes `learning.base` of site.toml.
        out: Name of the adapter. One made of the same parts is returned as it is.
        epsilon: Of differential privacy towards each training example; 0 trains without.
        teaching: Adapters that label notes of the vault to learn from besides, or a review.
        progress: Told every epoch.

    Raises:
        BadInput: No such task, corpus or base model, or another adapter has that name.
        ManifestMismatch: Corpus or base model is not what was written.
        NoSpace: The disk is full; nothing half-made is left.
    """
    site = open_site(root)
    job = _prepare(site, task, corpus, base, out, epsilon, teaching)
    made = _take_finished(site, job)
    if made is not None:
        return made
    with connected(site.settings.ray, site.paths.run) as cluster:
        return _run(site, cluster, job, progress)


def train_in(
    site: Site,
    cluster: Cluster,
    *,
    task: str,
    corpus: str,
    base: str | None,
    out: str,
    progress: Progress,
) -> AdapterCard:
    """The same, on an open site and a connected cluster."""
    job = _prepare(site, task, corpus, base, out)
    return _take_finished(site, job) or _run(site, cluster, job, progress)


def plan(
    root: Path,
    *,
    task: str,
    corpus: str,
    base: str | None,
    out: str,
    epsilon: float = 0.0,
    teaching: Teaching = ALONE,
) -> TrainingPlan:
    """What `train` would do; nothing is written.

    Raises:
        BadInput: See `train`.
    """
    site = open_site(root)
    job = _prepare(site, task, corpus, base, out, epsilon, teaching, dry_run=True)
    learning = site.settings.learning
    return TrainingPlan(
        out=out,
        task=task,
        corpus=corpus,
        base=job.base,
        examples=job.corpus_card.splits.get("train", 0),
        epochs=learning.epochs,
        lora_rank=learning.lora_rank,
        device=learning.device,
        workers=learning.workers,
        own_notes=job.lesson.notes if job.lesson else 0,
        is_there=_find_finished(site, job) is not None,
    )


def _prepare(
    site: Site,
    task: str,
    corpus: str,
    base: str | None,
    out: str,
    epsilon: float = 0.0,
    teaching: Teaching = ALONE,
    *,
    dry_run: bool = False,
) -> _Job:
    check_name(out, "an adapter", "--out")
    if not 0 <= epsilon < math.inf:
        raise BadInput("An epsilon is a number above 0.", "Give --epsilon 8, say.")
    sheet, _ = load_task(site.paths.labels, task)
    directory = site.paths.corpora / corpus
    if not is_name(corpus) or not is_finished(directory):
        known = [path.name for path in list_finished(site.paths.corpora)]
        raise BadInput(
            f"There is no finished corpus {json.dumps(corpus)}.",
            f"Finished: {', '.join(known) or 'none'}. Make one with `appliance synthesize`.",
        )
    card = read_card(directory)
    if card.task != sheet.name:
        raise BadInput(
            f"Corpus {corpus!r} was made for task {card.task!r}, not {task!r}.",
            f"Train with --task {card.task}, or on another corpus.",
        )
    model = base or site.settings.learning.base
    ModelStore(site.paths.models).require(model)
    types = tuple(entity.name for entity in sheet.entities)
    digest = read_manifest(directory, KIND, check=False).digest
    coins = NONE
    if epsilon and not sheet.taught:
        key, rows = site.keys.key(Purpose.PSEUDONYM), card.splits.get("train", 0)
        coins = toss(key, out, digest, rows)
    return _Job(
        out=site.paths.adapters / out,
        corpus=directory,
        corpus_card=card,
        corpus_digest=digest,
        base=model,
        types=types,
        pairs=tuple(PairTypes(one.name, one.head, one.tail) for one in sheet.taught),
        epsilon=epsilon,
        lesson=prepare_checked(
            site, types, teaching, epsilon, teaches_pairs=bool(sheet.taught), dry_run=dry_run
        )
        if teaching.reviewed
        else prepare_lesson(site, sheet.name, types, teaching, epsilon, dry_run=dry_run),
        coins=coins,
    )


def _take_finished(site: Site, job: _Job) -> AdapterCard | None:
    """The adapter that is there already; what a kill after its last byte left undone is done."""
    found = _find_finished(site, job)
    if found is None:
        return None
    card, digest = found
    _checkpoint(site, job.out.name).unlink(missing_ok=True)
    if not is_recorded(site, digest):
        _record(site, card, digest)
    return card


def _checkpoint(site: Site, name: str) -> Path:
    return site.paths.run / f"train-{name}.safetensors"


def _find_finished(site: Site, job: _Job) -> tuple[AdapterCard, Digest] | None:
    """The adapter of that name and its digest, if made of the same parts by the same settings."""
    if not is_finished(job.out):
        return None
    card, digest = read_adapter(job.out)
    learning = site.settings.learning
    same = (
        card.corpus_digest == job.corpus_digest
        and card.pairs == job.pairs
        and card.base_digest == ModelStore(site.paths.models).digest_of(job.base)
        and card.seed == learning.seed
        and card.epochs == learning.epochs
        and card.lora_rank == learning.lora_rank
        and card.lora_alpha == learning.lora_alpha
        and card.learning_rate == learning.learning_rate
        and card.max_tokens == learning.max_tokens
        and card.switches == _switches(site, job)
    )
    if not same:
        raise BadInput(
            f"There is an adapter {job.out.name!r} already, made of other parts or settings.",
            "Name another with --out, or remove that directory.",
        )
    return card, digest


def _switches(site: Site, job: _Job) -> dict[str, str]:
    settings = dataclasses.asdict(site.settings.learning)
    taught = job.lesson.switches() if job.lesson else {}
    recipe = Recipe.of({**settings, "epsilon": job.epsilon})
    return recipe.switches() | taught | job.coins.switches()


def _run(site: Site, cluster: Cluster, job: _Job, progress: Progress) -> AdapterCard:
    base = ModelStore(site.paths.models).resolve(job.base)
    learning = site.settings.learning
    metrics = site.paths.run / f"train-{job.out.name}.jsonl"
    config = _config(site, cluster, job, base, metrics)
    run: Callable[[Mapping[str, object], TrainingWorker], Mapping[str, float]] = fit
    if isinstance(job.lesson, Checked):
        config, run = {**config, **begin_checked(site, job.lesson)}, fit_on_review
    elif job.lesson:
        config, run = {**config, **begin_lesson(site, job.lesson)}, fit_on_notes
    progress.begin("train", learning.epochs)
    with held_by_one(_checkpoint(site, job.out.name)), _followed(metrics, progress):
        figures = train_on_cluster(
            cluster,
            run,
            config,
            workers=learning.workers,
            gpu=learning.device == "cuda",
            storage=site.paths.run / "training",
        )
    card, digest = read_adapter(job.out)
    _record(site, card, digest)
    progress.end(
        f"{card.examples} examples x {card.epochs} epochs, "
        f"{figures['examples_per_s']:.0f} examples/s, dev F1 {100 * card.dev_f1:.1f}"
    )
    return card


def _config(
    site: Site, cluster: Cluster, job: _Job, base: BaseModel, metrics: Path
) -> Mapping[str, object]:
    settings = dataclasses.asdict(site.settings.learning)
    workers = settings.pop("workers")
    settings.pop("base")
    return {
        **settings,
        "out": str(job.out),
        "name": job.out.name,
        "task": job.corpus_card.task,
        "corpus": str(job.corpus),
        "corpus_name": job.corpus.name,
        "base": str(base.path),
        "base_name": base.name,
        "base_digest": base.digest,
        "types": list(job.types),
        "pairs": [dataclasses.asdict(pair) for pair in job.pairs],
        "made_at": site.clock.now().isoformat(timespec="seconds"),
        "metrics": str(metrics),
        "checkpoint": str(_checkpoint(site, job.out.name)),
        "labels": str(site.paths.labels),
        "epsilon": job.epsilon,
        "left_out": list(job.coins.left_out),
        **job.coins.switches(),
        "threads": choose_threads(cluster.cpus, workers),
    }


def _record(site: Site, card: AdapterCard, digest: Digest) -> None:
    site.ledger.record(
        "adapter.trained",
        {
            "name": card.name,
            "task": card.task,
            "adapter_digest": digest,
            "corpus": card.corpus,
            "corpus_digest": card.corpus_digest,
            "base": card.base,
            "base_digest": card.base_digest,
            "examples": card.examples,
            "epochs": card.epochs,
            "dev_f1": round(card.dev_f1, 4),
            "site_only": card.site_only,
            "epsilon": "none" if card.epsilon is None else round(card.epsilon, 4),
        },
    )


@contextmanager
def _followed(metrics: Path, progress: Progress) -> Iterator[None]:
    """While the block runs, every line the training worker adds to `metrics` moves the bar.

    The worker is another process, and Ray Train hands over figures only at the end.
    """
    ended = threading.Event()
    metrics.unlink(missing_ok=True)

    def follow() -> None:
        seen = 0
        while True:
            last = ended.wait(_POLL_S)
            lines = _lines(metrics)
            for line in lines[seen:]:
                figures = json.loads(line)
                note = f"loss {figures['loss']:.3f}, dev F1 {100 * figures['dev_f1']:.1f}"
                progress.advance(1, note)
            seen = len(lines)
            if last:
                return

    follower = threading.Thread(target=follow, name="training-progress", daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
        metrics.unlink(missing_ok=True)


def _lines(metrics: Path) -> list[str]:
    """Whole lines only: the last one may be in the middle of being written."""
    try:
        return metrics.read_text(encoding="ascii").split("\n")[:-1]
    except OSError:
        return []
