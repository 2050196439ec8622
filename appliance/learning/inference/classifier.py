"""Texts with a marked pair in, relations out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.learning.adapters import read_adapter
from appliance.learning.device import choose_device, mixed_precision
from appliance.learning.inference.labeller import check_base
from appliance.learning.tokens.batches import plan_batches
from appliance.learning.tokens.collating import collate
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tokens.marking import MarkedText, focus, mark
from appliance.records.cards import HeadKind, PairTypes
from appliance.records.spans import UNRELATED, Span

_CHUNK: Final = 512


class PairClassifier:
    """A sequence classifier that says what joins a pair.

    Only relations between the pair's own entity types are said of it: what a head has learned of
    drugs and diseases is no answer for two drugs.

    Args:
        model: Maps (rows, tokens) ids to (rows, labels) logits; already on its device.
        encoder: Its tokenizer.
        pairs: Relation types in the order of the head's labels, of which `UNRELATED` is the first.
        max_tokens: Longest text, special tokens included; `focus` says what is left out.
        batch_tokens: Rows of a batch times its longest row.
        dtype: "float32" or "bfloat16".
    """

    def __init__(
        self,
        model: Any,
        encoder: Encoder,
        pairs: Sequence[PairTypes],
        max_tokens: int,
        batch_tokens: int,
        dtype: str = "float32",
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._labels = (UNRELATED, *(pair.label for pair in pairs))
        self._pairs = pairs
        self._size = max_tokens - encoder.specials
        self._batch_tokens = batch_tokens
        self._dtype = dtype

    @classmethod
    def load(
        cls, adapter: Path, base: Path, *, device: str, batch_tokens: int, dtype: str
    ) -> "PairClassifier":
        """The adapter merged into its base model, ready to classify.

        Raises:
            BadInput: There is no such adapter, it is none of relations, or no such device.
            ManifestMismatch: Adapter or base model is not what was written, or the adapter was
                trained on another base model.
        """
        card, _ = read_adapter(adapter)
        check_base(card, adapter.name, base, HeadKind.RELATIONS)
        place = choose_device(device)
        from appliance.learning.lora import load_adapted

        model = load_adapted(base, adapter, card.labels, card.kind).to(place).eval()
        encoder = Encoder.load(base)
        return cls(model, encoder, card.pairs, card.max_tokens, batch_tokens, dtype)

    def classify(self, texts: Sequence[MarkedText]) -> list[tuple[str, float]]:
        """The label of every pair and its probability among those that fit it, 0 to 1, in order."""
        results: list[tuple[str, float]] = []
        for start in range(0, len(texts), _CHUNK):
            chunk = texts[start : start + _CHUNK]
            encoded = self._encoder.encode([marked.text for marked in chunk])
            rows = [
                focus(text, marked, self._size) for text, marked in zip(encoded, chunk, strict=True)
            ]
            probabilities = self._probabilities(rows, [marked.types for marked in chunk])
            best = probabilities.argmax(axis=1)
            results += [
                (self._labels[label], float(probabilities[row, label]))
                for row, label in enumerate(best)
            ]
        return results

    def classify_pairs(self, pairs: Sequence[tuple[str, Span, Span]]) -> list[tuple[str, float]]:
        """The same of texts, each with the places of its head and of its tail."""
        return self.classify([mark(text, head, tail) for text, head, tail in pairs])

    def _probabilities(
        self, rows: Sequence[NDArray[np.int32]], types: Sequence[tuple[str, str]]
    ) -> NDArray[np.float32]:
        """Of every label: (rows, labels); 0 where it joins other types."""
        import torch

        device = next(self._model.parameters()).device
        lengths = np.array([len(row) for row in rows], dtype=np.int64) + self._encoder.specials
        found = np.zeros((len(rows), len(self._labels)), dtype=np.float32)
        for batch in plan_batches(lengths, self._batch_tokens):
            block = collate(self._encoder, [rows[row] for row in batch])
            with torch.inference_mode(), mixed_precision(device, self._dtype):
                logits = self._model(
                    input_ids=torch.from_numpy(block.ids).to(device),
                    attention_mask=torch.from_numpy(block.mask).to(device),
                ).logits
            fits = torch.tensor([self._fitting(types[row]) for row in batch], device=device)
            logits = logits.float().masked_fill(~fits, -torch.inf)
            found[batch] = torch.softmax(logits, dim=-1).cpu().numpy()
        return found

    def _fitting(self, types: tuple[str, str]) -> list[bool]:
        return [True, *((pair.head, pair.tail) == types for pair in self._pairs)]
