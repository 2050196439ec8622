"""One training run, the same in this process and inside a worker of Ray Train."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from appliance.artifacts.manifest import read_manifest
from appliance.artifacts.writing import write_atomically
from appliance.errors import BadInput
from appliance.learning.adapters import refuse_finished, write_adapter
from appliance.learning.device import choose_device
from appliance.learning.lora import add_lora, load_classifier, save_weights
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tokens.marking import MARKERS
from appliance.learning.tuning.checkpoints import Checkpoint
from appliance.learning.tuning.coins import SWITCH
from appliance.learning.tuning.doubting import check_doubting
from appliance.learning.tuning.entities import entity_objective
from appliance.learning.tuning.figures import Epoch
from appliance.learning.tuning.loop import train
from appliance.learning.tuning.objective import Objective
from appliance.learning.tuning.own import STAMPS, Own
from appliance.learning.tuning.private import (
    Spent,
    check_private,
    one_row_each,
    train_privately,
)
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.relations import relation_objective
from appliance.learning.tuning.worker import TrainingWorker
from appliance.records.cards import AdapterCard, HeadKind, PairTypes
from appliance.records.identifiers import Digest
from appliance.records.tasks import Vocabulary
from appliance.settings.tasks import load_task


def fit(
    config: Mapping[str, object], worker: TrainingWorker, own: Own | None = None
) -> Mapping[str, float]:
    """An adapter trained on a corpus is at `config["out"]`, whole, with its card.

    Args:
        config: Plain values. What to train on: `corpus`, `base`, `out` (paths as str), `name`,
            `task`, `corpus_name`, `base_name`, `base_digest`, `types` (entity types), `pairs`
            (relation types as `PairTypes`; given, they are what is learned), `made_at` (ISO 8601,
            UTC), `metrics` (a file that gets one JSON line of figures per epoch, or ""),
            `checkpoint` (a file to go on from after a kill, or ""), and `labels` (the directory
            of label sheets, where `vocabulary_weight` is to know the task's names), `left_out`
            (numbers of train rows that coins kept from an adapter of entities) and `coins` (what
            its card says of these). How: the fields of `Recipe`; what is left out has its default.
        worker: Where this runs. Rank 0 writes; all others only compute.
        own: Real texts to learn from besides; the adapter is the site's only then.

    Returns:
        `dev_f1`, `final_loss`, `examples`, `epochs`, `seconds`, `examples_per_s`, `padding`,
        `epsilon` (0 without differential privacy).

    Raises:
        BadInput: The corpus, the base model or the device is not usable, `out` is finished, or the
            recipe's switches don't go together.
        ManifestMismatch: The corpus was never finished, or differs from what was written.
    """
    import torch

    recipe, given = Recipe.of(config), {key: str(config.get(key, "")) for key in _PLAIN}
    out, corpus, base = Path(given["out"]), Path(given["corpus"]), Path(given["base"])
    refuse_finished(out)
    corpus_digest = read_manifest(corpus, "corpus").digest
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    encoder = Encoder.load(base)
    pairs = tuple(PairTypes(**pair) for pair in _sequence(config.get("pairs", [])))
    types = tuple(str(name) for name in _sequence(config["types"]))
    check_doubting(recipe, worker.world_size, relations=bool(pairs))
    objective = (
        relation_objective(corpus, pairs, encoder, recipe)
        if pairs
        else entity_objective(
            corpus,
            types,
            encoder,
            recipe,
            _vocabulary(given, recipe),
            own.texts if own else (),
            partial(_model, base, bio_labels(types), HeadKind.ENTITIES, recipe),
            frozenset(_sequence(config.get("left_out", []))),
        )
    )
    if not objective.rows:
        raise BadInput(
            f"Corpus {corpus.name!r} has no usable training example.", "Make a larger one."
        )
    # Here and not before: adapters may have been trained on the way.
    torch.manual_seed(recipe.seed)
    model = _model(base, objective.labels, objective.kind, recipe)
    # Only rank 0 keeps the best epoch.
    score = objective.score if worker.rank == 0 else lambda _: 0.0
    reporter = _reporter(given["metrics"], worker)
    spent, checkpoint = None, Checkpoint(None, "")
    if recipe.is_private:
        check_private(recipe, worker.world_size)
        rows = one_row_each(objective.rows)
        last, spent = train_privately(model, rows, encoder, recipe, objective.loss, score, reporter)
    else:
        place = Path(given["checkpoint"]) if given["checkpoint"] else None
        identity = _identity(given, recipe, corpus_digest, objective.labels, own)
        checkpoint = Checkpoint(place, identity)
        last = train(
            model,
            objective.rows,
            encoder,
            recipe,
            worker,
            objective.loss,
            score,
            reporter,
            checkpoint,
        )
    if worker.rank == 0:
        card = _card(given, recipe, objective, pairs, corpus_digest, last, spent)
        if own is not None:
            card = replace(card, site_only=True, switches=card.switches | own.switches())
        if given[SWITCH]:
            card = replace(card, switches={**card.switches, SWITCH: given[SWITCH]})

        def save(draft: Path) -> None:
            save_weights(model, draft, given["base_name"])
            if own is not None and own.stamps:
                write_atomically(draft / STAMPS, own.stamps)

        write_adapter(out, card, save)
        checkpoint.remove()
    return {
        "dev_f1": last.dev_f1,
        "final_loss": last.loss,
        "examples": float(objective.examples),
        "epochs": float(last.number),
        "seconds": last.seconds,
        "examples_per_s": last.examples_per_s,
        "padding": last.padding,
        "epsilon": spent.epsilon if spent else 0.0,
    }


_PLAIN = (
    "out", "corpus", "base", "name", "task", "corpus_name", "base_name", "base_digest", "made_at",
    "metrics", "checkpoint", "labels", SWITCH,
)  # fmt: skip


def _vocabulary(given: Mapping[str, str], recipe: Recipe) -> Vocabulary | None:
    """The task's, where it is asked for."""
    if recipe.vocabulary_weight >= 1 or not given["labels"]:
        return None
    return load_task(Path(given["labels"]), given["task"])[1]


def _identity(
    given: Mapping[str, str],
    recipe: Recipe,
    corpus: Digest,
    labels: tuple[str, ...],
    own: Own | None,
) -> str:
    """Of all that decides a run's weights: a checkpoint of another run is none of this one."""
    parts = [asdict(recipe), given["base_digest"], given["name"], corpus, labels]
    if own is not None:
        parts.append(own.switches())
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _sequence(value: object) -> Sequence[Any]:
    assert isinstance(value, list | tuple)
    return value


def _model(base: Path, labels: tuple[str, ...], kind: HeadKind, recipe: Recipe) -> Any:
    device = choose_device(recipe.device)
    # The model is moved before LoRA is added: the other order has lost updates under DP.
    model = load_classifier(base, labels, kind).to(device)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return add_lora(
        model,
        kind,
        rank=recipe.lora_rank,
        alpha=recipe.lora_alpha,
        dropout=recipe.dropout,
    )


def _reporter(metrics: str, worker: TrainingWorker) -> Callable[[Epoch], None]:
    def report(epoch: Epoch) -> None:
        figures = {
            "epoch": float(epoch.number),
            "loss": epoch.loss,
            "dev_f1": epoch.dev_f1,
            "seconds": epoch.seconds,
            "examples_per_s": epoch.examples_per_s,
        }
        if metrics and worker.rank == 0:
            with Path(metrics).open("a", encoding="ascii") as file:
                file.write(json.dumps(figures) + "\n")
        # Every worker reports: it is where they wait for each other.
        worker.report(figures)

    return report


def _card(
    given: Mapping[str, str],
    recipe: Recipe,
    objective: Objective,
    pairs: tuple[PairTypes, ...],
    corpus_digest: Digest,
    last: Epoch,
    spent: Spent | None,
) -> AdapterCard:
    return AdapterCard(
        name=given["name"],
        task=given["task"],
        labels=objective.labels,
        corpus=given["corpus_name"],
        corpus_digest=corpus_digest,
        base=given["base_name"],
        base_digest=Digest(given["base_digest"]),
        lora_rank=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        learning_rate=recipe.learning_rate,
        epochs=recipe.epochs,
        seed=recipe.seed,
        max_tokens=recipe.max_tokens,
        examples=objective.examples,
        final_loss=last.loss,
        dev_f1=last.dev_f1,
        made_at=given["made_at"],
        kind=objective.kind,
        pairs=pairs,
        markers=dict(MARKERS) if pairs else {},
        switches=recipe.switches(),
        epsilon=spent.epsilon if spent else None,
        delta=spent.delta if spent else None,
    )
