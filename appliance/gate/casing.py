# ruff: noqa: SIM905 - word lists read best whole
"""A text all in one case, rewritten as its writer would have with both, for a reader that needs it.

spaCy learned from text with capitals: it takes "SPASTIC COLON" for a company and misses "john
smith". So it is shown what the word lists say: ordinary and medical words small, everything else
with a capital. Only letters change case, never their number, so offsets stay what they are.
"""

import re
from typing import Final

from appliance.gate import lexicon
from appliance.gate.recognizers.words import Word, split_words, uses_capitals

_TITLES: Final = frozenset("dr mr mrs ms miss prof rev sr st mt".split())
_CALENDAR: Final = frozenset(
    "january february april june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday jan feb apr jun jul aug sept sep oct nov dec".split()
)
_SENTENCE_END: Final = re.compile(r"(?:^|[.?!:]\s+)$")
_LONGEST_SHORT: Final = 4


def recase(text: str) -> str:
    r"""`text` with telling capitals, line by line; a line that has them stays as it is.

    >>> recase("JOHN SMITH HAS ASTHMA.\nSeen by Anna.")
    'John Smith has asthma.\nSeen by Anna.'
    """
    return "".join(
        line if uses_capitals(line) else _recase_line(line)
        for line in text.splitlines(keepends=True)
    )


def _recase_line(line: str) -> str:
    characters = list(line)
    words = split_words(line)
    for index, word in enumerate(words):
        form = _form(line, words, index)
        characters[word.start : word.end] = form
    return "".join(characters)


def _form(line: str, words: list[Word], index: int) -> str:
    word = words[index]
    if len(word.text) == 1:
        has_stop = line[word.end : word.end + 1] == "."
        return word.text.upper() if has_stop or word.lower == "i" else word.lower
    if _SENTENCE_END.search(line, max(0, word.start - 4), word.start) or _is_proper(words, index):
        return _capitalise(word.lower)
    if lexicon.is_known_word(word.lower):
        return word.text.upper() if _is_short_form(line, word) else word.lower
    return word.text.upper() if not _has_vowel(word.lower) else _capitalise(word.lower)


def _is_short_form(line: str, word: Word) -> bool:
    """As "COPD" and "HTN", not "pain" and not the "mg" of a dose."""
    is_medical = word.lower in lexicon.medical_words()
    is_medical = is_medical and word.lower not in lexicon.english_words()
    follows_number = line[max(0, word.start - 2) : word.start].rstrip()[-1:].isdigit()
    return len(word.lower) <= _LONGEST_SHORT and is_medical and not follows_number


def _is_proper(words: list[Word], index: int) -> bool:
    """A clear name, town or month; or a doubtful one beside a clear one or a title."""
    lower = words[index].lower.removesuffix("'s").rstrip(".")
    if lower in _TITLES or lower in _CALENDAR:
        return True
    if lower in lexicon.medical_words():
        return False
    if lower in lexicon.given_names().clear or lower in lexicon.places("city").clear:
        return True
    before = words[index - 1].lower.rstrip(".") if index > 0 else ""
    if before in _TITLES:
        return True
    is_family = lower in lexicon.family_names() and before in lexicon.given_names()
    return is_family and (lower not in lexicon.english_words() or _is_clear(before))


def _is_clear(word: str) -> bool:
    return word in lexicon.given_names().clear


def _has_vowel(word: str) -> bool:
    return any(letter in "aeiouy" for letter in word)


def _capitalise(word: str) -> str:
    """Each part with a capital: "O'Brien", "Smith-Jones"."""
    return re.sub(r"(?:^|(?<=[-.])|(?<=\b[od]'))[a-z]", lambda match: match[0].upper(), word)
