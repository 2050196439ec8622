"""Parquet and JSONL: a row a finding, with the note's patient, kind and date."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from appliance.clinical.exports.writing import NoteFindings, Source, Written, words_of
from appliance.clinical.extraction.formats import row_of

_ROWS_AT_ONCE: Final = 10_000


def write_jsonl(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`findings.jsonl`."""
    written = Written()
    path = folder / "findings.jsonl"
    with path.open("x", encoding="utf-8") as file:
        path.chmod(0o600)
        for row in _rows(notes, source):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            written.rows["findings"] += 1
    return written


def write_parquet(folder: Path, notes: Iterable[NoteFindings], source: Source) -> Written:
    """`findings.parquet`, the same columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = Written()
    path = folder / "findings.parquet"
    schema = _schema(pa, source)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        path.chmod(0o600)
        held: list[dict[str, Any]] = []
        for row in _rows(notes, source):
            held.append(row)
            written.rows["findings"] += 1
            if len(held) == _ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(held, schema=schema))
                held = []
        writer.write_table(pa.Table.from_pylist(held, schema=schema))
    return written


def _rows(notes: Iterable[NoteFindings], source: Source) -> Iterator[dict[str, Any]]:
    for entry in notes:
        note = entry.note
        about = {
            "patient_id": note.patient_id or "",
            "note_kind": note.kind,
            "note_date": note.written_on,
        }
        for finding in entry.findings:
            words = {"words": words_of(entry, finding)} if source.with_text else {}
            yield {**row_of(finding), **about, **words}


def _schema(pa: Any, source: Source) -> Any:
    from appliance.clinical.extraction.formats import parquet_schema

    names = ["patient_id", "note_kind", "note_date", *(["words"] if source.with_text else [])]
    schema = parquet_schema()
    for name in names:
        schema = schema.append(pa.field(name, pa.string()))
    return schema
