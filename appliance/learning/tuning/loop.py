"""The training loop: AdamW over LoRA and head, the best epoch kept, a place to go on from."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.batches import padding_waste, plan_batches
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.checkpoints import Checkpoint, Position
from appliance.learning.tuning.figures import Epoch
from appliance.learning.tuning.losses import Loss
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Row
from appliance.learning.tuning.worker import TrainingWorker

Batch = list[NDArray[np.int64]]


def train(
    model: Any,
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    worker: TrainingWorker,
    loss: Loss,
    evaluate: Callable[[Any], float],
    report: Callable[[Epoch], None],
    checkpoint: Checkpoint,
) -> Epoch:
    """The model holds the weights of its best epoch by dev F1, the later of equals.

    A run that was killed and is called again with the same arguments ends with the same weights
    as one that was not.

    Args:
        model: With LoRA, on its device; only LoRA and head trainable.
        rows: All rows; every worker takes its share of each epoch's batches.
        encoder: The base model's tokenizer.
        recipe: Choices.
        worker: Where this runs.
        loss: Of one batch.
        evaluate: F1 on dev of the model given, 0 to 1.
        report: Told every epoch, those before a kill too.
        checkpoint: Where the run's place is kept; rank 0 writes it, all read it.

    Returns:
        The last epoch's figures, with the best epoch's `dev_f1`.
    """
    wrapped = worker.prepare_model(model) if worker.world_size > 1 else model
    optimizer = make_optimizer(model, recipe)
    resumed = checkpoint.resume(model, optimizer)
    at, best = resumed or (Position(), snapshot(model))
    for done in at.history:
        report(done)
    while at.epoch <= recipe.epochs and not (recipe.patience and at.stale >= recipe.patience):
        order = np.random.default_rng([recipe.seed, at.epoch])
        batches, waste = _share(rows, encoder, recipe, order, worker)
        updates = _updates(batches, recipe.accumulate)
        set_training(wrapped, model, recipe)
        saved = time.monotonic()
        while at.step < len(updates):
            started = time.perf_counter()
            seed_step(recipe.seed, at.epoch, at.step, worker.rank)
            done_share = (at.epoch - 1 + (at.step + 1) / (len(updates) + 1)) / recipe.epochs
            chosen = [[rows[row] for row in batch] for batch in updates[at.step]]
            at.losses.append(_step(wrapped, chosen, encoder, recipe, optimizer, loss, done_share))
            at.step += 1
            at.seconds += time.perf_counter() - started
            if worker.rank == 0 and time.monotonic() - saved >= recipe.checkpoint_s:
                checkpoint.write(at, model, optimizer, best)
                saved = time.monotonic()
        f1 = _agree(evaluate(model), model, worker)
        at.stale = 0 if f1 > at.best_f1 else at.stale + 1
        if f1 >= at.best_f1:
            at.best_f1, best = f1, snapshot(model)
        seen = sum(len(batch) for batch in batches)
        mean = float(np.mean(at.losses))
        epoch = Epoch(at.epoch, mean, f1, at.seconds, seen / max(at.seconds, 1e-9), waste)
        at.history.append(epoch)
        at.epoch, at.step, at.losses, at.seconds = at.epoch + 1, 0, [], 0.0
        if worker.rank == 0:
            checkpoint.write(at, model, optimizer, best)
        report(epoch)
    restore(model, best)
    last = at.history[-1]
    return Epoch(
        last.number, last.loss, at.best_f1, last.seconds, last.examples_per_s, last.padding
    )


def _agree(f1: float, model: Any, worker: TrainingWorker) -> float:
    """What rank 0 measured: all must end after the same epoch, or they wait for ever."""
    if worker.world_size == 1:
        return f1
    import torch

    told = torch.tensor([f1], dtype=torch.float32, device=next(model.parameters()).device)
    torch.distributed.broadcast(told, src=0)
    return float(told)


def _share(
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    generator: np.random.Generator,
    worker: TrainingWorker,
) -> tuple[Batch, float]:
    """This worker's batches of one epoch: as many as every other worker's."""
    lengths = np.array([len(row.ids) for row in rows], dtype=np.int64) + encoder.specials
    batches = plan_batches(lengths, recipe.batch_tokens, generator)
    waste = padding_waste(lengths, batches)
    # Workers wait for each other at every step: an uneven count would hang them.
    lacking = -len(batches) % worker.world_size
    batches = (batches + batches[:lacking] * worker.world_size)[: len(batches) + lacking]
    return batches[worker.rank :: worker.world_size], waste


def _updates(batches: Batch, accumulate: int) -> list[Batch]:
    """Batches of one update each; the last may have fewer."""
    return [batches[start : start + accumulate] for start in range(0, len(batches), accumulate)]


def _step(
    model: Any,
    batches: Sequence[Sequence[Row]],
    encoder: Encoder,
    recipe: Recipe,
    optimizer: Any,
    loss: Loss,
    done: float,
) -> float:
    """One update; returns the batches' mean loss. `done` is the share of all steps, 0 to 1."""
    import torch

    set_rate(optimizer, recipe, done)
    total = 0.0
    for rows in batches:
        losses, weights = loss(model, rows, encoder, recipe.at(done))
        mean = losses.sum() / weights.sum().clamp(min=1e-6) / len(batches)
        mean.backward()
        total += float(mean.detach())
    torch.nn.utils.clip_grad_norm_(
        [p for group in optimizer.param_groups for p in group["params"]], recipe.clip
    )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def set_rate(optimizer: Any, recipe: Recipe, done: float) -> None:
    """The learning rate is that of the share `done` of all steps: linear up, linear down to 0."""
    share = max(0.0, (1 - done) / max(1e-9, 1 - recipe.warm_up))
    if done < recipe.warm_up:
        share = done / recipe.warm_up
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * share


def make_optimizer(model: Any, recipe: Recipe) -> Any:
    """AdamW over what is trainable; matrices alone decay."""
    import torch

    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def seed_step(seed: int, epoch: int, step: int, rank: int) -> None:
    """What this step draws (dropout) depends on its place alone, not on the steps before it."""
    import torch

    place = hashlib.sha256(f"{seed}/{epoch}/{step}/{rank}".encode()).digest()
    torch.manual_seed(int.from_bytes(place[:7], "big"))


def set_training(wrapped: Any, model: Any, recipe: Recipe) -> None:
    """Dropout is on where the recipe wants it."""
    wrapped.train()
    if not recipe.base_dropout:
        _silence_dropout(model)


def _silence_dropout(model: Any) -> None:
    """The base model's dropout is off; that of the LoRA branches stays on."""
    from torch import nn

    for name, module in model.named_modules():
        if "lora_dropout" in name:
            continue
        is_leaf = not any(True for _ in module.children())
        # What has weights of its own drops nothing, and is watched under differential privacy.
        if isinstance(module, nn.Dropout) or (
            is_leaf and not any(True for _ in module.parameters())
        ):
            module.eval()
        elif hasattr(module, "attention_dropout") or hasattr(module, "dropout"):
            module.training = False


def snapshot(model: Any) -> dict[str, Any]:
    """Copies of the trainable weights, in main memory."""
    return {
        name: parameter.detach().to("cpu", copy=True)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def restore(model: Any, weights: dict[str, Any]) -> None:
    """The trainable weights are those of a snapshot."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
