"""Whether a stretch of text has anything that the alarm of a guessing detector could stand on."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from appliance.gate import lexicon, medicine
from appliance.gate.casing import recase

_PART: Final = re.compile(r"[A-Za-z0-9]+")


def is_explained(stretch: str, *, has_capitals: bool, with_numbers: bool) -> bool:
    """Whether whatever a guesser could report within `stretch` would be lifted.

    So it is where every word is ordinary, none is written as a family name that it is as well, and
    no two of them are a given and a family name; or, in a text with capitals, where all that is not
    ordinary is small and in no list of names, or all of it is short forms.

    Args:
        stretch: Part of a normalised text, cut between words.
        has_capitals: Whether capitals tell something in the whole text.
        with_numbers: Whether the guesser reports numbers as well.
    """
    return not (with_numbers and _has_numbers(stretch)) and _is_explained(stretch, has_capitals)


# spaCy and the tagger read one after the other, and for both the same is asked about a batch.
@lru_cache(1 << 9)
def _is_explained(stretch: str, has_capitals: bool) -> bool:
    if medicine.has_house_number(stretch):
        return False
    shown = recase(stretch)
    has_capitals = has_capitals and shown == stretch
    matches = list(medicine.TOKEN.finditer(stretch))
    strange = [match for match in matches if not _is_plain(match.group())]
    if strange and not (has_capitals and (_are_small(stretch, strange) or _are_symbols(stretch))):
        return False
    if any(map(_has_proud_word, {stretch, shown})):
        return False
    words = [match.group() for match in matches]
    parts = _PART.findall(stretch)
    return not (
        _has_pair_of_names(words, has_capitals=has_capitals)
        or (parts != words and _has_pair_of_names(parts, has_capitals=has_capitals))
    )


def _has_numbers(stretch: str) -> bool:
    return "@" in stretch or sum(map(str.isdigit, stretch)) >= medicine.MIN_DIGITS


@lru_cache(1 << 14)
def _is_plain(word: str) -> bool:
    """Ordinary as a whole and in its parts: a hit may begin or end within "follow-up"."""
    parts = _PART.findall(word)
    forms = {medicine.bare(word).lower(), *(part.lower() for part in parts)}
    is_short = len(parts) <= 2  # noqa: PLR2004 - of three parts two may be a word that one is not
    return is_short and all(map(medicine.is_ordinary, forms))


def _has_proud_word(stretch: str) -> bool:
    """A word written as a family name, in any place but the first."""
    return any(
        match.start() > 0 and _is_proud(match.group()) for match in medicine.TOKEN.finditer(stretch)
    )


@lru_cache(1 << 14)
def _is_proud(word: str) -> bool:
    """As a whole or in one of its parts."""
    return any(map(medicine.is_proud, (medicine.bare(word), *_PART.findall(word))))


def _are_small(stretch: str, strange: list[re.Match[str]]) -> bool:
    """From the first strange word to the last: small letters, and in no list of clear names."""
    between = stretch[strange[0].start() : strange[-1].end()]
    names, families = lexicon.given_names().clear, lexicon.family_names().clear
    forms = {medicine.bare(match.group()) for match in medicine.TOKEN.finditer(between)}
    forms.update(_PART.findall(between))
    return between.lower() == between and not (forms & names or forms & families)


def _are_symbols(stretch: str) -> bool:
    """Short forms and ordinary words only, as wholes and in their parts."""
    wholes = re.split(r"[\s/]+", stretch)
    return all(
        medicine.is_symbolic(whole) and len(parts) <= 2 and all(map(medicine.is_symbolic, parts))  # noqa: PLR2004 - see `_is_plain`
        for whole, parts in ((whole, _PART.findall(whole)) for whole in wholes)
    )


def _has_pair_of_names(words: list[str], *, has_capitals: bool) -> bool:
    return any(
        first.lower() in lexicon.given_names()
        and medicine.bare(last).lower() in lexicon.family_names()
        and (not has_capitals or (first.istitle() and medicine.bare(last).istitle()))
        for first, last in pairwise(words)
    )
