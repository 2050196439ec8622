"""A corpus's Parquet files as texts with spans and weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.errors import BadInput
from appliance.records.spans import Span

_COLUMNS: Final = ["text", "spans", "weight"]


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One training text.

    Attributes:
        text: The text.
        spans: Sorted, none overlapping.
        weight: Trust in the labels, 0 to 1.
        unsure: Starts and ends of words of which nothing is to be learned, ascending.
    """

    text: str = field(repr=False)
    spans: tuple[Span, ...]
    weight: float = 1.0
    unsure: tuple[tuple[int, int], ...] = ()


def read_split(path: Path, labels: tuple[str, ...]) -> list[LabelledText]:
    """The examples of one split.

    Args:
        path: `train.parquet` or `dev.parquet`.
        labels: Entity types of the task.

    Raises:
        BadInput: Missing or unreadable, a column is missing, a label is not the task's, or a
            span does not lie in its text; names the row by number.
    """
    rows = read_rows(path, _COLUMNS)
    return [_example(path, number, row, labels) for number, row in enumerate(rows)]


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of one split, with those columns.

    Raises:
        BadInput: Missing or unreadable, or a column is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(path, columns=list(columns)).to_pylist()
    except (OSError, pa.ArrowException):
        raise BadInput(
            f"{path.name} of corpus {path.parent.name!r} can't be read, or lacks one of "
            f"{', '.join(columns)}.",
            "Make the corpus again with `appliance synthesize`.",
        ) from None
    return rows


def _example(path: Path, number: int, row: dict[str, Any], labels: tuple[str, ...]) -> LabelledText:
    try:
        spans = tuple(
            sorted(Span(int(s["start"]), int(s["end"]), str(s["label"])) for s in row["spans"])
        )
        text, weight = str(row["text"]), float(row["weight"])
    except (TypeError, ValueError, KeyError):
        raise BadInput(
            f"{path.name} of corpus {path.parent.name!r}: row {number} is malformed.",
            "Make the corpus again.",
        ) from None
    if any(span.label not in labels or span.end > len(text) for span in spans):
        raise BadInput(
            f"{path.name} of corpus {path.parent.name!r}: row {number} has a label that is not "
            f"one of {', '.join(labels)}, or a span outside its text.",
            "Train on a corpus of the same task.",
        )
    return LabelledText(text, spans, weight)
