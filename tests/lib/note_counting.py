"""A worker that counts what an adapter finds in public notes, importable where Ray runs it."""

import json
from collections.abc import Sequence
from pathlib import Path

from appliance.learning.inference.labeller import AdapterLabeller


def read_notes(path: Path, count: int | None = None) -> list[str]:
    """The first notes of the file; all where no count is given."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["text"] for line in lines if line][:count]


class Counting:
    """Blocks of notes' numbers in, counts of spans out; one thread."""

    def __init__(self, adapter: Path, base: Path, notes: Path) -> None:
        import torch

        torch.set_num_threads(1)
        self._texts = read_notes(notes)
        self._labeller = AdapterLabeller.load(
            adapter, base, device="cpu", max_tokens=128, stride_tokens=32, batch_tokens=2048,
            dtype="float32",
        )  # fmt: skip

    def __call__(self, ids: Sequence[str]) -> list[dict[str, object]]:
        found = self._labeller.label([self._texts[int(one)] for one in ids])
        return [{"id": one, "found": len(spans)} for one, spans in zip(ids, found, strict=True)]
