"""Measuring the site's gate on a corpus with gold spans."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.gate.benchmark import GateScore, score_gate
from appliance.records.gold import GoldDocument
from appliance.records.progress import Progress
from appliance.records.spans import Span
from appliance.records.verdicts import Verdict
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import open_site

_BATCH: Final = 64


def benchmark(root: Path, corpus: Path, progress: Progress) -> GateScore:
    """How the gate of the site does on the corpus; nothing is written.

    Raises:
        BadInput: The corpus can't be read, is empty, or has a malformed line.
    """
    gold = list(read_corpus(corpus))
    if not gold:
        raise BadInput(f"{corpus} holds no document.", "Name a corpus with one JSON object a line.")
    gate = open_site_gate(open_site(root))
    progress.begin("inspecting", len(gold))
    verdicts: list[Verdict] = []
    for first in range(0, len(gold), _BATCH):
        batch = gold[first : first + _BATCH]
        verdicts += gate.inspect_many([document.text for document in batch])
        progress.advance(len(batch))
    progress.end(f"{len(gold)} documents")
    return score_gate(gold, verdicts)


def read_corpus(path: Path) -> Iterator[GoldDocument]:
    """Lines {"id", "text", "spans": [{"start", "end", "label"}]}; spans not "core" are left out.

    Labels are the corpus's own. The gate denies for whatever it finds, so labels are compared with
    nothing: they only group the spans of the score. Spans may overlap, as annotations do.

    Raises:
        BadInput: Unreadable, not UTF-8, or malformed; names the line.
    """
    seen: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    document = _parse(line, path, number)
                    first = seen.setdefault(document.document_id, number)
                    if first != number:
                        raise _malformed(path, number, f"the id of line {first} again")
                    yield document
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Name a file that this user may read."
        ) from None


def _parse(line: bytes, path: Path, number: int) -> GoldDocument:
    try:
        row = json.loads(line.decode("utf-8-sig"))
        document_id, text = _string(row["id"]), _string(row["text"])
        spans = tuple(sorted(_span(span) for span in row["spans"] if _is_core(span)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _malformed(
            path, number, 'not an object with "id", "text" and "spans" in code points'
        ) from None
    # Real notes may be scored too: complaints say nothing of what stands there.
    if any(span.end > len(text) for span in spans):
        raise _malformed(path, number, "a span ends after its text")
    if any(not any(map(str.isalnum, text[span.start : span.end])) for span in spans):
        raise _malformed(path, number, "a span holds no letter or digit")
    return GoldDocument(document_id, text, spans)


def _span(span: Mapping[str, object]) -> Span:
    start, end, label = span["start"], span["end"], _string(span["label"])
    # A bool is an int to Python, and int() would take "3" and 3.7.
    if type(start) is not int or type(end) is not int:
        raise TypeError
    return Span(start, end, label)


def _is_core(span: Mapping[str, object]) -> bool:
    core = span.get("core", True)
    if not isinstance(core, bool):
        raise TypeError
    return core


def _string(value: object) -> str:
    """The value, if it is a string with something in it that can be written as UTF-8."""
    if not isinstance(value, str) or not value:
        raise TypeError
    # Half of a surrogate pair, as a broken JSON escape leaves behind, raises a ValueError.
    value.encode()
    return value


def _malformed(path: Path, number: int, what: str) -> BadInput:
    return BadInput(f"{path}, line {number}: {what}.", "Mend that line.")
