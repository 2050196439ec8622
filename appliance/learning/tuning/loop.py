"""The training loop: AdamW over LoRA and head, the best epoch kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.batches import padding_waste, plan_batches
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.losses import Loss
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Row
from appliance.learning.tuning.worker import TrainingWorker


@dataclass(frozen=True, slots=True)
class Epoch:
    """Figures of one pass.

    Attributes:
        number: From 1.
        loss: Mean training loss.
        dev_f1: On dev, 0 to 1: strict entity F1, or macro-F1 of relations.
        seconds: Training only, without dev.
        examples_per_s: Rows of this worker over `seconds`.
        padding: Share of computed tokens that were padding, 0 to 1.
    """

    number: int
    loss: float
    dev_f1: float
    seconds: float
    examples_per_s: float
    padding: float


def train(
    model: Any,
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    worker: TrainingWorker,
    loss: Loss,
    evaluate: Callable[[Any], float],
    report: Callable[[Epoch], None],
) -> Epoch:
    """The model holds the weights of its best epoch by dev F1, the later of equals.

    Args:
        model: With LoRA, on its device; only LoRA and head trainable.
        rows: All rows; every worker takes its share of each epoch's batches.
        encoder: The base model's tokenizer.
        recipe: Choices.
        worker: Where this runs.
        loss: Of one batch.
        evaluate: F1 on dev of the model given, 0 to 1.
        report: Told every epoch.

    Returns:
        The last epoch's figures, with the best epoch's `dev_f1`.
    """
    wrapped = worker.prepare_model(model) if worker.world_size > 1 else model
    optimizer = _optimizer(model, recipe)
    generator = np.random.default_rng(recipe.seed)
    best_f1, best = -1.0, _snapshot(model)
    for number in range(1, recipe.epochs + 1):
        started = time.perf_counter()
        batches, waste = _share(rows, encoder, recipe, generator, worker)
        wrapped.train()
        if not recipe.base_dropout:
            _silence_dropout(model)
        losses = [
            _step(wrapped, [rows[row] for row in batch], encoder, recipe, optimizer, loss, done)
            for batch, done in _with_progress(batches, number, recipe.epochs)
        ]
        seconds = time.perf_counter() - started
        f1 = evaluate(model)
        if f1 >= best_f1:
            best_f1, best = f1, _snapshot(model)
        seen = sum(len(batch) for batch in batches)
        epoch = Epoch(number, float(np.mean(losses)), f1, seconds, seen / seconds, waste)
        report(epoch)
    _restore(model, best)
    return Epoch(number, epoch.loss, best_f1, seconds, epoch.examples_per_s, waste)


def _share(
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    generator: np.random.Generator,
    worker: TrainingWorker,
) -> tuple[list[NDArray[np.int64]], float]:
    """This worker's batches of one epoch: as many as every other worker's."""
    lengths = np.array([len(row.ids) for row in rows], dtype=np.int64) + encoder.specials
    batches = plan_batches(lengths, recipe.batch_tokens, generator)
    waste = padding_waste(lengths, batches)
    # Workers wait for each other at every step: an uneven count would hang them.
    lacking = -len(batches) % worker.world_size
    batches = (batches + batches[:lacking] * worker.world_size)[: len(batches) + lacking]
    return batches[worker.rank :: worker.world_size], waste


def _with_progress(
    batches: Sequence[NDArray[np.int64]], number: int, epochs: int
) -> Iterator[tuple[NDArray[np.int64], float]]:
    for position, batch in enumerate(batches):
        yield batch, (number - 1 + (position + 1) / (len(batches) + 1)) / epochs


def _step(
    model: Any,
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    optimizer: Any,
    loss: Loss,
    done: float,
) -> float:
    """One update; returns the batch's mean loss. `done` is the share of all steps, 0 to 1."""
    import torch

    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * _schedule(done, recipe.warm_up)
    mean = loss(model, rows, encoder, recipe)
    mean.backward()
    torch.nn.utils.clip_grad_norm_(
        [p for group in optimizer.param_groups for p in group["params"]], recipe.clip
    )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(mean.detach())


def _schedule(done: float, warm_up: float) -> float:
    """Share of the peak learning rate: linear up, linear down to 0."""
    if done < warm_up:
        return done / warm_up
    return max(0.0, (1 - done) / max(1e-9, 1 - warm_up))


def _optimizer(model: Any, recipe: Recipe) -> Any:
    import torch

    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def _silence_dropout(model: Any) -> None:
    """The base model's dropout is off; that of the LoRA branches stays on."""
    from torch import nn

    for name, module in model.named_modules():
        if "lora_dropout" in name:
            continue
        if isinstance(module, nn.Dropout) or not any(True for _ in module.children()):
            module.eval()
        elif hasattr(module, "attention_dropout") or hasattr(module, "dropout"):
            module.training = False


def _snapshot(model: Any) -> dict[str, Any]:
    return {
        name: parameter.detach().to("cpu", copy=True)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def _restore(model: Any, weights: dict[str, Any]) -> None:
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
