"""What training makes small, over words or texts with a marked pair, however noisy the labels."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from appliance.learning.device import mixed_precision
from appliance.learning.tokens.collating import collate
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.recipe import GCE, Recipe
from appliance.learning.tuning.rows import IGNORED, Row

_OUTSIDE: Final = 0

Losses = tuple[Any, Any]
Loss = Callable[[Any, Sequence[Row], Encoder, Recipe], Losses]


def word_loss(model: Any, rows: Sequence[Row], encoder: Encoder, recipe: Recipe) -> Losses:
    """The losses of the words of each row, weighted by row, class and trust, and the weights.

    Args:
        model: Gives logits (rows, tokens, labels).
        rows: Of one batch; targets per token.
        encoder: Of the base model.
        recipe: Choices.

    Returns:
        Two tensors (rows,): sums of weighted losses, and sums of their weights.
    """
    import torch

    device = next(model.parameters()).device
    block = collate(encoder, [row.ids for row in rows])
    targets = np.full(block.ids.shape, IGNORED, dtype=np.int64)
    weights = np.zeros(block.ids.shape, dtype=np.float32)
    for number, row in enumerate(rows):
        inside = slice(block.offset, block.offset + len(row.targets))
        targets[number, inside] = row.targets
        weights[number, inside] = _trust(row, recipe)
    weights = np.where(targets == _OUTSIDE, weights * recipe.outside_weight, weights)
    weights = np.where(targets == IGNORED, 0.0, weights).astype(np.float32)
    with mixed_precision(device, recipe.dtype):
        logits = model(
            input_ids=torch.from_numpy(block.ids).to(device),
            attention_mask=torch.from_numpy(block.mask).to(device),
        ).logits
    wanted = torch.from_numpy(np.maximum(targets, 0)).to(device)
    scale = torch.from_numpy(weights).to(device)
    losses = label_losses(logits.float(), wanted, recipe)
    return (losses * scale).sum(dim=1), scale.sum(dim=1)


def text_loss(model: Any, rows: Sequence[Row], encoder: Encoder, recipe: Recipe) -> Losses:
    """The loss of each text, weighted by row, and its weight.

    Args:
        model: Gives logits (rows, labels).
        rows: Of one batch; one target each.
        encoder: Of the base model.
        recipe: Choices.

    Returns:
        Two tensors (rows,).
    """
    import torch

    device = next(model.parameters()).device
    block = collate(encoder, [row.ids for row in rows])
    targets = torch.tensor([int(row.targets[0]) for row in rows], device=device)
    trust = [float(_trust(row, recipe)) for row in rows]
    scale = torch.tensor(trust, device=device, dtype=torch.float32)
    with mixed_precision(device, recipe.dtype):
        logits = model(
            input_ids=torch.from_numpy(block.ids).to(device),
            attention_mask=torch.from_numpy(block.mask).to(device),
        ).logits
    return label_losses(logits.float(), targets, recipe) * scale, scale


def label_losses(logits: Any, targets: Any, recipe: Recipe) -> Any:
    """Cross-entropy, or the loss that a wrong label can't make large.

    Generalised cross-entropy is (1 - p^q) / q with p the probability of the label: cross-entropy
    as q goes to 0, mean absolute error at 1. Source: Zhang & Sabuncu 2018, arXiv:1805.07836.

    Args:
        logits: (..., labels) float32.
        targets: (...), indices of labels.
        recipe: Which of the two, and q.

    Returns:
        (...), each at least 0.
    """
    import torch

    logarithms = torch.log_softmax(logits, dim=-1)
    given = logarithms.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    if recipe.loss == GCE:
        return -torch.expm1(recipe.gce_q * given) / recipe.gce_q
    return -given


def _trust(row: Row, recipe: Recipe) -> Any:
    """Of the row and of each of its tokens."""
    weight = row.weight if recipe.row_weights else 1.0
    return weight if row.trust is None else weight * row.trust
