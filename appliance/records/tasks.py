"""What a task asks for: its entity and relation types, rules, examples and vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from appliance.records.identifiers import Digest

INVENTED_SLOTS: Final = frozenset(
    ("surname", "symbol", "variant", "small", "number", "decimal", "words")
)
"""Slots of a frame that need no list: a family name, a gene symbol, an amino acid change, 1 to 12,
2 to 250, a number with one digit after the point, and a few ordinary words that are in no name of
the vocabulary."""


_SHORT_FORM_LETTERS: Final = 10


def is_short_form(surface: str) -> bool:
    """Whether a surface is an abbreviation, whose capitals matter: "ALL" is not "all"."""
    capitals = sum(letter.isupper() for letter in surface)
    return capitals > 1 and " " not in surface and len(surface) <= _SHORT_FORM_LETTERS


@dataclass(frozen=True, slots=True)
class EntityType:
    """One entity type of a label sheet.

    Attributes:
        name: Label, e.g. "Disease".
        definition: One or two sentences.
        includes: Rules of what counts.
        excludes: Rules of what does not count.
        examples: Surfaces that count.
        counter_examples: Surfaces that do not count.
    """

    name: str
    definition: str
    includes: tuple[str, ...]
    excludes: tuple[str, ...]
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RelationType:
    """One relation type: a directed pair of entity types."""

    name: str
    definition: str
    head: str
    tail: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An invented, labelled sentence shown to a base model before it writes its own.

    Attributes:
        entities: Surfaces of the entities in `text`, in order; empty for a sentence without any.
        text: The sentence.
        register: Style register it stands for, one of the sheet's registers.
    """

    entities: tuple[str, ...]
    text: str
    register: str


@dataclass(frozen=True, slots=True)
class DraftMix:
    """Target shares of draft kinds; they sum to 1.

    Attributes:
        single: Sentences with one given entity.
        several: Sentences with two or more given entities.
        abbreviation: Sentences that introduce or use an abbreviation.
        none: Sentences with no entity at all.
    """

    single: float
    several: float
    abbreviation: float
    none: float


class Sensitivity(StrEnum):
    """Whom the sheet, its vocabulary and what is made of them may be shown to."""

    PUBLIC = "public"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Composition:
    """What is made beside the examples that a model writes.

    Attributes:
        variants: Copies of every written example with entities, with other names in their places.
        lines: Texts composed from frames, for each written example.
        frames: Lines with slots in braces. An entity type, also ".short" (an abbreviation) or
            ".long" (a name whose abbreviation the line's ".short" then is); a name of `slots`;
            or one of `INVENTED_SLOTS`.
        slots: Slot to the words that may stand there.
    """

    variants: int
    lines: float
    frames: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LabelSheet:
    """A task's definition, as read from `policies/labels/NAME.toml`.

    Attributes:
        name: The task, e.g. "disease".
        title: For people.
        entities: At least one entity type.
        relations: Empty for a pure entity task.
        registers: Style registers, e.g. "discharge summary".
        topics: What a sentence without any entity may be about.
        demonstrations: At least one per draft kind.
        mix: Target shares.
        composition: What is made without a model.
        vocabulary: File name beside the sheet.
        digest: SHA-256 over sheet and vocabulary bytes.
        sensitivity: A sheet that does not say is the hospital's own business.
    """

    name: str
    title: str
    entities: tuple[EntityType, ...]
    relations: tuple[RelationType, ...]
    registers: tuple[str, ...]
    topics: tuple[str, ...]
    demonstrations: tuple[Demonstration, ...]
    mix: DraftMix
    composition: Composition
    vocabulary: str
    digest: Digest
    sensitivity: Sensitivity = Sensitivity.INTERNAL


@dataclass(frozen=True, slots=True)
class Term:
    """One concept of a vocabulary.

    Attributes:
        name: Preferred name.
        synonyms: Other names, abbreviations not among them.
        abbreviations: Short forms, e.g. "COPD".
        label: Entity type it stands for.
    """

    name: str
    synonyms: tuple[str, ...]
    abbreviations: tuple[str, ...]
    label: str

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Every form under which the concept may be written."""
        return (self.name, *self.synonyms, *self.abbreviations)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names that seed generation, never taken from a test set.

    Attributes:
        source: Where the names come from, with licence, for the corpus card.
        terms: At least two.
        digest: SHA-256 over the file's bytes.
    """

    source: str
    terms: tuple[Term, ...]
    digest: Digest
