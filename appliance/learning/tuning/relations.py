"""The objective of relations: one label for a text with a marked pair, macro-F1 on dev."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.errors import BadInput
from appliance.learning.evaluation.pairs import macro_f1
from appliance.learning.inference.classifier import PairClassifier
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tokens.marking import MarkedText, focus, mark
from appliance.learning.tuning.data import read_rows
from appliance.learning.tuning.losses import text_loss
from appliance.learning.tuning.objective import Objective
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Row
from appliance.records.cards import HeadKind, PairTypes
from appliance.records.spans import UNRELATED, Span

_COLUMNS: Final = ["text", "spans", "relations", "weight"]


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """One training text with its pair marked.

    Attributes:
        marked: The text.
        target: Index of its label.
        weight: Trust in the label, 0 to 1.
        example: Number of the example it stands in.
    """

    marked: MarkedText = field(repr=False)
    target: int
    weight: float
    example: int = 0


def relation_labels(pairs: Sequence[PairTypes]) -> tuple[str, ...]:
    """Labels in the head's order."""
    return (UNRELATED, *(pair.label for pair in pairs))


def relation_objective(
    corpus: Path, pairs: tuple[PairTypes, ...], encoder: Encoder, recipe: Recipe
) -> Objective:
    """To label the pairs of a corpus.

    Args:
        corpus: Its directory.
        pairs: Relation types of the task.
        encoder: Of the base model.
        recipe: Choices.

    Raises:
        BadInput: See `read_pairs`.
    """
    labels = relation_labels(pairs)
    examples = read_pairs(corpus / "train.parquet", labels)
    dev = read_pairs(corpus / "dev.parquet", labels)
    return Objective(
        kind=HeadKind.RELATIONS,
        labels=labels,
        rows=make_pair_rows(examples, encoder, recipe.max_tokens),
        examples=len(examples),
        loss=text_loss,
        score=_scorer(dev, encoder, pairs, recipe),
    )


def read_pairs(path: Path, labels: tuple[str, ...]) -> list[LabelledPair]:
    """Every labelled pair of one split, in order.

    Args:
        path: `train.parquet` or `dev.parquet`.
        labels: Of the task, `UNRELATED` first.

    Raises:
        BadInput: Missing or unreadable, or a pair that is not of its text or its task; names the
            row by number.
    """
    pairs: list[LabelledPair] = []
    for number, row in enumerate(read_rows(path, _COLUMNS)):
        try:
            pairs += _pairs_of(number, row, labels)
        except (TypeError, ValueError, KeyError, IndexError, AssertionError):
            raise BadInput(
                f"{path.name} of corpus {path.parent.name!r}: row {number} has a pair that is not "
                f"of its text, or a label that is not one of {', '.join(labels)}.",
                "Train on a corpus of the same task.",
            ) from None
    return pairs


def make_pair_rows(
    examples: Sequence[LabelledPair], encoder: Encoder, max_tokens: int
) -> list[Row]:
    """A row for each pair that is trusted at all."""
    texts = encoder.encode([example.marked.text for example in examples])
    size = max_tokens - encoder.specials
    return [
        Row(
            focus(text, example.marked, size),
            np.array([example.target], dtype=np.int64),
            example.weight,
            example=example.example,
        )
        for example, text in zip(examples, texts, strict=True)
        if example.weight > 0
    ]


def _pairs_of(number: int, row: dict[str, Any], labels: tuple[str, ...]) -> list[LabelledPair]:
    text, weight = str(row["text"]), float(row["weight"])
    spans = [Span(int(s["start"]), int(s["end"]), str(s["label"])) for s in row["spans"]]
    if any(span.end > len(text) for span in spans):
        raise ValueError
    return [
        LabelledPair(
            mark(text, spans[pair["head"]], spans[pair["tail"]]),
            labels.index(pair["label"]),
            weight,
            number,
        )
        for pair in row["relations"]
    ]


def _scorer(
    dev: Sequence[LabelledPair], encoder: Encoder, pairs: tuple[PairTypes, ...], recipe: Recipe
) -> Callable[[Any], float]:
    labels = relation_labels(pairs)
    gold = np.array([pair.target for pair in dev], dtype=np.int64)
    texts = [pair.marked for pair in dev]

    def score(model: Any) -> float:
        if not texts:
            return 0.0
        model.eval()
        classifier = PairClassifier(
            model, encoder, pairs, recipe.max_tokens, 4 * recipe.batch_tokens, recipe.dtype
        )
        found = np.array([labels.index(label) for label, _ in classifier.classify(texts)])
        cells = np.bincount(gold * len(labels) + found, minlength=len(labels) ** 2)
        return float(macro_f1(cells.reshape(len(labels), len(labels))))

    return score
