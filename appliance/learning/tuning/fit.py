"""One training run, the same in this process and inside a worker of Ray Train."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.artifacts.manifest import read_manifest
from appliance.errors import BadInput
from appliance.learning.adapters import refuse_finished, write_adapter
from appliance.learning.device import choose_device
from appliance.learning.evaluation.score import count_matches, f1_score
from appliance.learning.inference.labeller import AdapterLabeller, Limits
from appliance.learning.lora import add_lora, load_classifier, save_weights
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.data import LabelledText, read_split
from appliance.learning.tuning.loop import Epoch, train
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import make_rows
from appliance.learning.tuning.worker import TrainingWorker
from appliance.records.cards import AdapterCard
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import Digest


def fit(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """An adapter trained on a corpus is at `config["out"]`, whole, with its card.

    Args:
        config: Plain values. What to train on: `corpus`, `base`, `out` (paths as str), `name`,
            `task`, `corpus_name`, `base_name`, `base_digest`, `types` (entity types), `made_at`
            (ISO 8601, UTC), and `metrics` (a file that gets one JSON line of figures per epoch,
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
    types = tuple(str(name) for name in _sequence(config["types"]))
    out, corpus, base = Path(given["out"]), Path(given["corpus"]), Path(given["base"])
    refuse_finished(out)
    corpus_digest = read_manifest(corpus, "corpus").digest
    examples = read_split(corpus / "train.parquet", types)
    dev = read_split(corpus / "dev.parquet", types)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    labels = bio_labels(types)
    model = _model(base, labels, recipe)
    encoder = Encoder.load(base)
    rows = make_rows(examples, encoder, types, recipe.max_tokens)
    if not rows:
        raise BadInput(
            f"Corpus {corpus.name!r} has no usable training example.", "Make a larger one."
        )
    last = train(
        model,
        rows,
        encoder,
        recipe,
        worker,
        _dev_scorer(dev, encoder, labels, recipe, worker),
        _reporter(given["metrics"], worker),
    )
    if worker.rank == 0:
        card = _card(given, recipe, labels, corpus_digest, last, len(examples))
        write_adapter(out, card, lambda draft: save_weights(model, draft, given["base_name"]))
    return {
        "dev_f1": last.dev_f1,
        "final_loss": last.loss,
        "examples": float(len(examples)),
        "epochs": float(recipe.epochs),
        "seconds": last.seconds,
        "examples_per_s": last.examples_per_s,
        "padding": last.padding,
    }


_PLAIN = (
    "out", "corpus", "base", "name", "task", "corpus_name", "base_name", "base_digest", "made_at",
    "metrics",
)  # fmt: skip


def _sequence(value: object) -> Sequence[object]:
    assert isinstance(value, list | tuple)
    return value


def _model(base: Path, labels: tuple[str, ...], recipe: Recipe) -> Any:
    device = choose_device(recipe.device)
    # The model is moved before LoRA is added: the other order has lost updates under DP.
    model = load_classifier(base, labels).to(device)
    return add_lora(model, rank=recipe.lora_rank, alpha=recipe.lora_alpha, dropout=recipe.dropout)


def _dev_scorer(
    dev: Sequence[LabelledText],
    encoder: Encoder,
    labels: tuple[str, ...],
    recipe: Recipe,
    worker: TrainingWorker,
) -> Callable[[Any], float]:
    """Strict F1 on dev; on rank 0 only, since only it keeps the best epoch."""
    gold = [GoldDocument(str(number), item.text, item.spans) for number, item in enumerate(dev)]
    texts = [item.text for item in dev]
    # Scored in the precision it was trained in, in windows as long as it was trained on.
    limits = Limits(
        recipe.max_tokens, recipe.max_tokens // 4, 4 * recipe.batch_tokens, recipe.dtype
    )

    def evaluate(model: Any) -> float:
        if worker.rank != 0 or not gold:
            return 0.0
        model.eval()
        found = AdapterLabeller(model, encoder, labels, limits).label(texts)
        spans = [[scored.span for scored in document] for document in found]
        return float(f1_score(count_matches(gold, spans).sum(axis=0)))

    return evaluate


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
    labels: tuple[str, ...],
    corpus_digest: Digest,
    last: Epoch,
    examples: int,
) -> AdapterCard:
    return AdapterCard(
        name=given["name"],
        task=given["task"],
        labels=labels,
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
        examples=examples,
        final_loss=last.loss,
        dev_f1=last.dev_f1,
        site_only=False,
        made_at=given["made_at"],
    )
