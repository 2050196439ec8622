"""Measuring the site's gate on a corpus with gold spans."""

import json
from collections.abc import Iterator
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

    Raises:
        BadInput: Unreadable, not UTF-8, or malformed; names the line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _parse(line, path, number)
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.", "Name a file that this user may read."
        ) from None


def _parse(line: bytes, path: Path, number: int) -> GoldDocument:
    try:
        row = json.loads(line.decode("utf-8"))
        spans = tuple(
            sorted(
                Span(int(span["start"]), int(span["end"]), str(span["label"]))
                for span in row["spans"]
                if span.get("core", True)
            )
        )
        text = str(row["text"])
        if any(span.end > len(text) for span in spans):
            raise ValueError  # noqa: TRY301 - one complaint for every kind of malformed line
        return GoldDocument(str(row["id"]), text, spans)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f'{path}, line {number}: not an object with "id", "text" and "spans" in code points.',
            "Mend that line.",
        ) from None
