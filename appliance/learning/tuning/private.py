"""Training with differential privacy: DP-SGD over the training examples, accounted by Opacus.

What is promised: with or without any one training example, the distribution of the trained weights
differs by no more than (epsilon, delta). Dev is not covered, nor is what the operator sees.
Source: Abadi et al. 2016, arXiv:1607.00133; Renyi accountant of Mironov 2017, arXiv:1702.07476.
"""

import math
import secrets
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from appliance.errors import ApplianceError, BadInput
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.figures import Epoch
from appliance.learning.tuning.loop import (
    make_optimizer,
    set_rate,
    set_training,
)
from appliance.learning.tuning.losses import Loss
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Row

_ACCOUNTANT: Final = "rdp"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was promised and kept.

    Attributes:
        epsilon: As Opacus accounts it after the last step.
        delta: Of it.
        noise_multiplier: Standard deviation of the noise over the clipping norm.
        sample_rate: Chance of an example to be in an update.
        steps: Updates.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    sample_rate: float
    steps: int


def one_row_each(rows: Sequence[Row]) -> list[Row]:
    """The first row of every example: one that had two would count twice."""
    first: dict[int, Row] = {}
    for row in rows:
        first.setdefault(row.example, row)
    return list(first.values())


def check_private(recipe: Recipe, workers: int) -> None:
    """The recipe can be trained privately.

    Raises:
        BadInput: It takes several workers, or computes activations twice.
    """
    if workers != 1:
        raise BadInput(
            "Differential privacy is accounted for one worker.", "Set learning.workers = 1."
        )
    if recipe.gradient_checkpointing or recipe.accumulate != 1:
        raise BadInput(
            "Gradients of single examples can't be had with these settings.",
            "Leave learning.gradient_checkpointing and learning.accumulate as they come.",
        )


def train_privately(
    model: Any,
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    loss: Loss,
    evaluate: Callable[[Any], float],
    report: Callable[[Epoch], None],
) -> tuple[Epoch, Spent]:
    """The model holds the weights of the last step; a better epoch before is not picked.

    Examples are drawn by Poisson sampling, without length buckets: the accountant knows no other
    way. Sampling and noise come from the operating system, for a seed on a card would undo them.

    Args:
        model: With LoRA, on its device since before LoRA was added.
        rows: One per example.
        encoder: The base model's tokenizer.
        recipe: Choices; its seed is used for dropout alone.
        loss: Of one batch.
        evaluate: F1 on dev of the model given, 0 to 1.
        report: Told every epoch, without a loss.

    Returns:
        The last epoch's figures, and what was spent.

    Raises:
        BadInput: No noise is enough for so small an epsilon.
        ApplianceError: The first step did not move the weights that would be saved.
    """
    rate = min(1.0, recipe.private_batch / len(rows))
    per_epoch = math.ceil(1 / rate)
    steps = per_epoch * recipe.epochs
    delta = recipe.delta or 1 / (10 * len(rows))
    sigma = _noise(recipe.epsilon, delta, rate, steps)
    chance = np.random.default_rng(secrets.randbits(128))
    wrapped, optimizer, accountant = _prepare(model, recipe, rows, sigma, rate)
    epoch = Epoch(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for number in range(1, recipe.epochs + 1):
        started, seen = time.perf_counter(), 0
        set_training(wrapped, model, recipe)
        for step in range(per_epoch):
            chosen = [rows[row] for row in np.flatnonzero(chance.random(len(rows)) < rate)]
            seen += len(chosen)
            before = _saved(model) if (number, step) == (1, 0) else None
            done = (number - 1 + (step + 1) / (per_epoch + 1)) / recipe.epochs
            set_rate(optimizer, recipe, done)
            _step(wrapped, optimizer, chosen, encoder, recipe.at(done), loss)
            if before is not None:
                _check_moved(before, _saved(model))
        seconds = time.perf_counter() - started
        epoch = Epoch(number, 0.0, evaluate(model), seconds, seen / max(seconds, 1e-9), 0.0)
        report(epoch)
    with warnings.catch_warnings():
        # Where there is next to no noise, Opacus says that its bound could be tighter.
        warnings.simplefilter("ignore")
        spent = Spent(float(accountant.get_epsilon(delta)), delta, sigma, rate, steps)
    wrapped.to_standard_module()
    return epoch, spent


def _noise(epsilon: float, delta: float, rate: float, steps: int) -> float:
    from opacus.accountants.utils import get_noise_multiplier

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(
                get_noise_multiplier(
                    target_epsilon=epsilon,
                    target_delta=delta,
                    sample_rate=rate,
                    steps=steps,
                    accountant=_ACCOUNTANT,
                )
            )
    except ValueError:
        raise BadInput(
            f"No noise is enough for epsilon {epsilon:g}.", "Give a larger --epsilon."
        ) from None


def _prepare(
    model: Any, recipe: Recipe, rows: Sequence[Row], sigma: float, rate: float
) -> tuple[Any, Any, Any]:
    import torch
    from opacus import GradSampleModule
    from opacus.accountants import create_accountant
    from opacus.optimizers import DPOptimizer

    device = next(model.parameters()).device
    generator = torch.Generator(device)
    generator.manual_seed(secrets.randbits(63))
    wrapped = GradSampleModule(model)
    optimizer = DPOptimizer(
        make_optimizer(model, recipe),
        noise_multiplier=sigma,
        max_grad_norm=recipe.clip,
        expected_batch_size=max(1, round(rate * len(rows))),
        generator=generator,
    )
    accountant = create_accountant(mechanism=_ACCOUNTANT)
    optimizer.attach_step_hook(accountant.get_optimizer_hook_fn(sample_rate=rate))
    return wrapped, optimizer, accountant


def _step(
    model: Any,
    optimizer: Any,
    rows: Sequence[Row],
    encoder: Encoder,
    recipe: Recipe,
    loss: Loss,
) -> None:
    """One update; one without any example is noise alone, and counts."""
    if rows:
        _backward(model, rows, encoder, recipe, loss)
    else:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _backward(
    model: Any, rows: Sequence[Row], encoder: Encoder, recipe: Recipe, loss: Loss
) -> None:
    """Every trainable weight has the gradient of each example."""
    import torch

    losses, weights = loss(model, rows, encoder, recipe)
    trust = torch.tensor(
        [row.weight if recipe.row_weights else 1.0 for row in rows], device=losses.device
    )
    with warnings.catch_warnings():
        # The first layers' inputs need no gradient; Opacus does without them.
        warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)
        # Each example's own mean: that of the batch would let one example move another's gradient.
        (losses / weights.clamp(min=1e-6) * trust).mean().backward()


def _saved(model: Any) -> dict[str, Any]:
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: weights.detach().to("cpu", copy=True) for name, weights in state.items()}


def _check_moved(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Noise alone moves every weight: one that stood still is not the one that is trained."""
    still = sum(bool((before[name] == after[name]).all()) for name in before)
    if still:
        raise ApplianceError(
            f"{still} of {len(before)} weights to be saved did not move in the first step.",
            "Report this: the adapter would not be what was trained.",
        )
