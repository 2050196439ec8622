"""A corpus on disk: Parquet per split, a card, and the manifest that says it is finished.

Columns: example_id str, text str, spans list<struct<start, end, label>>,
relations list<struct<head, tail, label>>, draft_id str, model str, weight float32, origin str.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import read_manifest, write_manifest
from appliance.artifacts.writing import folder_atomically, write_atomically
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example, Origin, Split
from appliance.records.identifiers import Digest, DraftId, ExampleId
from appliance.records.spans import Relation, Span

KIND: Final = "corpus"
CARD: Final = "card.json"


def write_corpus(directory: Path, card: CorpusCard, examples: Sequence[Example]) -> Digest:
    """The corpus is at `directory`, whole; until then there is nothing of that name.

    Returns:
        Digest of its manifest.

    Raises:
        BadInput: There is one already.
        NoSpace: The disk is full; nothing is left behind.
    """
    if directory.exists():
        raise BadInput(
            f"There is a corpus {directory.name} already.", "Name another one with --out."
        )
    with folder_atomically(directory, 0o700) as draft:
        for split in Split:
            members = [example for example in examples if example.split is split]
            _write_split(draft / f"{split}.parquet", members)
        card_text = json.dumps(dataclasses.asdict(card), indent=1, sort_keys=True)
        write_atomically(draft / CARD, f"{card_text}\n".encode())
        return write_manifest(draft, KIND).digest


def read_card(directory: Path) -> CorpusCard:
    """The card of a finished corpus.

    Raises:
        ManifestMismatch: There is none, or a file is not what was written.
    """
    read_manifest(directory, KIND)
    try:
        return CorpusCard(**json.loads((directory / CARD).read_bytes()))
    except (OSError, ValueError, TypeError):
        raise ManifestMismatch(
            f"The card of corpus {directory.name} is unreadable.", "Make the corpus again."
        ) from None


def read_corpus(directory: Path) -> tuple[CorpusCard, tuple[Example, ...]]:
    """The card and every example, train first, in the order they were written.

    Raises:
        ManifestMismatch: There is none, or a file is not what was written.
    """
    card = read_card(directory)
    examples: list[Example] = []
    for split in Split:
        examples += _read_split(directory / f"{split}.parquet", split)
    return card, tuple(examples)


def read_as_it_lies(directory: Path) -> tuple[Example, ...]:
    """Every example that the files hold, whatever the manifest says of them: for an audit.

    Raises:
        ManifestMismatch: A file is no table of examples.
    """
    examples: list[Example] = []
    try:
        for split in Split:
            examples += _read_split(directory / f"{split}.parquet", split)
    except Exception:  # noqa: BLE001 - whatever pyarrow raises; its message may hold text
        raise ManifestMismatch(
            f"A file of corpus {directory.name} can't be read.", "Make the corpus again."
        ) from None
    return tuple(examples)


def _schema() -> Any:
    import pyarrow as pa

    span = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
    relation = pa.struct([("head", pa.int32()), ("tail", pa.int32()), ("label", pa.string())])
    return pa.schema(
        [
            ("example_id", pa.string()),
            ("text", pa.string()),
            ("spans", pa.list_(span)),
            ("relations", pa.list_(relation)),
            ("draft_id", pa.string()),
            ("model", pa.string()),
            ("weight", pa.float32()),
            ("origin", pa.string()),
        ]
    )


def _write_split(path: Path, examples: Sequence[Example]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "example_id": example.example_id,
            "text": example.text,
            "spans": [dataclasses.asdict(span) for span in example.spans],
            "relations": [dataclasses.asdict(relation) for relation in example.relations],
            "draft_id": example.draft_id,
            "model": example.model,
            "weight": example.weight,
            "origin": example.origin.value,
        }
        for example in examples
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema()), path)
    path.chmod(0o600)


def _read_split(path: Path, split: Split) -> list[Example]:
    import pyarrow.parquet as pq

    return [
        Example(
            example_id=ExampleId(row["example_id"]),
            text=row["text"],
            spans=tuple(Span(**span) for span in row["spans"]),
            relations=tuple(Relation(**relation) for relation in row["relations"]),
            draft_id=DraftId(row["draft_id"]),
            model=row["model"],
            split=split,
            weight=row["weight"],
            origin=Origin(row["origin"]),
        )
        for row in pq.read_table(path).to_pylist()
    ]
