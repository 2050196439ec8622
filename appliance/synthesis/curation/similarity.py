"""Texts that are too much like others: demonstrations, or examples that are there already.

Entities are masked first: the same sentence about another disease is the same sentence.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from appliance.records.spans import Span
from appliance.records.tasks import LabelSheet, PairExample, RelationType
from appliance.synthesis.curation.lexicon import Lexicon
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.curation.words import split_words

MAX_SHARED: Final = 0.4
NEAR: Final = 0.7
_GRAM: Final = 4
_SHINGLE: Final = 3
_PERMUTATIONS: Final = 64
_BEGINNING: Final = 4
# So many examples may begin with the same words: three, and one more for every forty.
_SAME_BEGINNING: Final = 3
_PER_EXAMPLES: Final = 40
_MASK: Final = "\N{WHITE SQUARE}"

Grams = set[tuple[str, ...]]


def mask(text: str, spans: Sequence[Span]) -> list[str]:
    """The text's folded words, each entity as one mark."""
    words: list[str] = []
    inside: Span | None = None
    for word in split_words(text):
        span = next((span for span in spans if span.start <= word.start < span.end), None)
        if span is None:
            words.append(word.folded)
        elif span is not inside:
            words.append(_MASK)
        inside = span
    return words


class Demonstrated:
    """Knows the sheet's demonstrations, to see who repeats them."""

    def __init__(self, sheet: LabelSheet, lexicon: Lexicon) -> None:
        self._grams: Grams = set()
        pairs = [one for relation in sheet.taught for one in _examples(relation)]
        shown = [(one.text, one.entities) for one in sheet.demonstrations]
        for text, entities in [*shown, *((one.text, (one.head, one.tail)) for one in pairs)]:
            spans = [match.span for match in lexicon.find(text, entities)]
            self._grams |= _grams(mask(text, spans), _GRAM)

    def share(self, masked: Sequence[str]) -> float:
        """Share of the text's runs of four words that a demonstration holds too, 0 to 1."""
        grams = _grams(masked, _GRAM)
        return len(grams & self._grams) / len(grams) if grams else 0.0


def _examples(relation: RelationType) -> tuple[PairExample, ...]:
    return relation.teaching.examples if relation.teaching else ()


class Seen:
    """Knows every example taken so far.

    Near-duplicates by MinHash over runs of three words, Broder 1997; the threshold is that of the
    Jaccard similarity.
    """

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._exact: set[str] = set()
        self._near = MinHashLSH(threshold=NEAR, num_perm=_PERMUTATIONS)
        self._beginnings: Counter[tuple[str, ...]] = Counter()

    def find_fault(
        self, masked: Sequence[str], normalised: str, *, is_opened: bool = False
    ) -> Reason | None:
        """What speaks against taking it, or None.

        Args:
            masked: Its words, each entity as one mark.
            normalised: Its words.
            is_opened: Whether its beginning was given, and says nothing of what was written.
        """
        if normalised in self._exact:
            return Reason.DUPLICATE
        if self._near.query(_minhash(masked)):
            return Reason.NEAR_DUPLICATE
        if is_opened:
            return None
        allowed = _SAME_BEGINNING + len(self._exact) // _PER_EXAMPLES
        if self._beginnings[tuple(masked[:_BEGINNING])] >= allowed:
            return Reason.MONOTONOUS
        return None

    def add_exact(self, normalised: str) -> bool:
        """It is known from now on, to the word; False where it was known already."""
        is_new = normalised not in self._exact
        self._exact.add(normalised)
        return is_new

    def add(self, masked: Sequence[str], normalised: str) -> None:
        """It was taken."""
        self._near.insert(normalised, _minhash(masked))
        self._exact.add(normalised)
        self._beginnings[tuple(masked[:_BEGINNING])] += 1


def _grams(words: Sequence[str], length: int) -> Grams:
    return set(zip(*(words[at:] for at in range(length)), strict=False))


def _minhash(masked: Sequence[str]) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=_PERMUTATIONS)
    sketch.update_batch(_encode(_grams(masked, _SHINGLE) or {tuple(masked)}))
    return sketch


def _encode(grams: Grams) -> Iterable[bytes]:
    return [" ".join(gram).encode() for gram in sorted(grams)]
