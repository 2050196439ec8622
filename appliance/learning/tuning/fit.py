"""One training run, the same in this process and inside a worker of Ray Train."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.artifacts.manifest import read_manifest
from appliance.errors import BadInput
from appliance.learning.adapters import refuse_finished, write_adapter
from appliance.learning.device import choose_device
from appliance.learning.lora import add_lora, load_classifier, save_weights
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tokens.marking import MARKERS
from appliance.learning.tuning.entities import entity_objective
from appliance.learning.tuning.loop import Epoch, train
from appliance.learning.tuning.objective import Objective
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.relations import relation_objective
from appliance.learning.tuning.worker import TrainingWorker
from appliance.records.cards import AdapterCard, PairTypes
from appliance.records.identifiers import Digest


def fit(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """An adapter trained on a corpus is at `config["out"]`, whole, with its card.

    Args:
        config: Plain values. What to train on: `corpus`, `base`, `out` (paths as str), `name`,
            `task`, `corpus_name`, `base_name`, `base_digest`, `types` (entity types), `pairs`
            (relation types as `PairTypes`; given, they are what is learned), `made_at` (ISO 8601,
            UTC), and `metrics` (a file that gets one JSON line of figures per epoch,
            or ""). How: the fields of `Recipe`; what is left out has its default.
        worker: Where this runs. Rank 0 writes; all others only compute.

    Returns:
        `dev_f1`, `final_loss`, `examples`, `epochs`, `seconds`, `examples_per_s`, `padding`.

    Raises:
        BadInput: The corpus, the base model or the device is not usable, or `out` is finished.
        ManifestMismatch: The corpus was never finished, or differs from what was written.
    """
    import torch

    recipe, given = Recipe.of(config), {key: str(config.get(key, "")) for key in _PLAIN}
    out, corpus, base = Path(given["out"]), Path(given["corpus"]), Path(given["base"])
    refuse_finished(out)
    corpus_digest = read_manifest(corpus, "corpus").digest
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    encoder = Encoder.load(base)
    pairs = tuple(PairTypes(**pair) for pair in _sequence(config.get("pairs", [])))
    types = tuple(str(name) for name in _sequence(config["types"]))
    objective = (
        relation_objective(corpus, pairs, encoder, recipe)
        if pairs
        else entity_objective(corpus, types, encoder, recipe)
    )
    if not objective.rows:
        raise BadInput(
            f"Corpus {corpus.name!r} has no usable training example.", "Make a larger one."
        )
    model = _model(base, objective, recipe)
    last = train(
        model,
        objective.rows,
        encoder,
        recipe,
        worker,
        objective.loss,
        # Only rank 0 keeps the best epoch.
        objective.score if worker.rank == 0 else lambda _: 0.0,
        _reporter(given["metrics"], worker),
    )
    if worker.rank == 0:
        card = _card(given, recipe, objective, pairs, corpus_digest, last)
        write_adapter(out, card, lambda draft: save_weights(model, draft, given["base_name"]))
    return {
        "dev_f1": last.dev_f1,
        "final_loss": last.loss,
        "examples": float(objective.examples),
        "epochs": float(recipe.epochs),
        "seconds": last.seconds,
        "examples_per_s": last.examples_per_s,
        "padding": last.padding,
    }


_PLAIN = (
    "out", "corpus", "base", "name", "task", "corpus_name", "base_name", "base_digest", "made_at",
    "metrics",
)  # fmt: skip


def _sequence(value: object) -> Sequence[Any]:
    assert isinstance(value, list | tuple)
    return value


def _model(base: Path, objective: Objective, recipe: Recipe) -> Any:
    device = choose_device(recipe.device)
    # The model is moved before LoRA is added: the other order has lost updates under DP.
    model = load_classifier(base, objective.labels, objective.kind).to(device)
    return add_lora(
        model,
        objective.kind,
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
        site_only=False,
        made_at=given["made_at"],
        kind=objective.kind,
        pairs=pairs,
        markers=dict(MARKERS) if pairs else {},
    )
