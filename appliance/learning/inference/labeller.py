"""Texts in, scored spans out: windows, length buckets, one merged model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.artifacts.manifest import is_finished, read_manifest
from appliance.errors import ManifestMismatch
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.device import choose_device, mixed_precision
from appliance.learning.inference.endtoend import EndToEnd
from appliance.learning.tokens.batches import plan_batches, plan_unpadded
from appliance.learning.tokens.bio import OUTSIDE, decode_words, entity_types
from appliance.learning.tokens.collating import collate, frame
from appliance.learning.tokens.encoding import UNCOVERED, Encoded, Encoder
from appliance.learning.tokens.windows import Window, cut_windows
from appliance.records.cards import AdapterCard, HeadKind
from appliance.records.spans import ScoredSpan

# Texts encoded and labelled together: bounds memory, and is plenty for even buckets.
_CHUNK: Final = 512


@dataclass(frozen=True, slots=True)
class Limits:
    """How a labeller cuts and batches.

    Attributes:
        max_tokens: Longest window, special tokens included.
        stride_tokens: Tokens that neighbouring windows share.
        batch_tokens: Rows of a batch times its longest row, or its tokens where none is padded.
        dtype: "float32" or "bfloat16".
    """

    max_tokens: int
    stride_tokens: int
    batch_tokens: int
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A window of a text, and the tokens that decide words there."""

    text: int
    window: Window
    tokens: NDArray[np.int64]


def _ask(number: int, text: Encoded, windows: Sequence[Window]) -> Iterator[_Asked]:
    """The windows that decide words, with these words' tokens."""
    deciding = np.unique(text.first[text.first != UNCOVERED]).astype(np.int64)
    for window in windows:
        tokens = deciding[slice(*np.searchsorted(deciding, (window.keep_start, window.keep_end)))]
        if len(tokens):
            yield _Asked(number, window, tokens)


class AdapterLabeller:
    """A token classifier that labels whole texts.

    Args:
        model: Maps (rows, tokens) ids to (rows, tokens, labels) logits; already on its device.
        encoder: Its tokenizer.
        labels: Token labels in the head's order, from `bio_labels`.
        limits: How to cut and batch.
    """

    def __init__(
        self, model: Any, encoder: Encoder, labels: tuple[str, ...], limits: Limits
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._types = entity_types(labels)
        self._limits = limits
        self._quick = EndToEnd(model, limits.dtype) if EndToEnd.fits(model, limits.dtype) else None

    @classmethod
    def load(
        cls,
        adapter: Path,
        base: Path,
        *,
        device: str,
        max_tokens: int,
        stride_tokens: int,
        batch_tokens: int,
        dtype: str,
    ) -> "AdapterLabeller":
        """The adapter merged into its base model, ready to label.

        Raises:
            BadInput: There is no such adapter, or no such device.
            ManifestMismatch: Adapter or base model is not what was written, or the adapter was
                trained on another base model.
        """
        card, _ = read_adapter(adapter)
        check_base(card, adapter.name, base, HeadKind.ENTITIES)
        place = choose_device(device)
        from appliance.learning.lora import load_adapted

        model = load_adapted(base, adapter, card.labels).to(place).eval()
        encoder = Encoder.load(base)
        limits = Limits(max_tokens, stride_tokens, batch_tokens, dtype)
        return cls(model, encoder, card.labels, limits)

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """Spans of every text, in order; none is cut short, none is left out.

        A text that fits one window gets the same spans whatever else is labelled with it.
        """
        results: list[tuple[ScoredSpan, ...]] = []
        for start in range(0, len(texts), _CHUNK):
            encoded = self._encoder.encode(texts[start : start + _CHUNK])
            for text, weights in zip(encoded, self._weigh(encoded), strict=True):
                results.append(self._decode(text, weights.argmax(axis=-1), weights.max(axis=-1)))
        return results

    def weigh(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Of every word (`split_words`) of every text, how likely each label is: (words, labels).

        A word that the tokenizer drops is outside.
        """
        results: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), _CHUNK):
            encoded = self._encoder.encode(texts[start : start + _CHUNK])
            for text, weights in zip(encoded, self._weigh(encoded), strict=True):
                words = np.zeros((len(text.words), 1 + 2 * len(self._types)), dtype=np.float32)
                words[:, OUTSIDE] = 1
                covered = text.first != UNCOVERED
                words[covered] = weights[text.first[covered]]
                results.append(words)
        return results

    def _weigh(self, texts: Sequence[Encoded]) -> list[NDArray[np.float32]]:
        """Of every text how likely each label is: (tokens, labels).

        Said of the tokens that decide words; the rows of the others are zero.
        """
        limits = self._limits
        size = limits.max_tokens - self._encoder.specials
        asked = [
            one
            for number, text in enumerate(texts)
            for one in _ask(number, text, cut_windows(len(text.ids), size, limits.stride_tokens))
        ]
        labels = 1 + 2 * len(self._types)
        results = [np.zeros((len(text.ids), labels), dtype=np.float32) for text in texts]
        lengths = np.array([one.window.end - one.window.start for one in asked], dtype=np.int64)
        plan = plan_unpadded if self._quick else plan_batches
        for batch in plan(lengths + self._encoder.specials, limits.batch_tokens):
            self._weigh_batch(texts, [asked[row] for row in batch], results)
        return results

    def _weigh_batch(
        self,
        texts: Sequence[Encoded],
        asked: Sequence[_Asked],
        results: Sequence[NDArray[np.float32]],
    ) -> None:
        rows = [texts[one.text].ids[one.window.start : one.window.end] for one in asked]
        before = len(self._encoder.prefix)
        places = [one.tokens - one.window.start + before for one in asked]
        for one, weights in zip(asked, self._read(rows, places), strict=True):
            results[one.text][one.tokens] = weights

    def _read(
        self, rows: Sequence[NDArray[np.int32]], places: Sequence[NDArray[np.int64]]
    ) -> Sequence[NDArray[np.float32]]:
        """How likely each label is: (places, labels) of each row.

        Args:
            rows: Content tokens.
            places: Of each row some, counted with the special tokens.
        """
        if self._quick:
            return self._quick([frame(self._encoder, row) for row in rows], places)
        block = collate(self._encoder, rows)
        weights = self._forward(block.ids, block.mask)
        return [row[own] for row, own in zip(weights, places, strict=True)]

    def _forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """How likely each label is: (rows, tokens, labels)."""
        import torch

        device = next(self._model.parameters()).device
        with torch.inference_mode(), mixed_precision(device, self._limits.dtype):
            logits = self._model(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
            ).logits
        weights: NDArray[np.float32] = torch.softmax(logits.float(), dim=-1).cpu().numpy()
        return weights

    def _decode(
        self, text: Encoded, tags: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> tuple[ScoredSpan, ...]:
        if not len(text.ids):
            return ()
        covered = text.first != UNCOVERED
        word_tags = np.where(covered, tags[text.first], 0)
        # The second word under one token goes on where the first began.
        begins = text.inherits & (word_tags % 2 == 1)
        word_tags = np.where(begins, word_tags + 1, word_tags)
        return decode_words(text.words, word_tags, scores[text.first], self._types)


def check_base(card: AdapterCard, name: str, base: Path, wanted: HeadKind) -> None:
    """The adapter decides what is wanted, and was trained on this base model.

    Raises:
        BadInput: It decides something else.
        ManifestMismatch: It was trained on another base model.
    """
    require_kind(card, wanted)
    if is_finished(base) and read_manifest(base, "model", check=False).digest != card.base_digest:
        raise ManifestMismatch(
            f"Adapter {name!r} was trained on another base model than {base.name}.",
            f"Use the one its card names: {card.base!r}, {card.base_digest[:16]}.",
        )
