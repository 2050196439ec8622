"""Which heading a finding stands under."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.records.assertions import Assertion, SectionRule

# Alone on its line, or before a colon at the start of one; in capitals before a colon anywhere
# after a mark, since exports put whole notes on one line.
_HEADING: Final = re.compile(
    r"^[ \t]*(?:[#*]+[ \t]*|\d+[.)][ \t]*)?(?P<line>[A-Za-z][A-Za-z /&'()-]{0,58}[A-Za-z)])"
    r"[ \t]*(?P<end>:|[*]*[ \t]*$)"
    r"|(?<=[.,;\n])[ \t]*(?P<inside>[A-Z][A-Z /&'()-]{1,58}[A-Z)])[ \t]*:",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a note under a heading.

    Attributes:
        start: Where its heading begins.
        heading: Where the heading's words begin and end.
        name: From the rules; "" under a heading that they don't know.
        implies: What the heading says of all below it.
    """

    start: int
    heading: tuple[int, int]
    name: str
    implies: Assertion | None


class SectionFinder:
    """Finds the headings of notes.

    Args:
        rules: The kinds of sections.
    """

    def __init__(self, rules: Sequence[SectionRule]) -> None:
        self._rules = {heading: rule for rule in rules for heading in rule.headings}

    def find(self, text: str) -> list[Section]:
        """Sections in order of their headings; what stands before the first is in none."""
        found: list[Section] = []
        for match in _HEADING.finditer(text):
            group = "line" if match["line"] is not None else "inside"
            words = match[group]
            rule = self._rules.get(" ".join(words.lower().split()))
            # An unknown heading ends the section above it, but must look like one: in capitals.
            if rule is None and not words.isupper():
                continue
            found.append(
                Section(
                    match.start(group),
                    match.span(group),
                    rule.name if rule else "",
                    rule.implies if rule else None,
                )
            )
        return found


def section_at(sections: Sequence[Section], offset: int) -> Section | None:
    """The section in which the offset lies."""
    index = bisect_right(sections, offset, key=lambda section: section.start)
    return sections[index - 1] if index else None
