"""Rules: a pattern, what it finds, how sure it is, and a check that rejects chance finds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import ahocorasick
import regex  # type: ignore[import-untyped]  # ships no types

from appliance.errors import DetectorFailed
from appliance.gate.recognizers.beginnings import read_shape
from appliance.gate.recognizers.sieve import Sieve, find_at
from appliance.records.verdicts import Hit

# Presidio skips a pattern that takes too long. Here it denies.
_TIMEOUT_S: Final = 5.0

Finder = Callable[[str], Iterable[Hit]]
"""What a recognizer does: text in, hits out."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which one kind of identifier is written.

    Attributes:
        name: For verdicts and `gate explain`, e.g. "date-month-first".
        entity: Kind of identifier.
        score: How sure a find is, 0 to 1.
        pattern: Compiled; the group "id", where there is one, is the find.
        check: Says whether the found text can be what the rule looks for.
    """

    name: str
    entity: str
    score: float
    pattern: Any = field(repr=False)
    check: Callable[[str], bool] | None = field(default=None, repr=False)

    def find(self, text: str) -> Iterator[Hit]:
        """Every find in `text`.

        Raises:
            DetectorFailed: The search took too long.
        """
        return self._take(self._everywhere(text))

    def find_at(self, text: str, places: Sequence[int]) -> Iterator[Hit]:
        """Every find in `text`, of which is known where a match can begin.

        Args:
            text: The text.
            places: Ascending; a match begins nowhere else.

        Raises:
            DetectorFailed: The search took too long.
        """
        return self._take(find_at(self.pattern, text, places, _TIMEOUT_S))

    def _everywhere(self, text: str) -> Iterator[Any]:
        yield from self.pattern.finditer(text, timeout=_TIMEOUT_S)

    def _take(self, matches: Iterator[Any]) -> Iterator[Hit]:
        group = "id" if "id" in self.pattern.groupindex else 0
        try:
            for match in matches:
                start, end = match.span(group)
                if start < end and (self.check is None or self.check(match.group(group))):
                    yield Hit(start, end, self.entity, self.score, self.name)
        except TimeoutError:
            raise DetectorFailed(
                f"The rule {self.name} ran out of time on a text; unsure means no.",
                "Split the text into shorter ones.",
            ) from None


def rule(
    name: str,
    entity: str,
    score: float,
    pattern: str,
    check: Callable[[str], bool] | None = None,
    *,
    any_case: bool = True,
) -> Rule:
    r"""A rule from a verbose pattern: white space in it is layout, `\\ ` is a blank."""
    flags = regex.VERBOSE | (regex.IGNORECASE if any_case else 0)
    return Rule(name, entity, score, regex.compile(pattern, flags), check)


class Literals:
    """Whether any of many words stands in a text: one pass for all of them (Aho-Corasick).

    A pattern that begins with one of a hundred names is tried only where one of them is there.

    Args:
        words: In small letters.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for word in words:
            self._automaton.add_word(word, len(word))
        self._automaton.make_automaton()

    def stand_in(self, text: str) -> bool:
        """Whether one of them does, in letters of any case, within a longer word or not."""
        return next(self._automaton.iter(text.lower()), None) is not None


class RuleSet:
    """Rules that are tried only where they could find something.

    Args:
        rules: The rules.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve([read_shape(one.pattern.pattern, one.pattern.flags) for one in self._rules])

    def find(self, text: str) -> Iterator[Hit]:
        """What `find_all` finds, in the same order."""
        for number, places in self._sieve.find_places(text):
            yield from self._rules[number].find_at(text, places)


def find_all(rules: Sequence[Rule], text: str) -> Iterator[Hit]:
    """Every find of every rule."""
    for one in rules:
        yield from one.find(text)
