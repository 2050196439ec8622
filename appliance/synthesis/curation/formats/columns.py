"""Parquet and Hugging Face datasets: the columns of a corpus, and `split`."""

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.records.examples import Example, Split
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    provenance,
    rebuild,
    relation_of,
    span_of,
)


def to_parquet(examples: Sequence[Example]) -> bytes:
    """One Parquet file."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(_table(examples), buffer)
    return buffer.getvalue()


def from_parquet(content: bytes) -> Iterator[Example]:
    """The examples again.

    Raises:
        Unreadable: Names the row.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(io.BytesIO(content)).to_pylist()
    except pa.ArrowException:
        raise Unreadable("it is no Parquet file") from None
    return _examples(rows)


def write_dataset(examples: Sequence[Example], directory: Path) -> None:
    """A `DatasetDict` of the splits, for `datasets.load_from_disk`; `directory` is there, empty."""
    from datasets import Dataset, DatasetDict
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    members = {split: [one for one in examples if one.split is split] for split in Split}
    # The library can't write a table without rows.
    splits = {split.value: Dataset(_table(some)) for split, some in members.items() if some}
    DatasetDict(splits).save_to_disk(directory)


def read_dataset(directory: Path) -> Iterator[Example]:
    """The examples again, train first.

    Raises:
        Unreadable: Names the row.
    """
    from datasets import DatasetDict, load_from_disk

    try:
        splits = load_from_disk(directory)
    except (OSError, ValueError, TypeError, KeyError):
        raise Unreadable("it is no dataset on disk") from None
    if not isinstance(splits, DatasetDict):
        raise Unreadable("it is a dataset without splits")
    for split in Split:
        if split.value in splits:
            yield from _examples(splits[split.value].to_list())


def _table(examples: Sequence[Example]) -> Any:
    import pyarrow as pa

    span = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
    relation = pa.struct([("head", pa.int32()), ("tail", pa.int32()), ("label", pa.string())])
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("spans", pa.list_(span)),
            ("relations", pa.list_(relation)),
            ("split", pa.string()),
            ("draft", pa.string()),
            ("model", pa.string()),
            ("weight", pa.float64()),
            ("origin", pa.string()),
        ]
    )
    rows = [
        {
            **provenance(example),
            "text": example.text,
            "spans": [dataclasses.asdict(one) for one in example.spans],
            "relations": [dataclasses.asdict(one) for one in example.relations],
        }
        for example in examples
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def _examples(rows: Sequence[Mapping[str, Any]]) -> Iterator[Example]:
    for number, row in enumerate(rows, start=1):
        try:
            spans = [span_of(span) for span in row["spans"]]
            relations = [relation_of(one) for one in row["relations"]]
            yield rebuild(row, str(row["text"]), spans, relations)
        except (KeyError, TypeError):
            raise Unreadable(f"row {number}: a column is missing") from None
        except Unreadable as error:
            raise Unreadable(f"row {number}: {error}") from None
