"""Gold for the gate: what can't be compared is refused by line; labels are the corpus's own."""

import json

import pytest

from appliance.errors import BadInput
from appliance.records.spans import Span
from appliance.workflows.gate_benchmark import read_corpus

SPAN = {"start": 0, "end": 3, "label": "NAME"}


def read(tmp_path, *rows):
    path = tmp_path / "gold.jsonl"
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines))
    return list(read_corpus(path))


def row(**changes):
    return {"id": "1", "text": "Ada was seen.", "spans": [SPAN], **changes}


def test_any_label_is_taken_and_overlapping_spans_are(tmp_path):
    """They group the rates and are compared with nothing; "core" and other keys may stand there."""
    spans = [
        {"start": 0, "end": 7, "label": "Whatever it is", "group": "x"},
        SPAN,
        {**SPAN, "core": False, "label": "left out"},
    ]

    [document] = read(tmp_path, row(spans=spans))

    assert document.spans == (Span(0, 3, "NAME"), Span(0, 7, "Whatever it is"))


def test_a_byte_order_mark_and_empty_lines_are_no_fault(tmp_path):
    content = b"\xef\xbb\xbf" + json.dumps(row()).encode()

    assert len(read(tmp_path, content, b"", row(id="2"))) == 2


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (b"{", "not an object"),
        (b"[]", "not an object"),
        (b"[" * 100_000, "not an object"),
        (b"\xff", "not an object"),
        (row(id=7), "not an object"),
        (row(id=""), "not an object"),
        (row(text=None), "not an object"),
        (row(text=""), "not an object"),
        (row(text="\ud800 Ada"), "not an object"),
        (row(spans=None), "not an object"),
        (row(spans=["NAME"]), "not an object"),
        (row(spans=[{**SPAN, "start": "0"}]), "not an object"),
        (row(spans=[{**SPAN, "end": 3.0}]), "not an object"),
        (row(spans=[{**SPAN, "start": False}]), "not an object"),
        (row(spans=[{**SPAN, "start": 3}]), "not an object"),
        (row(spans=[{**SPAN, "label": ""}]), "not an object"),
        (row(spans=[{**SPAN, "label": None}]), "not an object"),
        (row(spans=[{**SPAN, "core": "no"}]), "not an object"),
        (row(spans=[{**SPAN, "end": 99}]), "a span ends after its text"),
        (row(spans=[{**SPAN, "start": 12, "end": 13}]), "a span holds no letter or digit"),
        (row(id="0"), "the id of line 1 again"),
    ],
)
def test_what_can_not_be_compared_is_refused_by_its_line(tmp_path, bad, complaint):
    """And nothing of what stands there is said."""
    with pytest.raises(BadInput) as refusal:
        read(tmp_path, row(id="0"), bad)

    assert f"line 2: {complaint}" in str(refusal.value)
    assert "Ada" not in repr(refusal.value)
