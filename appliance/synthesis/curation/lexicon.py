"""The task's vocabulary as a labeller: longest match, every occurrence, with guards."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from appliance.records.spans import Span
from appliance.records.tasks import LabelSheet, Vocabulary, is_short_form
from appliance.synthesis.curation.words import (
    Word,
    are_joined,
    singulars,
    split_words,
)

# A short form of two letters stands for too many things to be believed without its long form.
_CERTAIN_LETTERS = 3
# In the place of a term's index.
_NO_CONCEPT = -1


@dataclass(frozen=True, slots=True)
class Match:
    """One place where the vocabulary, or the draft, names an entity.

    Attributes:
        span: Where, and its label.
        concept: Index of the vocabulary's term.
        is_doubtful: A short form that could mean something else here.
    """

    span: Span
    concept: int
    is_doubtful: bool


@dataclass(slots=True)
class _Node:
    """One step of the tree of names, keyed by folded words."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    plain: int | None = None
    exact: dict[str, int] = field(default_factory=dict)


class Lexicon:
    """Finds every name of a vocabulary in a text.

    Case does not matter, except in short forms. Hyphen, space and apostrophe stand for each
    other, the last word may be in the plural. Where names overlap, the one that begins first
    wins, then the longest.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._root = _Node()
        self._labels = [term.label for term in vocabulary.terms]
        for concept, term in enumerate(vocabulary.terms):
            for surface in term.surfaces:
                self._add(surface, concept, is_exact=surface in term.abbreviations)

    def pass_over(self, phrases: Iterable[str]) -> None:
        """These name no entity, nor does what they hold: "creatine kinase" is no creatine.

        A phrase that is itself a name of the vocabulary stays one.
        """
        for phrase in phrases:
            self._add(phrase, _NO_CONCEPT, is_exact=False)

    def concept_of(self, surface: str) -> int | None:
        """The term that a surface names, or None."""
        found = self._longest(surface, split_words(surface), 0)
        return None if found is None or found[1] == _NO_CONCEPT else found[1]

    def find(self, text: str, wanted: Iterable[str] = ()) -> list[Match]:
        """All matches, sorted, none overlapping.

        Args:
            text: Any text.
            wanted: Surfaces that the text was asked to hold: never doubtful.
        """
        words = split_words(text)
        certain = {self.concept_of(surface) for surface in wanted}
        found: list[tuple[Span, int]] = []
        at = 0
        while at < len(words):
            hit = self._longest(text, words, at)
            if hit is None:
                at += 1
                continue
            length, concept = hit
            if concept != _NO_CONCEPT:
                span = Span(words[at].start, words[at + length - 1].end, self._labels[concept])
                found.append((span, concept))
            at += length
        certain |= {concept for span, concept in found if not _is_brief(text, span)}
        return [
            Match(span, concept, _is_brief(text, span) and concept not in certain)
            for span, concept in found
        ]

    def _add(self, surface: str, concept: int, *, is_exact: bool) -> None:
        node = self._root
        words = split_words(surface)
        if not words:
            return
        for word in words:
            node = node.children.setdefault(word.folded, _Node())
        if is_exact or is_short_form(surface):
            node.exact.setdefault(surface, concept)
        elif node.plain is None:
            node.plain = concept

    def _longest(self, text: str, words: list[Word], start: int) -> tuple[int, int] | None:
        best: tuple[int, int] | None = None
        node = self._root
        for at in range(start, len(words)):
            if at > start and not are_joined(text, words[at - 1], words[at]):
                break
            concept = _ending(node, text[words[start].start : words[at].end], words[at].folded)
            if concept is not None:
                best = (at - start + 1, concept)
            following = node.children.get(words[at].folded)
            if following is None:
                break
            node = following
        return best


def lexicon_of(sheet: LabelSheet, vocabulary: Vocabulary) -> Lexicon:
    """The vocabulary's names, but for what the sheet says is none.

    A counter-example that holds a name of another type, of which it says nothing, hides none.
    """
    lexicon = Lexicon(vocabulary)
    said = [
        phrase
        for entity in sheet.entities
        for phrase in entity.counter_examples
        if all(match.span.label == entity.name for match in lexicon.find(phrase))
    ]
    slots = sheet.composition.slots.values()
    lexicon.pass_over(said + [phrase for words in slots for phrase in words])
    return lexicon


def _ending(node: _Node, written: str, folded: str) -> int | None:
    """The concept of a name that ends with this word, plural allowed."""
    for form in singulars(folded):
        last = node.children.get(form)
        if last is None:
            continue
        if last.plain is not None:
            return last.plain
        bare = written if form == folded else written[:-1]
        if bare in last.exact:
            return last.exact[bare]
    return None


def _is_brief(text: str, span: Span) -> bool:
    written = text[span.start : span.end]
    return len(written) < _CERTAIN_LETTERS and is_short_form(written)
