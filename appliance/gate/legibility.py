# ruff: noqa: E501, SIM905 - word lists and tables read best whole
"""Whether a text can be read at all: what the detectors can't read, they can't clear."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from appliance.gate.lexicon import is_known_word

_LATIN_END: Final = 0x250
# Medicine writes single Greek letters: beta-blocker, TNF-alpha, micro.
_GREEK: Final = range(0x370, 0x400)
_GREEK_RUN: Final = re.compile(r"[\u0370-\u03ff]{3}")
# All but the ends of lines and pages, and tabs.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")
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
_MIN_ODD: Final = 4
_SHORT: Final = 3
_TAGS: Final = range(0xE0000, 0xE0080)
_ZERO_WIDTH: Final = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff")
_MAX_UNSEEN: Final = 16
# What tells a model to read otherwise than the detectors do. Examinations ask patients to spell
# backwards and to count backwards; nobody is asked to read so.
_INSTRUCTION: Final = re.compile(
    r"\b(?:(?:every|each) (?:other|second|third|fourth|fifth|sixth|\w{1,3}th|\d+(?:st|nd|rd|th)) (?:letters?|characters?|words?)"
    r"|(?:first|last|initial|second|third) (?:letters?|characters?) (?:of|from|in) (?:each|every|all|the (?:following|lines|words|sentences))"
    r"|initials? of (?:each|every|the following) (?:words?|lines?|sentences?)"
    r"|(?:read|reads|reading|written|spelled|typed|print|output) (?:(?:it|this|that|them|these|the following|the name|all of it|out) )?(?:backwards?|in reverse(?: order)?|from right to left|right to left|upside down)"
    r"|(?:reverse|unscramble|decipher|decrypt|decode|descramble|un-?rot|deobfuscate) (?:it|this|that|them|these|the (?:following|string|text|name|words?|letters?|code|message|payload|next|above|characters?|digits?|numbers?|line|identifier))"
    r"|rot-?(?:13|n|47|5)|caesar(?:'s)? (?:cipher|shift|code)|atbash|vigenere|pig latin|acrostic|anagram"
    r"|(?:base-?(?:64|32|85|58)|hex|gzip|morse|url|percent)[ -](?:encoded|decoded|decode|encode|decoding)"
    r"|(?:ignor(?:e|ing)|disregard|forget|override|bypass) (?:all |any |the |your |every )*(?:previous|prior|above|earlier|preceding|system|safety|privacy|gate)"
    r"|(?:add|subtract|shift|replace|swap|remove|delete|skip|insert) (?:\w+ ){1,3}(?:to|from|of|in|between) (?:each|every|all the) (?:letters?|digits?|characters?)"
    r"|(?:remove|drop|strip|delete|ignore|skip) (?:all |every |the )*(?:\w+ )?(?:letters?|digits?|characters?|vowels?|consonants?|hyphens|dots|dashes|spaces|asterisks|x'?s))\b",
)
_HINTS: Final = (
    "letter character digit words initial backward reverse right upside unscramble decipher decrypt decod descramble "
    "unrot un-rot deobfuscate rot13 rot-13 rotn rot-n rot47 rot-47 rot5 rot-5 caesar atbash vigenere latin acrostic anagram base "
    "encode ignor disregard forget override bypass number vowel consonant hyphens dots dashes spaces asterisks"
).split()
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
# Words too common to be met by chance; short ones are met in any cipher text.
_FUNCTION_WORDS: Final = frozenset(
    "the and was with for has had have from this that there which patient are she his her were will "
    "when who name named called born lives should history been after before".split()
)
_LONG: Final = 12


def find_doubt(given: str, read: Iterable[str]) -> str | None:
    """The reason why an input can't be cleared by detectors, whatever they find; None for none.

    Args:
        given: The input.
        read: All its readings.
    """
    reasons = (find_illegible(text) for text in read)
    return find_hidden(given) or next((reason for reason in reasons if reason), None)


def find_hidden(given: str) -> str | None:
    r"""Why an input, not yet normalised, holds more than it shows; None where it does not.

    Tag characters are ASCII that no screen shows and every model reads; bits are hidden in runs of
    zero-width characters.

    >>> find_hidden("fever\U000e0041"), find_hidden("fever")
    ('hidden-text', None)
    """
    if given.isascii():
        return None
    is_tagged = any(ord(character) in _TAGS for character in given)
    unseen = sum(character in _ZERO_WIDTH for character in given)
    return "hidden-text" if is_tagged or unseen > _MAX_UNSEEN + len(given) // 2 else None


def find_illegible(text: str) -> str | None:
    """The reason why a text, already normalised, can't be read; None where it can.

    >>> find_illegible("Die Patientin wurde mit Fieber aufgenommen und ist 40 Jahre alt")
    'language-not-covered'
    """
    if _CONTROL.search(text) or any(
        unicodedata.category(c) in _UNREADABLE for c in _BEYOND_ASCII.findall(text)
    ):
        return "binary"
    if not text.isascii() and (_GREEK_RUN.search(text) or any(map(_is_unknown_letter, text))):
        return "script-not-covered"
    words = [word.lower() for word in _WORD.findall(text)]
    if _is_foreign(words):
        return "language-not-covered"
    if _has_instruction(text):
        return "embedded-instruction"
    if _is_ciphered(words):
        return "ciphered"
    return None


def _has_instruction(text: str) -> bool:
    lower = text.lower()
    # Looking for single words first spares nearly every text the search.
    return any(hint in lower for hint in _HINTS) and bool(_INSTRUCTION.search(lower))


def _is_ciphered(words: list[str]) -> bool:
    """Whether the words become English when shifted along the alphabet, mirrored or reversed."""
    odd = Counter(word for word in words if len(word) > 1 and not is_known_word(word))
    if sum(odd.values()) < _MIN_ODD:
        return False
    for change in _CIPHERS:
        read = [change(word) for word in odd]
        if sum(word in _FUNCTION_WORDS for word in read) >= _MIN_FOREIGN:
            return True
        known = sum(
            odd[was]
            for was, word in zip(odd, read, strict=True)
            if len(word) > _SHORT and is_known_word(word)
        )
        if known >= _MIN_ODD and 2 * known > sum(odd.values()):
            return True
    return False


def _shift(by: int) -> Callable[[str], str]:
    table = str.maketrans(_ALPHABET, _ALPHABET[by:] + _ALPHABET[:by])
    return lambda word: word.translate(table)


def _is_unknown_letter(character: str) -> bool:
    if ord(character) < _LATIN_END or ord(character) in _GREEK:
        return False
    return unicodedata.category(character)[0] in "LN"


def _is_foreign(words: list[str]) -> bool:
    foreign = sum(word in _FOREIGN and word not in _SHARED for word in words)
    distinct = len({word for word in words if word in _FOREIGN})
    english = sum(word in _ENGLISH for word in words)
    return distinct >= _MIN_FOREIGN and foreign >= _MIN_FOREIGN - 1 and foreign > english


_CIPHERS: Final[tuple[Callable[[str], str], ...]] = (
    *(_shift(by) for by in range(1, 26)),
    lambda word: word.translate(str.maketrans(_ALPHABET, _ALPHABET[::-1])),
    lambda word: word[::-1],
)
