"""The free baseline: names of the vocabulary, looked up, the longest match first."""

import re
from collections.abc import Sequence
from typing import Final

from appliance.records.spans import ScoredSpan, Span
from appliance.records.tasks import Vocabulary, is_short_form

_WORD: Final = re.compile(r"\w+|[^\w\s]")
_NOT_PLAIN: Final = re.compile(r"[^a-z0-9]+")
# Words and punctuation marks of the longest match.
_LONGEST: Final = 8
# Shorter names match half the text.
_SHORTEST_NAME: Final = 3


class DictionaryLabeller:
    """Labels every longest stretch of at most eight words that is a name in the vocabulary.

    Case and punctuation are set aside: "Crohn's disease" is found in "crohn s disease".

    Args:
        vocabulary: Names and their labels; of a name with two labels the first counts.
        strict_short: Whether abbreviations are found as they are written only: "ALL", not "all".
    """

    def __init__(self, vocabulary: Vocabulary, *, strict_short: bool = False) -> None:
        self._labels: dict[str, str] = {}
        # Of names that are nothing but abbreviations, how they are written.
        self._written: dict[str, set[str]] = {}
        for term in vocabulary.terms:
            for surface in term.surfaces:
                name = normalise(surface)
                if len(name) < _SHORTEST_NAME:
                    continue
                is_new = name not in self._labels
                self._labels.setdefault(name, term.label)
                if not (strict_short and is_short_form(surface)):
                    self._written.pop(name, None)
                elif is_new or name in self._written:
                    self._written.setdefault(name, set()).add(surface)
        self._heads = frozenset(name.split(" ", 1)[0] for name in self._labels)

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """Spans of every text, in order, each with score 1."""
        return [tuple(self._label(text)) for text in texts]

    def _label(self, text: str) -> list[ScoredSpan]:
        words = [match.span() for match in _WORD.finditer(text)]
        plain = [normalise(text[start:end]) for start, end in words]
        found: list[ScoredSpan] = []
        position = 0
        while position < len(words):
            end, label = self._longest(plain, position)
            if label:
                span = Span(words[position][0], words[end - 1][1], label)
                written = self._written.get(" ".join(filter(None, plain[position:end])))
                if written is None or text[span.start : span.end] in written:
                    found.append(ScoredSpan(span, 1.0))
            position = end
        return found

    def _longest(self, plain: Sequence[str], start: int) -> tuple[int, str]:
        """One past the longest name that begins at `start`, and its label; "" if none does."""
        if plain[start].split(" ", 1)[0] in self._heads and plain[start]:
            for end in range(min(len(plain), start + _LONGEST), start, -1):
                if plain[end - 1]:
                    label = self._labels.get(" ".join(word for word in plain[start:end] if word))
                    if label:
                        return end, label
        return start + 1, ""


def normalise(text: str) -> str:
    """Lower case, with every run of anything but a-z and 0-9 as one space.

    >>> normalise("Crohn's Disease")
    'crohn s disease'
    """
    return _NOT_PLAIN.sub(" ", text.lower()).strip()
