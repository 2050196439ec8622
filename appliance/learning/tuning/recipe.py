"""How one adapter is trained: every choice that decides its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

CROSS_ENTROPY: Final = "cross-entropy"
GCE: Final = "gce"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training run's choices.

    Attributes:
        lora_rank: Rank r.
        lora_alpha: Scale; the update is B A alpha / r.
        learning_rate: Peak; warmed up linearly, then decayed linearly to 0. At 2e-3 some runs of a
            hundred updates ended with every word outside.
        epochs: Passes over the corpus.
        batch_tokens: Rows of a batch times its longest row. Few, because corpora are small: of some
            hundred sentences 2,048 make ten updates an epoch, and nothing is learned.
        max_tokens: Longest window, special tokens included.
        seed: Of initialisation, order and dropout.
        device: "cpu" or "cuda".
        dtype: "float32" or "bfloat16" (matrix products only).
        threads: Of torch in this process; 0 leaves them as they are.
        dropout: Of the LoRA branches, 0 to 1. Its random numbers took a sixth of a step on a CPU,
            and small corpora were learned no worse without.
        base_dropout: Whether the base model's own dropout is on.
        warm_up: Share of the steps, 0 to 1.
        weight_decay: Of AdamW, on matrices only.
        clip: Largest norm of a gradient.
        outside_weight: Weight of words outside any span in the loss, beside 1 for the others.
        loss: "cross-entropy", or "gce" (generalised cross-entropy) against wrong labels.
        gce_q: Of "gce", above 0, at most 1.
        gce_after: Share of the steps that are taken with cross-entropy first, 0 to 1: what bounds
            the pull of a wrong label also holds a new head at "no entity" for ever.
        row_weights: Whether a row counts as much as curation trusts it; else each counts 1.
        vocabulary_weight: Weight of words outside any span that the vocabulary knows: a name that
            nobody marked is as likely missed as meant. 1 switches it off.
        cross_fit: Parts of the corpus, each judged by an adapter trained on the others: a label
            that it holds for wrong teaches nothing. 0 switches it off.
        ensemble: Adapters of other seeds that label the corpus anew, together, before this one
            learns from it. 0 switches it off.
        accumulate: Batches of one update.
        gradient_checkpointing: Whether activations are computed twice to save memory.
        patience: Epochs without a better dev F1 after which training ends; 0 never ends it early.
        checkpoint_s: Seconds between checkpoints within an epoch; each epoch ends with one.
        epsilon: Of differential privacy towards each training example; 0 trains without.
        delta: Of it; 0 takes 1 / (10 examples).
        private_batch: Examples of one update that are expected under differential privacy.
    """

    lora_rank: int = 32
    lora_alpha: int = 64
    learning_rate: float = 1e-3
    epochs: int = 5
    batch_tokens: int = 512
    max_tokens: int = 128
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 0
    dropout: float = 0.0
    base_dropout: bool = True
    warm_up: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    outside_weight: float = 1.0
    loss: str = CROSS_ENTROPY
    gce_q: float = 0.7
    gce_after: float = 0.5
    row_weights: bool = True
    vocabulary_weight: float = 1.0
    cross_fit: int = 0
    ensemble: int = 0
    accumulate: int = 1
    gradient_checkpointing: bool = False
    patience: int = 0
    checkpoint_s: float = 60.0
    epsilon: float = 0.0
    delta: float = 0.0
    private_batch: int = 64

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Recipe":
        """The recipe among the entries of `config`; others are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in config.items() if name in known})

    @property
    def is_private(self) -> bool:
        """Whether it is trained with differential privacy."""
        return self.epsilon > 0

    @property
    def doubts_labels(self) -> bool:
        """Whether other adapters are trained first, to find out which labels to believe."""
        return self.cross_fit > 0 or self.ensemble > 0

    def at(self, done: float) -> "Recipe":
        """The recipe of one step; `done` is the share of all steps, 0 to 1."""
        if self.loss == GCE and done < self.gce_after:
            return replace(self, loss=CROSS_ENTROPY)
        return self

    def switches(self) -> dict[str, str]:
        """What differs from the defaults among the choices that an older card does not name."""
        return {
            name: str(getattr(self, name))
            for name in _SWITCHES
            if getattr(self, name) != _DEFAULTS[name]
        }


_SWITCHES: Final = (
    *("loss", "gce_q", "gce_after", "row_weights", "vocabulary_weight", "accumulate", "patience"),
    *("epsilon", "delta", "private_batch", "cross_fit", "ensemble"),
)
_DEFAULTS: Final = {field.name: field.default for field in fields(Recipe)}
