"""From a completion to one clean sentence, or the reason why there is none."""

import re
import unicodedata
from collections import Counter
from typing import Final

from appliance.records.prompts import QUARANTINED, Completion, Draft
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
# An instruction model that should have ended goes on with another turn, glued to the last sentence.
_RUN_ON: Final = re.compile(
    r"(?<=[a-z][a-z][.!?])(?=[A-Z][a-z])|\b(?:Human|User|Assistant|System|AI) ?:"
)
# What an assistant says about itself or its task, and tasks; no sentence of a note.
_TALK: Final = re.compile(
    r"\b(?:as an AI|AI (?:language )?model|language model|hope (?:this|that|it) helps"
    r"|let me know if|feel free to|I (?:can ?not|can't|am unable to) (?:provide|assist|help|write)"
    r"|(?:here(?: is|'s| are)|this is) (?:an?|the|some|your|one) (?:\w+ ){0,2}"
    r"(?:sentences?|examples?|answers?|responses?)\b"
    r"|(?:write|generate|create|compose|rewrite|translate|provide) (?:me )?"
    r"(?:an?|the|your|this|one|two|three|some) (?:\w+ ){0,3}(?:sentences?|texts?|paragraphs?)"
    r"|in the style of an?|that you (?:asked|requested)"
    r"|(?:given|following|above|previous|next) (?:sentences?|passages?|prompts?|instructions?))\b"
    r"|^(?:sure|certainly|of course)[!,.]",
    re.IGNORECASE,
)
# No sentence ends so, whatever the model says about having finished.
_UNFINISHED: Final = re.compile(
    r"\b(?:the|an?|and|or|but|of|in|with|by|to|for|from|at|on|as|that|which|who|than|because|if|is"
    r"|was|are|were|has|had|his|her|their|its)$|[,:;(\-]$",
    re.IGNORECASE,
)
# A full stop behind these ends no sentence.
_SHORTENED: Final = re.compile(
    r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|approx|e\.g|i\.e|cf|al|No|Fig|[A-Z])\.$"
)


def read_answer(draft: Draft, completion: Completion) -> str | Reason:
    """The answer as one clean text, the draft's opening included."""
    if completion.finish_reason == QUARANTINED:
        return Reason.QUARANTINED
    least = MIN_OWN_WORDS_OF_PAIR if draft.relation and draft.opening else MIN_OWN_WORDS
    if len(split_words(completion.text)) < least:
        return Reason.LENGTH
    text = _SPACES.sub(" ", draft.opening + completion.text).strip().strip('"').strip()
    run_on = _RUN_ON.search(text, len(draft.opening))
    if run_on is not None:
        text = text[: run_on.start()].rstrip()
    elif completion.finish_reason != "stop":
        # A whole sentence before the cut is as good as any.
        found = (end.end() for end in _SENTENCE_END.finditer(text))
        ends = [at for at in found if not _SHORTENED.search(text, 0, at)]
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
    if _TALK.search(text):
        return Reason.TALK
    if _UNFINISHED.search(text):
        return Reason.TRUNCATED
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
