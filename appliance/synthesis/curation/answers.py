"""From a completion to one clean sentence, or the reason why there is none."""

import re
import unicodedata
from collections import Counter
from typing import Final

from appliance.records.prompts import Completion, Draft
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.curation.words import split_words

MIN_WORDS: Final = 5
# Beyond the opening that was given. That of a pair says all but the end.
MIN_OWN_WORDS: Final = 3
MIN_OWN_WORDS_OF_PAIR: Final = 1
MAX_WORDS: Final = 90
# Accents, degree signs and Greek letters are ordinary in medicine, other scripts are not.
MAX_FOREIGN_SHARE: Final = 0.04
MIN_LETTER_SHARE: Final = 0.6
MIN_DISTINCT_SHARE: Final = 0.55
MAX_PHRASE_REPEATS: Final = 2
_PHRASE: Final = 3
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s)")
_MARKUP: Final = re.compile(r"Entities:|Register:|Sentence:|https?:|www\.|[<>{}\\|_*#=]|\[|\]")
# Neither Latin, nor Greek, nor a typographer's dash or quotation mark.
_FOREIGN: Final = re.compile(r"[^\u0000-\u024f\u0370-\u03ff\u2010-\u201f\u2032\u2033\u2264\u2265]")
_SPACES: Final = re.compile(r"\s+")


def read_answer(draft: Draft, completion: Completion) -> str | Reason:
    """The answer as one clean text, the draft's opening included."""
    least = MIN_OWN_WORDS_OF_PAIR if draft.relation and draft.opening else MIN_OWN_WORDS
    if len(split_words(completion.text)) < least:
        return Reason.LENGTH
    text = _SPACES.sub(" ", draft.opening + completion.text).strip().strip('"').strip()
    if completion.finish_reason != "stop":
        # A whole sentence before the cut is as good as any.
        ends = [found.end() for found in _SENTENCE_END.finditer(text)]
        if not ends:
            return Reason.TRUNCATED
        text = text[: ends[-1]]
    return _find_fault(text) or text


def _find_fault(text: str) -> Reason | None:
    words = [word.folded for word in split_words(text)]
    if not MIN_WORDS <= len(words) <= MAX_WORDS:
        return Reason.LENGTH
    if _MARKUP.search(text):
        return Reason.ECHO
    if _is_garbage(text):
        return Reason.GARBAGE
    return Reason.REPETITION if _repeats_itself(words) else None


def _is_garbage(text: str) -> bool:
    letters = sum(1 for letter in text if letter.isalpha() or letter == " ")
    return (
        any(unicodedata.category(letter)[0] == "C" for letter in text)
        or len(_FOREIGN.findall(text)) > MAX_FOREIGN_SHARE * len(text)
        or letters < MIN_LETTER_SHARE * len(text)
    )


def _repeats_itself(words: list[str]) -> bool:
    phrases = Counter(zip(*(words[at:] for at in range(_PHRASE)), strict=False))
    is_stuck = any(count > MAX_PHRASE_REPEATS for count in phrases.values())
    return is_stuck or len(set(words)) < MIN_DISTINCT_SHARE * len(words)
