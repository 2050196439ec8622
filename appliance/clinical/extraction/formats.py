"""Findings as bytes: the same findings are the same bytes, in every format."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any

from appliance.records.assertions import Assertion, Cue
from appliance.records.findings import Finding, Link, LinkReason, RelationFinding
from appliance.records.identifiers import NoteId
from appliance.records.spans import Span


class OutputFormat(StrEnum):
    """In what a part is written; also its file's suffix."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def encode(findings: Sequence[Finding], output: OutputFormat) -> bytes:
    """A part's bytes: one row a finding, with `row_of`'s columns."""
    return _to_bytes([row_of(finding) for finding in findings], parquet_schema, output)


def encode_relations(relations: Sequence[RelationFinding], output: OutputFormat) -> bytes:
    """The bytes of a part's relations: one row each, with `relation_row`'s columns."""
    return _to_bytes([relation_row(one) for one in relations], relation_schema, output)


def row_of(finding: Finding) -> dict[str, object]:
    """A finding in the columns of every table.

    note_id, start, end, label, score, section; for each kind of assertion whether a cue says it,
    and in `cues` where these cues stand; concept, concept_score and concept_reason.
    """
    return {
        "note_id": finding.note_id,
        "start": finding.start,
        "end": finding.end,
        "label": finding.label,
        "score": finding.score,
        "section": finding.section,
        **{kind.value: finding.is_(kind) for kind in Assertion},
        "cues": [
            {"kind": cue.kind.value, "start": cue.start, "end": cue.end} for cue in finding.cues
        ],
        "concept": finding.link.concept,
        "concept_score": finding.link.score,
        "concept_reason": finding.link.reason.value,
    }


def finding_of(row: Mapping[str, Any]) -> Finding:
    """The finding of a row; the inverse of `row_of`."""
    return Finding(
        *(NoteId(row["note_id"]), row["start"], row["end"], row["label"], row["score"]),
        row["section"],
        tuple(Cue(Assertion(cue["kind"]), cue["start"], cue["end"]) for cue in row["cues"]),
        Link(row["concept"], row["concept_score"], LinkReason(row["concept_reason"])),
    )


def relation_row(relation: RelationFinding) -> dict[str, object]:
    """A relation in the columns of every table: note_id, label, score, and where its ends stand.

    The columns of an end, e.g. head_start, head_end and head_label, are start, end and label of
    its finding.
    """
    ends = {"head": relation.head, "tail": relation.tail}
    return {
        "note_id": relation.note_id,
        "label": relation.label,
        "score": relation.score,
        **{
            f"{name}_{key}": value
            for name, span in ends.items()
            for key, value in (("start", span.start), ("end", span.end), ("label", span.label))
        },
    }


def relation_of(row: Mapping[str, Any]) -> RelationFinding:
    """The relation of a row; the inverse of `relation_row`."""
    head, tail = (
        Span(row[f"{name}_start"], row[f"{name}_end"], row[f"{name}_label"])
        for name in ("head", "tail")
    )
    return RelationFinding(NoteId(row["note_id"]), head, tail, row["label"], row["score"])


def decode(content: bytes, output: OutputFormat) -> list[Finding]:
    """The findings of a part; the inverse of `encode`."""
    return [finding_of(row) for row in _from_bytes(content, output)]


def decode_relations(content: bytes, output: OutputFormat) -> list[RelationFinding]:
    """The relations of a part; the inverse of `encode_relations`."""
    return [relation_of(row) for row in _from_bytes(content, output)]


def rows_without(
    content: bytes, output: OutputFormat, note_ids: AbstractSet[NoteId]
) -> tuple[bytes, list[dict[str, Any]], int]:
    """A part without some notes, whatever its columns: bytes, rows, and count of rows gone."""
    if output is OutputFormat.JSONL:
        lines = content.splitlines(keepends=True)
        read = [(line, json.loads(line)) for line in lines]
        kept = [(line, row) for line, row in read if row["note_id"] not in note_ids]
        return b"".join(line for line, _ in kept), [row for _, row in kept], len(read) - len(kept)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    stays = [one not in note_ids for one in table.column("note_id").to_pylist()]
    left = table.filter(pa.array(stays, pa.bool_()))
    buffer = io.BytesIO()
    pq.write_table(left, buffer, compression="zstd")
    return buffer.getvalue(), left.to_pylist(), len(table) - len(left)


def parquet_schema() -> Any:
    """The pyarrow schema of `row_of`'s columns."""
    import pyarrow as pa

    cue = pa.struct([("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
    return pa.schema(
        [
            ("note_id", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("label", pa.string()),
            ("score", pa.float64()),
            ("section", pa.string()),
            *((kind.value, pa.bool_()) for kind in Assertion),
            ("cues", pa.list_(cue)),
            ("concept", pa.string()),
            ("concept_score", pa.float64()),
            ("concept_reason", pa.string()),
        ]
    )


def relation_schema() -> Any:
    """The pyarrow schema of `relation_row`'s columns."""
    import pyarrow as pa

    ends = [
        (f"{name}_{key}", kind)
        for name in ("head", "tail")
        for key, kind in (("start", pa.int32()), ("end", pa.int32()), ("label", pa.string()))
    ]
    first = [("note_id", pa.string()), ("label", pa.string()), ("score", pa.float64())]
    return pa.schema([*first, *ends])


def _to_bytes(
    rows: list[dict[str, object]], schema: Callable[[], Any], output: OutputFormat
) -> bytes:
    if output is OutputFormat.JSONL:
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema()), buffer, compression="zstd")
    return buffer.getvalue()


def _from_bytes(content: bytes, output: OutputFormat) -> list[dict[str, Any]]:
    if output is OutputFormat.JSONL:
        return [json.loads(line) for line in content.splitlines()]
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows
