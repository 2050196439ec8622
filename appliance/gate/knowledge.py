"""Medical knowledge that lifts an alarm, each time by a rule that names its evidence.

Only alarms of detectors that guess are lifted: spaCy, the tagger, bare words of a lexicon. A
number with a cue, a date, a titled name, a patient of the site never is. A rule looks at one hit
and the text around it, and lifts a hit only where every word of the hit is explained: a name beside
an eponym still alarms. Of other hits it knows one thing, whether there is one at the same place:
that can only keep the hit standing, so one more hit never helps a text pass.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from appliance.gate import lexicon, medicine
from appliance.gate.casing import recase
from appliance.gate.recognizers.words import uses_capitals
from appliance.gate.spelling import CLEARLY, RATHER, is_spelled_like_a_word
from appliance.gate.vocabulary import Terms
from appliance.records.verdicts import Hit

_GUESSING: Final = frozenset({"spacy", "tagger", "unknown-words", "initial-and-name"})
# Words of a lexicon: only an eponym's own phrase lifts them.
_LISTED: Final = frozenset(
    {"given-name", "given-name-doubtful", "family-name", "town", "institution"}
)
_KINDS: Final = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
# A model that is this sure is not overruled by spelling alone.
_SURE: Final = 0.9


@dataclass(frozen=True, slots=True)
class _Case:
    """One hit in its text.

    Attributes:
        text: The whole normalised text.
        start: First code point of the hit's core: medical and ordinary words at its ends are off.
        end: One past the core's last.
        words: Words of the core, possessive endings off, lower case.
        hit: The hit.
        has_capitals: Whether capitals tell something in this text.
        is_recased: Whether they are ours and not the writer's.
    """

    text: str = field(repr=False)
    start: int
    end: int
    words: tuple[str, ...] = field(repr=False)
    hit: Hit
    has_capitals: bool
    is_recased: bool = False

    @property
    def core(self) -> str:
        return self.text[self.start : self.end]

    @property
    def rest(self) -> str:
        """What follows the core; a possessive ending that it swallowed is given back."""
        start = self.end - 2 if self.core.lower().endswith(("'s", "s'")) else self.end
        return self.text[start : start + 80]


def find_lift(text: str, hit: Hit, terms: Terms, *, has_witness: bool = False) -> str | None:
    """The name of the rule that lifts `hit`, or None where it stands.

    Args:
        text: The normalised text.
        hit: One alarm, offsets in `text`.
        terms: Public terms of the site's label sheets.
        has_witness: Whether another detector alarms at the same place.
    """
    is_guess = hit.detector in _GUESSING
    if not (is_guess or hit.detector in _LISTED):
        return None
    shown = _as_shown(text) if hit.detector == "spacy" else text
    if _is_code(text, hit):
        return "public-code"
    if is_guess and hit.entity not in _KINDS and not _is_word_for_an_address(text, hit):
        return _find_number_lift(text, hit)
    case = replace(_make_case(shown, hit), is_recased=shown != text)
    return _find_word_lift(case, terms, has_witness=has_witness)


def _find_word_lift(case: _Case, terms: Terms, *, has_witness: bool) -> str | None:
    text, hit, is_guess = case.text, case.hit, case.hit.detector in _GUESSING
    if hit.entity == "LOCATION" and medicine.has_house_number(text[hit.start : hit.end]):
        return None
    rules = _RULES if is_guess else _RULES_FOR_LISTED
    name = next((name for name, explains in rules if explains(case)), None)
    if name is None and terms.covers(text, hit.start, hit.end):
        return "vocabulary"
    if name is None and _medical_names().covers(text, case.start, case.end):
        return "medical-name"
    is_weak = is_guess and hit.score < _SURE
    if name is None and is_weak and not has_witness:
        return next((rule for rule, explains in _RULES_ALONE if explains(case)), None)
    return name


@cache
def _medical_names() -> Terms:
    return Terms(lexicon.medical_names())


def find_witnessed(hits: Iterable[Hit]) -> frozenset[Hit]:
    """Those hits at whose place another detector alarms as well."""
    hits = list(hits)
    detectors: dict[int, set[str]] = defaultdict(set)
    for hit in hits:
        for at in range(hit.start, hit.end):
            detectors[at].add(hit.detector)
    return frozenset(
        hit for hit in hits if any(len(detectors[at]) > 1 for at in range(hit.start, hit.end))
    )


def _is_spelled_so(case: _Case) -> bool:
    """Every word that is left is in no list of names and is spelled like a word."""
    parts = [part for word in case.words for part in word.split("-") if part]
    # A capital that only our lists gave says less than one that the writer gave.
    log_odds = RATHER if case.is_recased else CLEARLY
    return bool(parts) and all(
        not medicine.is_listed(part)
        and (medicine.is_ordinary(part) or is_spelled_like_a_word(part, log_odds))
        for part in parts
    )


def _is_few_letters(case: _Case) -> bool:
    """Where all is in one case, a short word in no list of names is a short form: "osa"."""
    return (
        case.is_recased
        and 0 < len(case.words) <= 2  # noqa: PLR2004 - two short forms at most
        and all(len(word) <= medicine.LETTERS for word in case.words)
        and not any(map(medicine.is_listed, case.words))
    )


# Every hit of a text asks; only the last text is kept.
_as_shown: Final = lru_cache(1)(recase)
_uses_capitals: Final = lru_cache(2)(uses_capitals)


def _make_case(text: str, hit: Hit) -> _Case:
    has_capitals = _uses_capitals(text)
    matches = _whole_words(text, hit)
    while matches and (
        medicine.IS_HEAD.fullmatch(medicine.bare(matches[-1].group()))
        or _is_explained(text, matches[-1], hit, has_capitals=has_capitals)
    ):
        matches.pop()
    while matches and _is_explained(text, matches[0], hit, has_capitals=has_capitals):
        matches.pop(0)
    words = [medicine.bare(match.group()).lower() for match in matches]
    start, end = (matches[0].start(), matches[-1].end()) if matches else (hit.start, hit.end)
    return _Case(text, start, end, tuple(words), hit, has_capitals)


def _whole_words(text: str, hit: Hit) -> list[re.Match[str]]:
    """The words that the hit touches; a model may have marked half of "Stevens-Johnson"."""
    start, end = hit.start, hit.end
    while start > 0 and _is_within(text, start - 1) and _is_within(text, start):
        start -= 1
    while end < len(text) and _is_within(text, end) and _is_within(text, end - 1):
        end += 1
    return list(medicine.TOKEN.finditer(text, start, end))


def _is_within(text: str, at: int) -> bool:
    """A letter or digit, or a hyphen or apostrophe between two letters."""
    is_joint = text[at] in "-'" and text[at - 1 : at].isalpha() and text[at + 1 : at + 2].isalpha()
    return is_joint or text[at].isalnum()


def _is_explained(text: str, match: re.Match[str], hit: Hit, *, has_capitals: bool) -> bool:
    """Ordinary, and not written as the name that it is as well: "discussed with Baker"."""
    word = medicine.bare(match.group())
    if not medicine.is_ordinary(word.lower()):
        return False
    if hit.entity != "PERSON" or not has_capitals or not medicine.is_proud(word):
        return True
    before = max(0, match.start() - 4)
    return bool(medicine.SENTENCE_START.search(text, before, match.start()))


def _find_number_lift(text: str, hit: Hit) -> str | None:
    """The tagger takes words and gene symbols for licence numbers; those have few digits."""
    if hit.detector != "tagger" or hit.entity in {"EMAIL_ADDRESS", "URL", "PHONE_NUMBER"}:
        return None
    surface = text[hit.start : hit.end]
    return "few-digits" if sum(map(str.isdigit, surface)) < medicine.MIN_DIGITS else None


def _is_word_for_an_address(text: str, hit: Hit) -> bool:
    """The tagger takes "-Marie-" for a URL; without a mark of one it is judged as a word."""
    return hit.entity == "URL" and not set(text[hit.start : hit.end]) & set(".:/@")


def _is_known(case: _Case) -> bool:
    """Ordinary words, words of medicine, numbers, none of them a clear name, no "Mark Baker"."""
    if case.words:
        return False
    names = [
        match.group() for match in medicine.TOKEN.finditer(case.text, case.hit.start, case.hit.end)
    ]
    return not _is_pair_of_names(names, case)


def _is_pair_of_names(names: list[str], case: _Case) -> bool:
    """A given and a family name that are words as well, written as names are."""
    pairs = pairwise(names)
    is_written = case.has_capitals or case.hit.detector == "tagger"
    return is_written and any(
        first.lower() in lexicon.given_names()
        and medicine.bare(last).lower() in lexicon.family_names()
        and (not case.has_capitals or (first.istitle() and medicine.bare(last).istitle()))
        and last.lower() not in lexicon.medical_words()
        and not medicine.IS_HEAD.fullmatch(last)
        for first, last in pairs
    )


def _is_eponym(case: _Case) -> bool:
    """Known eponyms, with a disease, sign, score or device after them, or a possessive."""
    if not case.words or not all(medicine.is_eponymous(word) for word in case.words):
        return False
    is_whole = case.hit.end > case.end and medicine.IS_HEAD.search(
        case.text, case.end, case.hit.end
    )
    return bool(medicine.AFTER.match(case.rest) or medicine.POSSESSIVE.match(case.rest) or is_whole)


def _is_eponym_phrase(case: _Case) -> bool:
    """The same for a listed name: the disease itself must follow, a possessive is not enough."""
    is_known = bool(case.words) and all(map(medicine.is_eponymous, case.words))
    return is_known and bool(medicine.AFTER.match(case.rest))


def _is_plain_eponym(case: _Case) -> bool:
    """An eponym that is no given or family name of our lists: "Alzheimer", "Guillain-Barre"."""
    return bool(case.words) and all(
        word in lexicon.eponyms()
        and word not in lexicon.given_names()
        and word not in lexicon.family_names()
        and word not in lexicon.places("city")
        for one in case.words
        for word in one.split("-")
        if word not in medicine.CONNECTORS
    )


def _is_named_measure(case: _Case) -> bool:
    """One or two words that are no given name, and a medical head word after them."""
    if not 0 < len(case.words) <= 2 or not medicine.AFTER.match(case.rest):  # noqa: PLR2004 - two at most
        return False
    return not any(medicine.is_personal(part) for word in case.words for part in word.split("-"))


def _is_small(case: _Case) -> bool:
    """Small letters in a text whose writer uses capitals, and in no list of names."""
    if not case.has_capitals or case.core.lower() != case.core:
        return False
    return not any(
        word in lexicon.given_names().clear or word in lexicon.family_names().clear
        for word in case.words
    )


def _has_dose(case: _Case) -> bool:
    """One word with a dose after it."""
    is_alone = len(case.words) == 1 and not medicine.is_personal(case.words[0])
    return is_alone and bool(medicine.DOSE.match(case.text[case.end : case.end + 40]))


def _ends_like_a_drug(case: _Case) -> bool:
    """One word with an ending that drugs have."""
    if len(case.words) != 1 or medicine.is_listed(case.words[0]):
        return False
    return bool(medicine.DRUG.fullmatch(case.words[0]))


def _is_symbol(case: _Case) -> bool:
    """Short forms in capitals and gene symbols, in a text that has small letters."""
    # Of a word that the hit has a part of, the whole counts: the "s" of "BRCA1's".
    whole = _whole_words(case.text, case.hit)
    start = min([case.hit.start, *(match.start() for match in whole)])
    end = max([case.hit.end, *(match.end() for match in whole)])
    surface = case.text[start:end]
    if not case.has_capitals:
        return bool(case.words) and all(map(medicine.is_level, case.words))
    parts = re.split(r"[\s/]+", surface)
    # Ordinary words alone are no symbols: "Mark Baker" is for `_is_known` to judge.
    has_symbol = any(not medicine.is_ordinary(medicine.bare(part).lower()) for part in parts)
    return has_symbol and all(map(medicine.is_symbolic, parts))


def _is_code(text: str, hit: Hit) -> bool:
    """A code of a public code system, named as such just before it."""
    start = max(0, hit.start - medicine.CODE_NAME)
    return any(
        match.start() <= hit.start and hit.end <= match.end()
        for match in medicine.CODE.finditer(text, start, hit.end)
    )


def _is_citation(case: _Case) -> bool:
    """An author: "et al." follows, or is in the hit."""
    return bool(medicine.ET_AL.search(case.text[case.hit.start : case.hit.end + 8]))


def _is_region(case: _Case) -> bool:
    """A part of the world, and what leads to one before it."""
    if case.hit.entity == "PERSON" or len(case.words) != 1:
        return False
    before = case.text[max(0, case.start - 16) : case.start]
    is_led_to = bool(medicine.TOWARDS_REGION.search(before))
    return case.words[0] in medicine.REGIONS and is_led_to


_RULES: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("known-words", _is_known),
    ("eponym", _is_eponym),
    ("plain-eponym", _is_plain_eponym),
    ("named-measure", _is_named_measure),
    ("small-letters", _is_small),
    ("dose", _has_dose),
    ("symbol", _is_symbol),
    ("citation", _is_citation),
    ("larger-than-a-state", _is_region),
)
# These are weak: another detector's alarm at the same place keeps the hit standing.
_RULES_ALONE: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("drug-ending", _ends_like_a_drug),
    ("spelled-like-a-word", _is_spelled_so),
    ("few-letters", _is_few_letters),
)
_RULES_FOR_LISTED: Final[tuple[tuple[str, Callable[[_Case], bool]], ...]] = (
    ("eponym", _is_eponym_phrase),
    ("citation", _is_citation),
)
