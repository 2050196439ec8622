"""Parquet and JSONL: a row a finding, with the note's patient, kind and date; relations beside."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from appliance.clinical.exports.writing import NoteFindings, Source, Written, words_of
from appliance.clinical.extraction.formats import (
    parquet_schema,
    relation_row,
    relation_schema,
    row_of,
)

_ROWS_AT_ONCE: Final = 10_000
_ABOUT: Final = ("patient_id", "note_kind", "note_date")
_WORDS: Final = {"findings": ("words",), "relations": ("head_words", "tail_words")}

_Add = Callable[[dict[str, Any]], None]
_Open = Callable[[Path, Callable[[], Any]], AbstractContextManager[_Add]]


def write_jsonl(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`findings.jsonl`; where pairs were judged, also `relations.jsonl`."""
    return _write(folder, notes, source, _jsonl, "jsonl")


def write_parquet(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`findings.parquet`, and `relations.parquet`: the same columns."""
    return _write(folder, notes, source, _parquet, "parquet")


def _write(
    folder: Path, notes: Iterable[NoteFindings], source: Source, opened: _Open, suffix: str
) -> Written:
    written = Written()
    schemas: dict[str, Callable[[], Any]] = {"findings": parquet_schema}
    if source.has_pairs:
        schemas["relations"] = relation_schema
    with ExitStack() as stack:
        adders = {}
        for name, schema in schemas.items():
            path = folder / f"{name}.{suffix}"
            adders[name] = stack.enter_context(opened(path, _columns(name, schema, source)))
        for entry in notes:
            for name, row in _rows(entry, source):
                adders[name](row)
                written.rows[name] += 1
    return written


def _rows(entry: NoteFindings, source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    note = entry.note
    values = (note.patient_id or "", note.kind, note.written_on)
    about = dict(zip(_ABOUT, values, strict=True))
    for finding in entry.findings:
        words = {"words": words_of(entry, finding)} if source.with_text else {}
        yield "findings", {**row_of(finding), **about, **words}
    for relation in entry.relations:
        ends = {"head_words": relation.head, "tail_words": relation.tail}
        words = {name: words_of(entry, end) for name, end in ends.items()}
        yield (
            "relations",
            {**relation_row(relation), **about, **(words if source.with_text else {})},
        )


@contextmanager
def _jsonl(path: Path, schema: Callable[[], Any]) -> Iterator[_Add]:
    del schema
    with path.open("x", encoding="utf-8") as file:
        path.chmod(0o600)

        def add(row: dict[str, Any]) -> None:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

        yield add


@contextmanager
def _parquet(path: Path, schema: Callable[[], Any]) -> Iterator[_Add]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema()
    with pq.ParquetWriter(path, columns, compression="zstd") as writer:
        path.chmod(0o600)
        held: list[dict[str, Any]] = []

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(held, schema=columns))
            held.clear()

        def add(row: dict[str, Any]) -> None:
            held.append(row)
            if len(held) == _ROWS_AT_ONCE:
                flush()

        yield add
        flush()


def _columns(name: str, schema: Callable[[], Any], source: Source) -> Callable[[], Any]:
    def with_note() -> Any:
        import pyarrow as pa

        columns = schema()
        for added in (*_ABOUT, *(_WORDS[name] if source.with_text else ())):
            columns = columns.append(pa.field(added, pa.string()))
        return columns

    return with_note
