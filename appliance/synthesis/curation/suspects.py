"""Words that look like entities, yet carry no label: a sentence with one would teach a lie.

The model names things that no vocabulary holds. What such a name looks like is learned from the
vocabulary itself, so it works for any task: the words that many names end with ("syndrome",
"carcinoma"), and the endings that many last words share ("-itis", "-emia"). Many for a vocabulary
of that size, and many more than among the words of English: of ten thousand drugs some end with
"1", "human" and "-ther", and no text does without these.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from appliance.gate import lexicon
from appliance.records.spans import Span
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.synthesis.curation.words import Word, singulars, split_words

HEAD_NAMES: Final = 5
# One name of so many has to end with the word.
HEAD_SHARE: Final = 500
ENDING_NAMES: Final = 8
# So many times as often as English words.
ENDING_LIFT: Final = 50
ORDINARY_WORDS: Final = 2
_ENDING_LETTERS: Final = 4
_LONGEST_NAME: Final = 4
_HEAD_LETTERS: Final = 3
# "The disease", "a tumor": the bare word speaks of something named elsewhere.
_DETERMINERS: Final = frozenset(
    ("the", "a", "an", "this", "that", "these", "those", "his", "her", "their", "its")
)


class Suspects:
    """Finds unlabelled words that look like the names of a vocabulary."""

    def __init__(self, sheet: LabelSheet, vocabulary: Vocabulary) -> None:
        lasts = Counter(_last_words(vocabulary))
        # What the sheet itself leaves unlabelled is known not to be an entity.
        self._innocent = set(_unlabelled_words(sheet))
        ordinary = Counter(_endings_of(self._innocent))
        endings = Counter(_endings_of(lasts))
        least = max(HEAD_NAMES, lasts.total() / HEAD_SHARE)
        self._heads = {
            word for word, count in lasts.items() if count >= least and _is_telling(word)
        }
        # "-tion" ends many names of diseases, and as many words that are none. One word more than
        # there are, for endings that English has not.
        common = _english_endings()
        lift = len(lexicon.english_words()) / (max(1, len(lasts)) * ENDING_LIFT)
        self._endings = {
            ending
            for ending, count in endings.items()
            if count >= ENDING_NAMES
            and ordinary[ending] <= ORDINARY_WORDS
            and count * lift >= common[ending] + 1
        }

    def count(self, words: Sequence[Word], spans: Sequence[Span]) -> int:
        """How many words outside `spans` look like an entity that nobody labelled."""
        return sum(
            1
            for at, word in enumerate(words)
            if not any(span.start <= word.start < span.end for span in spans)
            and self._looks_so(words[at - 1].folded if at else "", word.folded)
        )

    def _looks_so(self, before: str, word: str) -> bool:
        forms = singulars(word)
        if self._innocent.intersection(forms):
            return False
        if self._heads.intersection(forms):
            return before not in _DETERMINERS
        return any(_is_long(form) and form[-_ENDING_LETTERS:] in self._endings for form in forms)


@cache
def _english_endings() -> Counter[str]:
    return Counter(_endings_of(lexicon.english_words()))


def _is_telling(word: str) -> bool:
    """Not the "1" or the "b" of a series."""
    return len(word) >= _HEAD_LETTERS and word.isalpha()


def _is_long(word: str) -> bool:
    return len(word) > _ENDING_LETTERS + 1


def _endings_of(words: Iterable[str]) -> list[str]:
    return [word[-_ENDING_LETTERS:] for word in words if _is_long(word)]


def _last_words(vocabulary: Vocabulary) -> Iterable[str]:
    for term in vocabulary.terms:
        for surface in (term.name, *term.synonyms):
            words = split_words(surface)
            if words and len(words) <= _LONGEST_NAME:
                yield words[-1].folded


def _unlabelled_words(sheet: LabelSheet) -> Iterable[str]:
    texts = [*sheet.topics]
    for entity in sheet.entities:
        texts += entity.counter_examples
        # A rule names its examples after a colon: "Bare symptoms: cough, fever."
        texts += [rule.partition(":")[2] for rule in entity.excludes]
    for shown in sheet.demonstrations:
        text = shown.text
        for surface in shown.entities:
            text = text.replace(surface, " ")
        texts.append(text)
    for text in texts:
        for word in split_words(text):
            yield from singulars(word.folded)
