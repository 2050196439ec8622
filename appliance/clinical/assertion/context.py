"""ConText: the phrases around a finding that say how it is meant.

Source: Harkema et al., J Biomed Inform 42 (2009), 839-851. A cue says something of what stands
between it and the end of its sentence, before it or after it, unless a phrase in between ends its
scope. The longest phrase counts, so that "no increase in" is not "no". Small, without state between
calls, and picklable: each worker has one.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.clinical.assertion.sections import SectionFinder, section_at
from appliance.clinical.assertion.sentences import sentences_of
from appliance.records.assertions import (
    Assertion,
    AssertionRules,
    Cue,
    Interpretation,
    PhraseRule,
    Role,
)

_TOKEN: Final = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class _Phrase:
    tokens: tuple[str, ...]
    kind: Assertion
    role: Role


@dataclass(frozen=True, slots=True)
class _Met:
    """A phrase met in a sentence, by code points of the note."""

    kind: Assertion
    role: Role
    start: int
    end: int


class ContextEngine:
    """Says how spans are meant.

    Args:
        rules: The site's.
    """

    def __init__(self, rules: AssertionRules) -> None:
        self._sections = SectionFinder(rules.sections)
        self._phrases: dict[str, list[_Phrase]] = {}
        for rule in rules.phrases:
            phrase = _phrase(rule)
            self._phrases.setdefault(phrase.tokens[0], []).append(phrase)
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: (-len(phrase.tokens), phrase.role is not Role.PSEUDO))

    def interpret(self, text: str, spans: Sequence[tuple[int, int]]) -> list[Interpretation]:
        """How each span is meant, in order.

        Args:
            text: The note.
            spans: Start and end in code points, end exclusive.
        """
        if not spans:
            return []
        sections = self._sections.find(text)
        sentences = sentences_of(text)
        starts = [start for start, _ in sentences]
        met: dict[int, list[_Met]] = {}
        found: list[Interpretation] = []
        for start, end in spans:
            number = max(0, bisect_right(starts, start) - 1)
            if number not in met:
                met[number] = self._meet(text, *sentences[number])
            section = section_at(sections, start)
            cues = {cue.kind: cue for cue in _in_scope(met[number], start, end)}
            if section is not None and section.implies is not None:
                cues.setdefault(section.implies, Cue(section.implies, *section.heading))
            found.append(
                Interpretation(section.name if section else "", tuple(sorted(cues.values())))
            )
        return found

    def _meet(self, text: str, start: int, end: int) -> list[_Met]:
        """Every phrase of a sentence: of each kind the longest, none within another."""
        spans = [match.span() for match in _TOKEN.finditer(text, start, end)]
        words = [text[first:last].lower().replace("’", "'") for first, last in spans]
        # Where the next phrase of a kind and role may begin; after a pseudo cue, of any role.
        free: dict[tuple[Assertion, Role], int] = {}
        met: list[_Met] = []
        for at, word in enumerate(words):
            for phrase in self._phrases.get(word, ()):
                pseudo, own = (phrase.kind, Role.PSEUDO), (phrase.kind, phrase.role)
                stop = at + len(phrase.tokens)
                if max(free.get(pseudo, 0), free.get(own, 0)) > at:
                    continue
                if tuple(words[at:stop]) == phrase.tokens:
                    free[own] = stop
                    met.append(_Met(phrase.kind, phrase.role, spans[at][0], spans[stop - 1][1]))
        return met


def _phrase(rule: PhraseRule) -> _Phrase:
    tokens = tuple(match[0] for match in _TOKEN.finditer(rule.words.lower()))
    return _Phrase(tokens, rule.kind, rule.role)


def _in_scope(met: Sequence[_Met], start: int, end: int) -> list[Cue]:
    """Of each kind the nearest cue in whose scope the span lies."""
    nearest: dict[Assertion, tuple[int, _Met]] = {}
    for one in met:
        if one.role is Role.FORWARD and one.end <= start:
            distance, gap = start - one.end, (one.end, start)
        elif one.role is Role.BACKWARD and one.start >= end:
            distance, gap = one.start - end, (end, one.start)
        else:
            continue
        if any(_ends(other, one.kind, gap) for other in met):
            continue
        if one.kind not in nearest or distance < nearest[one.kind][0]:
            nearest[one.kind] = distance, one
    return [Cue(kind, one.start, one.end) for kind, (_, one) in nearest.items()]


def _ends(met: _Met, kind: Assertion, gap: tuple[int, int]) -> bool:
    return met.kind == kind and met.role is Role.ENDS and gap[0] <= met.start and met.end <= gap[1]
