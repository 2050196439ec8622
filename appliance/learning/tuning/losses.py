"""What training makes small: cross-entropy over words, or over texts with a marked pair."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from appliance.learning.device import mixed_precision
from appliance.learning.tokens.collating import collate
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import IGNORED, Row

_OUTSIDE: Final = 0

Loss = Callable[[Any, Sequence[Row], Encoder, Recipe], Any]


def word_loss(model: Any, rows: Sequence[Row], encoder: Encoder, recipe: Recipe) -> Any:
    """Mean over the words of the batch, weighted by row and class: a scalar tensor.

    Args:
        model: Gives logits (rows, tokens, labels).
        rows: Of one batch; targets per token.
        encoder: Of the base model.
        recipe: Choices.
    """
    import torch

    device = next(model.parameters()).device
    block = collate(encoder, [row.ids for row in rows])
    targets = np.full(block.ids.shape, IGNORED, dtype=np.int64)
    for number, row in enumerate(rows):
        targets[number, block.offset : block.offset + len(row.targets)] = row.targets
    weights = np.array([[row.weight] for row in rows], dtype=np.float32)
    weights = np.where(targets == _OUTSIDE, weights * recipe.outside_weight, weights)
    weights = np.where(targets == IGNORED, 0.0, weights).astype(np.float32)
    with mixed_precision(device, recipe.dtype):
        logits = model(
            input_ids=torch.from_numpy(block.ids).to(device),
            attention_mask=torch.from_numpy(block.mask).to(device),
        ).logits
    losses = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1),
        torch.from_numpy(targets).to(device).flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    scale = torch.from_numpy(weights).to(device).flatten()
    return (losses * scale).sum() / scale.sum().clamp(min=1e-6)


def text_loss(model: Any, rows: Sequence[Row], encoder: Encoder, recipe: Recipe) -> Any:
    """Mean over the texts of the batch, weighted by row: a scalar tensor.

    Args:
        model: Gives logits (rows, labels).
        rows: Of one batch; one target each.
        encoder: Of the base model.
        recipe: Choices.
    """
    import torch

    device = next(model.parameters()).device
    block = collate(encoder, [row.ids for row in rows])
    targets = torch.tensor([int(row.targets[0]) for row in rows], device=device)
    scale = torch.tensor([row.weight for row in rows], device=device)
    with mixed_precision(device, recipe.dtype):
        logits = model(
            input_ids=torch.from_numpy(block.ids).to(device),
            attention_mask=torch.from_numpy(block.mask).to(device),
        ).logits
    losses = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    return (losses * scale).sum() / scale.sum().clamp(min=1e-6)
