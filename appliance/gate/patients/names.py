# ruff: noqa: SIM905 - word lists read best whole
"""Names of people as words: what may stand for what, and what a slip of one letter leaves."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from appliance.errors import DetectorFailed
from appliance.gate.lexicon import eponyms, is_known_word

_WORD: Final = re.compile(r"[^\W\d_]+")
_APART: Final = re.compile(r"[\s,;]+")
_TITLES: Final = frozenset(
    "mr mrs ms miss mx dr prof sir dame jr sr ii iii iv md do phd rn".split()
)
_NICKNAMES: Final = Path(__file__).with_name("nicknames.tsv")
_MIN_NICKNAMES: Final = 200
_PART: Final = 4
PARTICLES: Final = frozenset(
    "al bin da das de del den der di do dos du el la las le los o st ten ter van von zu".split()
)
# A slip in a shorter name makes it another name.
MIN_FUZZY: Final = 4


def split_name(value: str) -> tuple[str, ...]:
    """The words of a name, given name first, each as one run of small letters.

    >>> split_name("O'Shaughnessy-Ruiz, Mary Jo")
    ('mary', 'jo', 'oshaughnessyruiz')
    """
    if "," in value:
        family, _, given = value.partition(",")
        value = f"{given} {family}"
    parts = value.lower().split() if ";" not in value else _APART.split(value.lower())
    words = (part if part.isalpha() else "".join(_WORD.findall(part)) for part in parts)
    return tuple(word for word in words if word and word not in _TITLES)


def given_forms(words: tuple[str, ...], value: str = "") -> tuple[str, ...]:
    """Under which given names a person of these words is known: the own, its short forms' roots.

    Args:
        words: As `split_name` gives them.
        value: The name as written, where a hyphen parts a double given name.
    """
    if len(words) <= 3 and not _is_double(value):  # noqa: PLR2004
        return (words[0], *roots(words[0]))
    parts = {words[0]}
    if len(words) > 3:  # noqa: PLR2004 - "Maria Jose Garcia Marquez"
        parts.add(words[0] + words[1])
    parts.update(part for part in double_parts(value, words[0]) if len(part) > 2)  # noqa: PLR2004
    return tuple(sorted(parts | {root for part in parts for root in roots(part)}))


def family_forms(words: tuple[str, ...], value: str = "") -> tuple[str, ...]:
    """Under which family names: the last word, what a particle or a double name makes of it."""
    if len(words) == 2 and not _is_double(value):  # noqa: PLR2004 - nearly everybody
        return words[1:]
    forms = {words[-1], "".join(words[1:]), "".join(words[-2:]) if len(words) > 2 else words[-1]}  # noqa: PLR2004
    if len(words) > 3 and words[-2] not in PARTICLES:  # noqa: PLR2004
        forms.add(words[-2])
    forms.update(part for part in double_parts(value, words[-1]) if len(part) >= _PART)
    return tuple(sorted(form for form in forms if len(form) > 1))


def _is_double(value: str) -> bool:
    return "-" in value or "'" in value


def double_parts(value: str, word: str) -> tuple[str, ...]:
    """The parts of a word that its owner writes with a hyphen or an apostrophe."""
    for part in _APART.split(value):
        pieces = tuple(piece.lower() for piece in _WORD.findall(part))
        if len(pieces) > 1 and "".join(pieces) == word:
            return pieces
    return ()


def slips(word: str) -> tuple[str, ...]:
    """The word and, where it is long enough, what is left of it without one of its letters.

    Two words that differ by one letter that is wrong, too many, missing or exchanged with its
    neighbour share one of these.

    Source: symmetric deletion, Garbe 2012.

    >>> slips("doe"), slips("smith")
    (('doe',), ('smith', 'mith', 'sith', 'smth', 'smih', 'smit'))
    """
    if len(word) < MIN_FUZZY:
        return (word,)
    shorter = (word[:at] + word[at + 1 :] for at in range(len(word)))
    return tuple(dict.fromkeys((word, *shorter)))


def roots(given: str) -> tuple[str, ...]:
    """Full names of which `given` is a short or pet form, and itself where it is a full name.

    >>> roots("liz"), roots("zorro")
    (('elizabeth',), ())
    """
    return _nicknames().get(given, ())


@cache
def is_ordinary(word: str) -> bool:
    """Whether the word, in small letters, is met in texts that name nobody."""
    return is_known_word(word) or word in eponyms()


@cache
def _nicknames() -> dict[str, tuple[str, ...]]:
    try:
        lines = _NICKNAMES.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    table: dict[str, set[str]] = {}
    for line in lines[1:]:
        full, _, short = line.partition("\t")
        for name in (full, *short.split()):
            table.setdefault(name, set()).add(full)
    if len(lines) < _MIN_NICKNAMES:
        raise DetectorFailed("The list of nicknames is cut short.", "Install the product again.")
    return {name: tuple(sorted(full)) for name, full in table.items()}
