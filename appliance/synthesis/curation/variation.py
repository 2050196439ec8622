"""A labelled sentence again, with other names of the vocabulary in the places of its entities.

One sentence about one disease teaches that disease's name as much as it teaches the place where
a name stands; with other names in the same place only the place is left to learn.

Source: mention replacement, Dai and Adel 2020 (arXiv 2010.11683).
"""

import random
import re
from collections.abc import Sequence
from typing import Final

from appliance.records.examples import Line
from appliance.records.spans import Span
from appliance.records.tasks import Term, is_short_form

_SYNONYM_SHARE: Final = 0.4
_BRACKET: Final = "("
_SHOUTED: Final = 5
# Where a sentence, an item of a list, or what a heading heads begins.
_BEGINS: Final = re.compile(r"(?:^|[.!?:\n])[ \t]*(?:[-*#][ \t]*)?$")


class Variation:
    """Puts other names into the places of a text's entities.

    Args:
        terms: The names to use.
        rng: Decides which.
    """

    def __init__(self, terms: Sequence[Term], rng: random.Random) -> None:
        self._rng = rng
        self._terms: dict[str, list[Term]] = {}
        self._shortened: dict[str, list[Term]] = {}
        for term in terms:
            self._terms.setdefault(term.label, []).append(term)
            if term.abbreviations:
                self._shortened.setdefault(term.label, []).append(term)

    def vary(self, text: str, spans: Sequence[Span]) -> Line | None:
        """The text with other names, or None where there is none to put in a place.

        The same surface is replaced by the same name; an abbreviation in brackets after a name by
        that name's abbreviation.
        """
        chosen: dict[str, str] = {}
        long: Term | None = None
        parts: list[str] = []
        position = 0
        for number, span in enumerate(spans):
            surface = text[span.start : span.end]
            gap = text[position : span.start]
            follows = long if gap.strip() == _BRACKET else None
            is_introduced = _is_introduced(text, spans, number)
            term = self._choose(span.label, surface, follows, is_introduced=is_introduced)
            if term is None:
                return None
            long = term
            known = chosen.get(surface.casefold())
            name = known or self._spell(term, surface, is_introduced=is_introduced)
            chosen[surface.casefold()] = name
            if surface[:1].isupper() and _BEGINS.search(text[: span.start]):
                name = name[:1].upper() + name[1:]
            parts += [gap, name]
            position = span.end
        return Line("".join([*parts, text[position:]]), tuple(parts[1::2]))

    def _choose(
        self, label: str, surface: str, follows: Term | None, *, is_introduced: bool
    ) -> Term | None:
        is_short = is_short_form(surface)
        if is_short and follows is not None and follows.abbreviations:
            return follows
        known = self._shortened if is_short or is_introduced else self._terms
        terms = known.get(label)
        return self._rng.choice(terms) if terms else None

    def _spell(self, term: Term, surface: str, *, is_introduced: bool) -> str:
        if is_short_form(surface):
            return self._rng.choice(term.abbreviations)
        is_other = not is_introduced and term.synonyms and self._rng.random() < _SYNONYM_SHARE
        name = self._rng.choice(term.synonyms) if is_other else term.name
        if surface.isupper() and len(surface) > _SHOUTED:
            return name.upper()
        return name


def _is_introduced(text: str, spans: Sequence[Span], number: int) -> bool:
    """Whether the next entity is an abbreviation in brackets right after this one."""
    if number + 1 == len(spans):
        return False
    one, two = spans[number], spans[number + 1]
    is_bracketed = text[one.end : two.start].strip() == _BRACKET
    return is_bracketed and is_short_form(text[two.start : two.end])
