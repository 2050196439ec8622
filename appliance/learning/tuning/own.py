"""Real texts of the site to learn from, labelled by adapters that were trained before.

What all teachers together are unsure of is left out word by word; what they are sure of teaches a
pupil how real notes look, which no invented text shows.

Source: self-training with a confident teacher, e.g. Yarowsky 1995; masked as in Liang et al. 2020
(BOND, arXiv 2006.15509).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.learning.tokens.bio import decode_words
from appliance.learning.tokens.encoding import split_words
from appliance.learning.tuning.data import LabelledText
from appliance.records.identifiers import Digest

STAMPS: Final = "learned.stamps"
"""Which notes an adapter learned from, and which were kept back for an audit."""
# Weights of all words of these texts are in memory at once.
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class Lesson:
    """Who teaches what.

    Attributes:
        teachers: Digests of the adapters.
        source: Digest of the vault's content.
        notes: How many notes, at most.
        least: Probability from which a word teaches, 0 to 1.
    """

    teachers: tuple[Digest, ...]
    source: Digest
    notes: int
    least: float

    def switches(self) -> dict[str, str]:
        """For the card: all that decides what is learned."""
        return {
            "teachers": " ".join(self.teachers),
            "own_source": self.source,
            "own_notes": str(self.notes),
            "own_least": str(self.least),
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """What people decided in a review, to learn from.

    Attributes:
        review: Its name.
        decisions: Digest of those that teach.
        notes: How many passages these are, each of another note.
    """

    review: str
    decisions: Digest
    notes: int

    def switches(self) -> dict[str, str]:
        """For the card: all that decides what is learned."""
        return {"reviewed": self.review, "reviewed_decisions": self.decisions}


@dataclass(frozen=True, slots=True)
class Own:
    """The site's own texts, labelled.

    Attributes:
        lesson: Where they and their labels are from.
        texts: They live in the memory of a training worker, and nowhere else.
        stamps: By which the vault knows these notes again, and others that teach nothing.
    """

    lesson: Lesson | Checked
    texts: Sequence[LabelledText] = field(repr=False)
    stamps: bytes = field(default=b"", repr=False)

    def switches(self) -> dict[str, str]:
        """See `Lesson`."""
        return self.lesson.switches()


class Teacher(Protocol):
    """What says how likely each label of each word is; an `AdapterLabeller`."""

    def weigh(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """(words, labels) of every text."""


def teach(
    texts: Sequence[str], teachers: Sequence[Teacher], types: tuple[str, ...], least: float
) -> list[LabelledText]:
    """The texts as all teachers together label them; those that teach nothing are left out.

    Args:
        texts: Whole notes.
        teachers: At least one; of the same task.
        types: Entity types of the task.
        least: Mean probability of a word's label from which it teaches, 0 to 1.
    """
    found = label_together(texts, teachers, types, least)
    return [one for one in found if one is not None]


def label_together(
    texts: Sequence[str], teachers: Sequence[Teacher], types: tuple[str, ...], least: float
) -> list[LabelledText | None]:
    """The same, in the order of the texts: None for one that teaches nothing."""
    labelled: list[LabelledText | None] = []
    for start in range(0, len(texts), _CHUNK):
        some = texts[start : start + _CHUNK]
        opinions = zip(*(one.weigh(some) for one in teachers), strict=True)
        labelled += [
            _label(text, np.mean(each, axis=0), types, least)
            for text, each in zip(some, opinions, strict=True)
        ]
    return labelled


def _label(
    text: str, weights: NDArray[np.float32], types: tuple[str, ...], least: float
) -> LabelledText | None:
    words, tags, scores = split_words(text), weights.argmax(axis=-1), weights.max(axis=-1)
    unsure = scores < least
    if unsure.all():
        return None
    spans = tuple(one.span for one in decode_words(words, tags, scores, types))
    left_out = tuple((int(start), int(end)) for start, end in words[unsure])
    return LabelledText(text, spans, unsure=left_out)
