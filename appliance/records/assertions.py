"""How a finding is meant, and the words that say so."""

from dataclasses import dataclass
from enum import StrEnum


class Assertion(StrEnum):
    """What can be said of a finding besides that it is there; several can hold at once."""

    NEGATED = "negated"
    HISTORICAL = "historical"
    FAMILY = "family"
    HYPOTHETICAL = "hypothetical"
    UNCERTAIN = "uncertain"


class Role(StrEnum):
    """What a phrase does to findings around it."""

    FORWARD = "forward"
    BACKWARD = "backward"
    PSEUDO = "pseudo"
    ENDS = "ends"


@dataclass(frozen=True, slots=True, order=True)
class Cue:
    """The words in a note that say how a finding is meant, by offset.

    Attributes:
        kind: What they say.
        start: First code point.
        end: One past the last.
    """

    kind: Assertion
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How one finding is meant.

    Attributes:
        section: Name of the section it stands in; "" where no known heading is above it.
        cues: At most one of each kind, the nearest, sorted.
    """

    section: str = ""
    cues: tuple[Cue, ...] = ()


@dataclass(frozen=True, slots=True)
class PhraseRule:
    """One phrase of the rules.

    Attributes:
        words: In lower case, with single spaces.
        kind: What it is about.
        role: What it does.
    """

    words: str
    kind: Assertion
    role: Role


@dataclass(frozen=True, slots=True)
class SectionRule:
    """One kind of section.

    Attributes:
        name: How findings name it.
        headings: In lower case.
        implies: What the heading says of every finding below it, or None.
    """

    name: str
    headings: tuple[str, ...]
    implies: Assertion | None = None


@dataclass(frozen=True, slots=True)
class AssertionRules:
    """A site's rules, and their digest."""

    phrases: tuple[PhraseRule, ...]
    sections: tuple[SectionRule, ...]
    digest: str
