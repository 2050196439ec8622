"""Findings as bytes: the same findings are the same bytes, in every format."""

import io
import json
from collections.abc import Sequence
from enum import StrEnum

from appliance.records.findings import Finding


class OutputFormat(StrEnum):
    """In what a part is written; also its file's suffix."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def encode(findings: Sequence[Finding], output: OutputFormat) -> bytes:
    """A part's bytes; columns note_id, start, end, label, score."""
    return _parquet(findings) if output is OutputFormat.PARQUET else _jsonl(findings)


def _parquet(findings: Sequence[Finding]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("note_id", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("label", pa.string()),
            ("score", pa.float64()),
        ]
    )
    columns = {
        "note_id": [finding.note_id for finding in findings],
        "start": [finding.start for finding in findings],
        "end": [finding.end for finding in findings],
        "label": [finding.label for finding in findings],
        "score": [finding.score for finding in findings],
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _jsonl(findings: Sequence[Finding]) -> bytes:
    lines = (
        json.dumps(
            {
                "note_id": finding.note_id,
                "start": finding.start,
                "end": finding.end,
                "label": finding.label,
                "score": finding.score,
            }
        )
        for finding in findings
    )
    return "".join(f"{line}\n" for line in lines).encode()
