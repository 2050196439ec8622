"""What may stand in a frame's slot: names of entities, words of the sheet, invented things.

A model that has seen only sentences takes every rare word for an entity: on notes, names of
people, drugs and headings were two thirds of what an adapter found. Such words have to be seen
where they are no entities.
"""

import random
import re
from collections.abc import Callable, Mapping
from typing import Final

from appliance.gate import lexicon
from appliance.records.tasks import INVENTED_SLOTS, Term, Vocabulary
from appliance.synthesis.prompting.codes import invent_symbol, invent_variant
from appliance.synthesis.prompting.decks import Deck

SLOT: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)(?:\.(short|long))?\}")
_SYNONYM_SHARE: Final = 0.4
_SHORT_SHARE: Final = 0.15
_DOUBLE_SHARE: Final = 0.1
_MIN_WORD: Final = 3
_WORDS: Final = (3, 10)
_WORD: Final = re.compile(r"[a-z]+")
_ONSETS: Final = tuple(
    "b br c ch d dr f fl g gr h j k kl l m n p pr r s sch sh st t th tr v w y z o a e i".split()  # noqa: SIM905 - reads best whole
)
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ou", "ee")
_ENDINGS: Final = tuple(
    """n r l s m ng rd ston berg ski ez ova wick ham field worth son sen ini elli ard aux ian yan
    ura moto shi li ra na feld mann strom quist dottir kov enko gil nor bury ley""".split()  # noqa: SIM905 - the same
)


class Slots:
    """Fills one slot at a time; entities are dealt, so that all of a vocabulary is used.

    Args:
        vocabulary: Of the entities.
        words: Slot to words, of the sheet.
        rng: Decides everything.
    """

    def __init__(
        self, vocabulary: Vocabulary, words: Mapping[str, tuple[str, ...]], rng: random.Random
    ) -> None:
        self._rng = rng
        self._words = words
        self._terms: dict[str, Deck[Term]] = {}
        self._shortened: dict[str, Deck[Term]] = {}
        for label in sorted({term.label for term in vocabulary.terms}):
            terms = [term for term in vocabulary.terms if term.label == label]
            self._terms[label] = Deck(terms, rng)
            if shortened := [term for term in terms if term.abbreviations]:
                self._shortened[label] = Deck(shortened, rng)
        surfaces = [surface for term in vocabulary.terms for surface in term.surfaces]
        self._capitals = {surface.upper() for surface in surfaces}
        self._ordinary = _ordinary_words(surfaces)
        self._makers: dict[str, Callable[[], str]] = {
            "surname": self._surname,
            "symbol": lambda: invent_symbol(rng, self._capitals),
            "variant": lambda: invent_variant(rng),
            "small": lambda: str(rng.randint(1, 12)),
            "number": lambda: str(rng.randint(2, 250)),
            "decimal": lambda: f"{rng.uniform(0.2, 40):.1f}",
            "words": self._some_words,
        }
        assert set(self._makers) == INVENTED_SLOTS

    def names_entity(self, slot: str) -> bool:
        """Whether the slot is an entity type."""
        return slot in self._terms

    def word(self, slot: str) -> str:
        """What stands in a slot that is no entity."""
        maker = self._makers.get(slot)
        return maker() if maker else self._rng.choice(self._words[slot])

    def entity(self, label: str) -> str:
        """A name of that type: the preferred one, a synonym, at times an abbreviation."""
        if label in self._shortened and self._rng.random() < _SHORT_SHARE:
            return self._rng.choice(self._shortened[label].deal().abbreviations)
        term = self._terms[label].deal()
        is_other = term.synonyms and self._rng.random() < _SYNONYM_SHARE
        return self._rng.choice(term.synonyms) if is_other else term.name

    def pair(self, label: str) -> tuple[str, str]:
        """A name and its abbreviation; the same name twice where the type has no abbreviation."""
        if label not in self._shortened:
            name = self._terms[label].deal().name
            return name, name
        term = self._shortened[label].deal()
        return term.name, self._rng.choice(term.abbreviations)

    def _surname(self) -> str:
        parts = 2 if self._rng.random() < _DOUBLE_SHARE else 1
        return "-".join(self._one_surname() for _ in range(parts))

    def _one_surname(self) -> str:
        """Pronounceable, and nobody's: in none of the lists of names."""
        rng = self._rng
        while True:
            syllables = [
                rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 1, 2)))
            ]
            name = "".join(syllables) + rng.choice(_ENDINGS)
            if name not in lexicon.family_names() and name not in lexicon.given_names():
                return name.capitalize()

    def _some_words(self) -> str:
        words = self._rng.sample(self._ordinary, self._rng.randint(*_WORDS))
        if self._rng.random() < 0.5:  # noqa: PLR2004 - a list as often as a sentence
            return ", ".join(words)
        return " ".join(words).capitalize() + "."


def _ordinary_words(surfaces: list[str]) -> list[str]:
    """Common English words that no name of the vocabulary is made of, sorted."""
    taken = {word for surface in surfaces for word in _WORD.findall(surface.lower())}
    return sorted(
        word
        for word in lexicon.english_words()
        if len(word) >= _MIN_WORD and _WORD.fullmatch(word) and word not in taken
    )
