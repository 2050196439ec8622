"""How one adapter is trained: every choice that decides its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training run's choices.

    Attributes:
        lora_rank: Rank r.
        lora_alpha: Scale; the update is B A alpha / r.
        learning_rate: Peak; warmed up linearly, then decayed linearly to 0.
        epochs: Passes over the corpus.
        batch_tokens: Rows of a batch times its longest row.
        max_tokens: Longest window, special tokens included.
        seed: Of initialisation, order and dropout.
        device: "cpu" or "cuda".
        dtype: "float32" or "bfloat16" (matrix products only).
        threads: Of torch in this process; 0 leaves them as they are.
        dropout: Of the LoRA branches, 0 to 1.
        base_dropout: Whether the base model's own dropout is on.
        warm_up: Share of the steps, 0 to 1.
        weight_decay: Of AdamW, on matrices only.
        clip: Largest norm of a gradient.
        outside_weight: Weight of words outside any span in the loss, beside 1 for the others.
    """

    lora_rank: int = 32
    lora_alpha: int = 64
    learning_rate: float = 2e-3
    epochs: int = 5
    batch_tokens: int = 2048
    max_tokens: int = 128
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 0
    dropout: float = 0.05
    base_dropout: bool = True
    warm_up: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    outside_weight: float = 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Recipe":
        """The recipe among the entries of `config`; others are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in config.items() if name in known})
