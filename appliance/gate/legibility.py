# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""Whether a text can be read at all: what the detectors can't read, they can't clear."""

import re
import unicodedata
from typing import Final

_LATIN_END: Final = 0x250
# Medicine writes single Greek letters: beta-blocker, TNF-alpha, micro.
_GREEK: Final = range(0x370, 0x400)
_GREEK_RUN: Final = re.compile(r"[\u0370-\u03ff]{3}")
_PLAIN_CONTROLS: Final = frozenset("\n\r\t\f")
_UNREADABLE: Final = frozenset({"Cc", "Co", "Cn", "Cs"})

_ENGLISH: Final = frozenset(
    "the of and a to in is was for with on at by an be are has had have from as no not or his her "
    "he she it this that there which were will what how who when where if then patient should can "
    "i we you they my your our their been do does did any all after before".split()
)
# Function words of languages that a hospital's notes may well be in; none is an English word.
_FOREIGN: Final = frozenset(
    # Spanish, Portuguese, Catalan
    "el los las del una unos por para con sin que se su sus esta este está fue muy pero como años "
    "más también desde hasta sobre entre cuando os das dos um uma pelo pela não foi com seu sua "
    "aos nos ao paciente mujer hombre amb els les "
    # French, Italian
    "le les des une du dans est pour avec sur pas qui ans au aux cette sont été par patiente il lo "
    "gli della delle nel nella con che sono stato anni di da per "
    # German, Dutch, Scandinavian
    "der die das und ist nicht mit ein eine einer einem den dem von zu auf für wurde bei im jahre "
    "het een van en voor niet werd bij och att det som med är ikke og til har av på jahr patientin "
    # Polish, Turkish, Finnish, Czech, Romanian, Vietnamese, Indonesian
    "jest nie oraz przez dla lat ve bir bu için ile hasta ja ei että oli oraz byl jako pro si cu la "
    "bệnh của không và yang dan dengan untuk pada tahun".split()
)
_SHARED: Final = frozenset(
    "die den dos nos das la le de con per para in as an si si dan lo si".split()
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_MIN_FOREIGN: Final = 3
_LONG: Final = 12


def find_illegible(text: str) -> str | None:
    """The reason why a text, already normalised, can't be read; None where it can.

    >>> find_illegible("Die Patientin wurde mit Fieber aufgenommen und ist 40 Jahre alt")
    'language-not-covered'
    """
    if any(unicodedata.category(c) in _UNREADABLE and c not in _PLAIN_CONTROLS for c in text):
        return "binary"
    if not text.isascii() and (_GREEK_RUN.search(text) or any(map(_is_unknown_letter, text))):
        return "script-not-covered"
    if _is_foreign([word.lower() for word in _WORD.findall(text)]):
        return "language-not-covered"
    return None


def _is_unknown_letter(character: str) -> bool:
    if ord(character) < _LATIN_END or ord(character) in _GREEK:
        return False
    return unicodedata.category(character)[0] in "LN"


def _is_foreign(words: list[str]) -> bool:
    foreign = sum(word in _FOREIGN and word not in _SHARED for word in words)
    distinct = len({word for word in words if word in _FOREIGN})
    english = sum(word in _ENGLISH for word in words)
    return distinct >= _MIN_FOREIGN and foreign >= _MIN_FOREIGN - 1 and foreign > english
