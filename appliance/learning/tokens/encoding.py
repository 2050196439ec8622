"""Texts as token ids that know which word they begin."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.learning.offline import go_offline

# Runs of letters and digits, and every other visible character by itself.
_WORD: Final = re.compile(r"\w+|[^\w\s]")
UNCOVERED: Final = -1


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text as tokens, whole.

    Attributes:
        ids: (tokens,), without special tokens.
        words: (words, 2), starts and ends in code points.
        first: (words,), the token that decides the word, `UNCOVERED` where the tokenizer dropped
            the word (control characters).
        inherits: (words,), True where that token began in an earlier word.
    """

    ids: NDArray[np.int32] = field(repr=False)
    words: NDArray[np.int32] = field(repr=False)
    first: NDArray[np.int32] = field(repr=False)
    inherits: NDArray[np.bool_] = field(repr=False)


class Encoder:
    """A base model's tokenizer, with offsets.

    Attributes:
        prefix: Ids of the special tokens before a text.
        suffix: Ids of those after it.
        pad: Id that fills short rows.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        whole = list(tokenizer("a").input_ids)
        inner = list(tokenizer("a", add_special_tokens=False).input_ids)
        at = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
        self.prefix: Final = tuple(whole[:at])
        self.suffix: Final = tuple(whole[at + len(inner) :])
        self.pad: Final = int(tokenizer.pad_token_id or 0)

    @classmethod
    def load(cls, base: Path) -> "Encoder":
        """The tokenizer in a base model's directory.

        Raises:
            BadInput: It can't be read, or gives no offsets.
        """
        go_offline()
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                str(base), local_files_only=True, use_fast=True, add_prefix_space=True
            )
        except (OSError, ValueError, TypeError):
            raise BadInput(
                f"The tokenizer in {base.name} can't be read.", "Import the model again."
            ) from None
        if not tokenizer.is_fast:
            raise BadInput(
                f"The tokenizer in {base.name} gives no offsets.",
                "Save it with a tokenizer.json beside the weights.",
            )
        return cls(tokenizer)

    @property
    def specials(self) -> int:
        """How many special tokens a window carries."""
        return len(self.prefix) + len(self.suffix)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Every text as tokens, however long; nothing is cut off."""
        if not texts:
            return []
        batch = self._tokenizer(
            list(texts),
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            truncation=False,
            verbose=False,
        )
        rows = zip(texts, batch["input_ids"], batch["offset_mapping"], strict=True)
        return [_encoded(text, ids, offsets) for text, ids, offsets in rows]


def split_words(text: str) -> NDArray[np.int32]:
    """Words of the text: (n, 2), starts and ends in code points.

    >>> split_words("HIV-1.").tolist()
    [[0, 3], [3, 4], [4, 5], [5, 6]]
    """
    bounds = [match.span() for match in _WORD.finditer(text)]
    return np.array(bounds, dtype=np.int32).reshape(-1, 2)


def _encoded(text: str, ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> Encoded:
    words = split_words(text)
    bounds = np.array(offsets, dtype=np.int32).reshape(-1, 2)
    starts = _without_spaces(text, bounds)
    # Tokens of nothing but space begin no word.
    real = np.flatnonzero(starts < bounds[:, 1])
    starts, ends = starts[real], bounds[real, 1]
    at = np.searchsorted(starts, words[:, 0], side="left")
    padded = np.append(starts, np.iinfo(np.int32).max)
    own = padded[at] < words[:, 1]
    before = np.maximum(at - 1, 0)
    covered = (at > 0) & (np.append(ends, 0)[before] > words[:, 0])
    index = np.where(own, at, before)
    tokens = np.append(real, UNCOVERED)[np.where(own | covered, index, -1)]
    return Encoded(
        ids=np.array(ids, dtype=np.int32),
        words=words,
        first=tokens.astype(np.int32),
        inherits=~own & covered,
    )


def _without_spaces(text: str, bounds: NDArray[np.int32]) -> NDArray[np.int32]:
    """Token starts, moved past the space that byte-level tokenizers count in."""
    starts = bounds[:, 0].copy()
    for token in range(len(starts)):
        while starts[token] < bounds[token, 1] and text[starts[token]].isspace():
            starts[token] += 1
    return starts
