"""Findings as bytes: the same findings are the same bytes, in every format."""

import io
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any

from appliance.records.assertions import Assertion, Cue
from appliance.records.findings import Finding, Link, LinkReason
from appliance.records.identifiers import NoteId


class OutputFormat(StrEnum):
    """In what a part is written; also its file's suffix."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def encode(findings: Sequence[Finding], output: OutputFormat) -> bytes:
    """A part's bytes: one row a finding, with `row_of`'s columns."""
    return _parquet(findings) if output is OutputFormat.PARQUET else _jsonl(findings)


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


def decode(content: bytes, output: OutputFormat) -> list[Finding]:
    """The findings of a part; the inverse of `encode`."""
    if output is OutputFormat.JSONL:
        return [finding_of(json.loads(line)) for line in content.splitlines()]
    import pyarrow.parquet as pq

    return [finding_of(row) for row in pq.read_table(io.BytesIO(content)).to_pylist()]


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


def _parquet(findings: Sequence[Finding]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = parquet_schema()
    buffer = io.BytesIO()
    rows = [row_of(finding) for finding in findings]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _jsonl(findings: Sequence[Finding]) -> bytes:
    return "".join(json.dumps(row_of(finding)) + "\n" for finding in findings).encode()
