# ruff: noqa: E501, SIM905 - a table of patterns and word lists reads best one entry a line
"""Names of people: patients, relatives, clinicians; with titles, cues, initials, in any case.

Source: 45 CFR 164.514(b)(2)(i)(A).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no types

from appliance.gate import lexicon
from appliance.gate.recognizers.rules import Rule, RuleSet, rule
from appliance.gate.recognizers.sieve import Search
from appliance.gate.recognizers.words import Word, read_words
from appliance.records.verdicts import Hit

_TITLES: Final = frozenset("dr doctor mr mrs ms miss mx prof professor sr fr rev reverend sir dame lady capt captain sgt lt col nurse".split())  # fmt: skip
# Titles that are words or short forms as well: the name after them must look like one.
_WEAK_TITLES: Final = frozenset(
    "ms miss sr fr sir lady lt col doctor nurse professor captain".split()
)
# "MR angiography": magnetic resonance, and nobody's title.
_IMAGING: Final = regex.compile(
    r"[a-z]*(?:graphy|grams?|scopy)|imaging|scans?|spectroscopy|sequences?|guided|guidance"
)
_SUFFIX: Final = regex.compile(
    r",?\s(?:m\.?d|d\.?o|r\.?n|n\.?p|p\.?a(?:-c)?|ph\.?d|l\.?c\.?s\.?w|d\.?d\.?s|facp|facs|mbbs|frcp|crna|cnm|dnp|aprn|pharm\.?d|psy\.?d|l\.?p\.?n|jr|sr|iii|esq)\b\.?",
    regex.IGNORECASE,
)
_SUFFIX_SEARCH: Final = Search(_SUFFIX)
_CUES: Final = frozenset(
    """named name names called mother father mom dad wife husband son daughter brother sister spouse
    partner aunt uncle niece nephew grandmother grandfather guardian caregiver contact surrogate
    fiance fiancee girlfriend boyfriend roommate signed dictated attending surgeon pcp physician
    therapist counselor resident fellow provider intern anesthesiologist patient pt client
    like for from by with to of is and see seen saw case re about""".split()
)
_STRONG_CUES: Final = frozenset("named name called signed dictated".split())
_MAX_PARTS: Final = 4
# A shorter family name is too often an abbreviation.
_MIN_FAMILY: Final = 4


# Short forms with stops that are nobody's initials: ways to give a drug, hours, countries.
_SHORT_FORM: Final = r"(?!(?:p\.\s?o|i\.\s?[vmudq]|s\.\s?[cqlo]|p\.\s?[rv]|b\.\s?[ip]|[tq]\.\s?i|q\.\s?[hdo]|p\.\s?[rm]|a\.\s?[mc]|n\.\s?[pb]|u\.\s?[sk]|e\.\s?[ugdrc]|i\.\s?e|h\.\s?[sr]|d\.\s?c|r\.\s?r|o\.\s?[rd]|g\.\s?i|m\.\s?[id]|d\.\s?o|[a-z]\.\s?coli)\.)"


def _is_run_together(text: str) -> bool:
    """As in "JohnSmith": a given name, and what could be a family name."""
    first, *others = regex.findall("[A-Z][a-z]+", text)
    last = others[-1].lower()
    could_be = last in lexicon.family_names() or not lexicon.is_known_word(last)
    return first.lower() in lexicon.given_names() and could_be


_RULES: Final[tuple[Rule, ...]] = (
    rule("initials-by-cue", "PERSON", 0.6, r"\binitials\b\W{0,4}(?:are\s|is\s|of\s)?(?P<id>(?-i:[A-Z]\.?\s?[A-Z]\.?(?:\s?[A-Z]\.?)?)|[a-z]\.\s?[a-z]\.(?:\s?[a-z]\.)?)(?!\w)"),
    rule("initials-of-patient", "PERSON", 0.6, rf"\b(?:patient|pt|client|resident|mr|mrs|ms|mme|case\sof)\.?,?\s(?P<id>(?-i:[A-Z]\.\s?[A-Z]\.(?:\s?[A-Z]\.)?)|{_SHORT_FORM}[a-z]\.\s?[a-z]\.(?:\s?[a-z]\.)?|[a-z]\.\s?[a-z]\.(?=\s(?:is|was|has|had|presented|reports|denies|complains|underwent)\b))(?!\w)"),
    rule("initials-before-verb", "PERSON", 0.6, rf"(?<![\w.])(?P<id>{_SHORT_FORM}[a-z]\.\s?[a-z]\.(?:\s?[a-z]\.)?)(?=\s(?:is\sa|was\sa|has|had|presented|reports|denies|complains|underwent)\b)"),
    rule("relative", "PERSON", 0.6, r"\b(?:mother|father|mom|dad|wife|husband|son|daughter|brother|sister|spouse|partner|aunt|uncle|niece|nephew|grand(?:mother|father|son|daughter)|guardian|caregiver|fianc[e\xe9]e?|girlfriend|boyfriend|roommate|nok|next\sof\skin|poa|proxy|surrogate|emergency\scontact)\b(?:\s(?:is|named|called))?[\s,:(-]{1,3}(?P<id>(?-i:[A-Z][a-z]{2,20}(?:[\s'-][A-Z][a-z]{2,20}){0,2}))(?!\w)", lambda text: not lexicon.is_known_word(text.split()[0])),
    rule("run-together-name", "PERSON", 0.6, r"(?<!\w)(?-i:[A-Z][a-z]{2,14}(?:[A-Z][a-z]{2,14}){1,2})(?!\w)", _is_run_together),
    rule("name-field", "PERSON", 0.8, r"\b(?:(?:patient|pt|full|legal|maiden|last|first|family|given|sur|nick|preferred)[\s']{0,2}s?\s?name|name|surname|alias|aka|a\.k\.a\.?)\s?(?:is|was|:|=|-)\s?(?P<id>[a-z][a-z'.-]*(?:,?\s(?!is\b|was\b|and\b|with\b|who\b|has\b|had\b|a\b|the\b|at\b|in\b|on\b|for\b|from\b|dob\b|mrn\b|age\b)[a-z][a-z'.-]*){0,2})"),
    rule("initial-and-name", "PERSON", 0.5, r"(?<![\w.])(?P<id>(?-i:[A-Z]\.\s?(?:[A-Z]\.\s?)?[A-Z][a-z]{2,20}(?:-[A-Z][a-z]+)?))(?!\w)", lambda text: not lexicon.is_known_word(text.split(".")[-1].strip())),
)  # fmt: skip
_RULE_SET: Final = RuleSet(_RULES)


def find(text: str) -> Iterator[Hit]:
    """People, by title, cue, suffix or lexicon."""
    yield from _RULE_SET.find(text)
    words, has_capitals = read_words(text)
    reader = _NameReader(text, words, has_capitals=has_capitals)
    suffixes = frozenset(_SUFFIX_SEARCH.find_places(text))
    for index, word in enumerate(words):
        is_before_initial = index + 1 < len(words) and len(words[index + 1].text) == 1
        if is_before_initial or word.end in suffixes or _is_telling(word.text):
            yield from reader.find_at(index)


@lru_cache(1 << 14)
def _is_telling(written: str) -> bool:
    """Whether any way to read a name could begin with this word, whatever stands around it.

    A degree or an initial may follow any other word.
    """
    word = Word(0, len(written), written, written.lower())
    bare = _bare(word)
    is_listed = any(
        form in names
        for form in (bare, word.lower)
        for names in (lexicon.given_names(), lexicon.family_names())
    )
    is_shaped = word.is_capitalised and not lexicon.is_known_word(word.lower)
    return is_listed or is_shaped or word.lower.rstrip(".") in _TITLES


class _NameReader:
    """Reads names out of one text, word by word."""

    def __init__(self, text: str, words: Sequence[Word], *, has_capitals: bool) -> None:
        self._text = text
        self._words = words
        self._has_capitals = has_capitals

    def find_at(self, index: int) -> Iterator[Hit]:
        yield from self._titled(index)
        yield from self._with_suffix(index)
        yield from self._by_given_name(index)
        yield from self._family_first(index)
        yield from self._with_initial(index)
        yield from self._by_cue(index)
        yield from self._family_alone(index)

    def _titled(self, index: int) -> Iterator[Hit]:
        title = self._words[index]
        bare = title.lower.rstrip(".")
        if bare not in _TITLES or not self._adjoins(index, ". "):
            return
        first = self._words[index + 1]
        has_stop = self._text[title.end : first.start].startswith(".")
        if bare == "mr" and not has_stop and _IMAGING.fullmatch(first.lower):
            return
        if bare in _WEAK_TITLES and not (has_stop and bare == "ms"):
            looks = self._is_unknown(first) or _bare(first) in lexicon.given_names().clear
            is_cased = title.is_capitalised and first.is_capitalised
            if not looks or (self._has_capitals and not is_cased):
                return
        elif not (first.is_capitalised and self._has_capitals) and not self._could_be_name(first):
            return
        end = self._end_of_name(index + 1)
        yield self._hit(title.start, self._words[end].end, 0.8, "titled-name")

    def _with_suffix(self, index: int) -> Iterator[Hit]:
        last = self._words[index]
        if index == 0 or not _SUFFIX.match(self._text, last.end, timeout=1.0):
            return
        first = self._words[index - 1]
        if self._text[first.end : last.start] not in {" ", ". "}:
            return
        is_stage = not self._has_capitals and lexicon.is_known_word(last.lower)
        is_named = self._looks_like_name(first) or len(first.text) == 1
        if self._looks_like_name(last) and is_named and not is_stage:
            yield self._hit(first.start, last.end, 0.7, "name-with-degree")

    def _by_given_name(self, index: int) -> Iterator[Hit]:
        word = self._words[index]
        names = lexicon.given_names()
        bare = _bare(word)
        is_cased = (
            word.is_capitalised or not self._has_capitals or self._is_followed_by_small(index)
        )
        if bare in names.clear and is_cased:
            is_medical = bare in lexicon.medical_words() or bare in lexicon.eponyms()
            if is_medical and not self._is_followed_by_name(index):
                return
            end = self._end_of_name(index)
            if end == index and self._has_capitals and word.text.isupper():
                return
            score = 0.8 if end > index else 0.5
            yield self._hit(word.start, self._words[end].end, score, "given-name")
        elif bare in names.doubtful and word.is_capitalised and self._is_followed_by_name(index):
            end = self._end_of_name(index)
            yield self._hit(word.start, self._words[end].end, 0.6, "given-name-doubtful")
        elif bare in names.doubtful and not self._has_capitals and self._is_followed_by_name(index):
            end = self._end_of_name(index)
            yield self._hit(word.start, self._words[end].end, 0.5, "given-name-doubtful")

    def _family_first(self, index: int) -> Iterator[Hit]:
        """Reads "Smith, John": family name, comma, given name."""
        if index + 1 >= len(self._words):
            return
        family, given = self._words[index], self._words[index + 1]
        if self._text[family.end : given.start] not in {", ", ","}:
            return
        is_known = (
            family.lower in lexicon.family_names() and _bare(given) in lexicon.given_names().clear
        )
        if (
            is_known
            and (not self._has_capitals or (family.is_capitalised and given.is_capitalised))
            and not lexicon.is_known_word(family.lower)
        ):
            yield self._hit(family.start, given.end, 0.7, "family-name-first")

    def _with_initial(self, index: int) -> Iterator[Hit]:
        """Reads "Krisztian S.": an unknown word, then an initial with its full stop."""
        if index + 1 >= len(self._words):
            return
        word, initial = self._words[index], self._words[index + 1]
        is_initial = len(initial.text) == 1 and self._text[initial.end : initial.end + 1] == "."
        if not is_initial or self._text[word.end : initial.start] != " ":
            return
        is_name = self._is_unknown(word) or _bare(word) in lexicon.given_names()
        if (
            len(word.text) > 1
            and is_name
            and (not self._has_capitals or (word.is_capitalised and initial.is_capitalised))
        ):
            yield self._hit(word.start, initial.end + 1, 0.7, "name-and-initial")

    def _by_cue(self, index: int) -> Iterator[Hit]:
        """Two unknown words with capitals in a row, or one after "named"."""
        word = self._words[index]
        if not self._is_name_shaped(word):
            return
        end = index
        while (
            end + 1 < len(self._words)
            and end - index < _MAX_PARTS - 1
            and self._text[self._words[end].end : self._words[end + 1].start] == " "
            and self._is_name_shaped(self._words[end + 1])
        ):
            end += 1
        cue = self._words[index - 1].lower if index > 0 else ""
        if end > index or cue in _STRONG_CUES:
            yield self._hit(word.start, self._words[end].end, 0.5, "unknown-words")

    def _family_alone(self, index: int) -> Iterator[Hit]:
        word = self._words[index]
        bare = _bare(word)
        if (
            bare in lexicon.family_names().clear
            and len(bare) >= _MIN_FAMILY
            and word.is_capitalised
            and not word.text.isupper()
            and self._has_capitals
            and bare not in lexicon.eponyms()
            and not lexicon.is_known_word(bare)
        ):
            yield self._hit(word.start, word.end, 0.45, "family-name")

    def _is_followed_by_name(self, index: int) -> bool:
        if not self._adjoins(index, " ") or (
            self._has_capitals and self._words[index].text.isupper()
        ):
            return False
        if "\n" in self._text[self._words[index].end : self._words[index + 1].start]:
            return False
        following = self._words[index + 1]
        if len(following.text) == 1:
            has_stop = self._text[following.end : following.end + 1] == "."
            return has_stop and following.lower not in {"a", "i"}
        if following.lower in lexicon.family_names().clear:
            return following.is_capitalised or not self._has_capitals
        return (
            self._has_capitals
            and following.is_capitalised
            and following.lower in lexicon.family_names()
            and not following.text.isupper()
        )

    def _is_followed_by_small(self, index: int) -> bool:
        """In small letters amid capitals: "john smith" is a name, "marina" alone a harbour."""
        if not self._adjoins(index, " ") or self._is_label(index + 1):
            return False
        following = _bare(self._words[index + 1])
        return following in lexicon.family_names() and len(following) >= _MIN_FAMILY

    def _end_of_name(self, index: int) -> int:
        """The last word of a name that begins at `index`."""
        end = index
        while end - index < _MAX_PARTS - 1 and self._adjoins(end, ". "):
            following = self._words[end + 1]
            if self._is_label(end + 1) or not self._continues_name(following, end):
                break
            end += 1
        return end

    def _is_label(self, index: int) -> bool:
        """A field's label on a line of its own: "Register: letter" goes on with no name."""
        word = self._words[index]
        begins_line = self._text.startswith("\n", word.start - 1)
        return begins_line and self._text.startswith(":", word.end)

    def _continues_name(self, word: Word, before: int) -> bool:
        gap = self._text[self._words[before].end : word.start]
        if gap.strip() and len(_bare(self._words[before])) > 2:  # noqa: PLR2004 - a sentence ended
            return False
        if len(word.text) == 1:
            is_initial = self._text[word.end : word.end + 1] in {
                ".",
                ",",
                ")",
                " ",
                "",
                "'",
                "?",
                ";",
            }
            is_capital = word.is_capitalised or self._text[word.end : word.end + 1] == "."
            return (
                is_initial
                and is_capital
                and word.text not in {"a", "i"}
                and (self._has_capitals or self._text[word.end : word.end + 1] == ".")
            )
        if self._has_capitals:
            return (
                word.is_capitalised
                and not word.text.isupper()
                and (not lexicon.is_known_word(word.lower) or word.lower in lexicon.family_names())
            )
        return self._is_unknown(word) or word.lower in lexicon.family_names().clear

    def _adjoins(self, index: int, gaps: str) -> bool:
        if index + 1 >= len(self._words):
            return False
        gap = self._text[self._words[index].end : self._words[index + 1].start]
        return 0 < len(gap) <= 3 and not gap.strip(gaps + "\n") and gap.count("\n") < 2  # noqa: PLR2004 - ".  "

    def _looks_like_name(self, word: Word) -> bool:
        if self._has_capitals and not word.is_capitalised:
            return False
        return (
            not lexicon.is_known_word(word.lower)
            or _bare(word) in lexicon.family_names()
            or _bare(word) in lexicon.given_names()
        )

    def _could_be_name(self, word: Word) -> bool:
        bare = _bare(word)
        is_listed = bare in lexicon.family_names() or bare in lexicon.given_names()
        return is_listed or not lexicon.is_known_word(bare)

    def _is_name_shaped(self, word: Word) -> bool:
        """Capitalised, in no list of words, no abbreviation."""
        is_shaped = word.is_capitalised and len(word.text) > 2 and not word.text.isupper()  # noqa: PLR2004
        return (
            self._has_capitals
            and is_shaped
            and self._is_unknown(word)
            and _bare(word) not in lexicon.eponyms()
        )

    def _is_unknown(self, word: Word) -> bool:
        return not lexicon.is_known_word(word.lower)

    def _hit(self, start: int, end: int, score: float, name: str) -> Hit:
        return Hit(start, end, "PERSON", score, name)


def _bare(word: Word) -> str:
    return word.lower.removesuffix("'s").rstrip(".")
