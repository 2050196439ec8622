"""What a task asks for: its entity and relation types, rules, examples and vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from appliance.records.identifiers import Digest
from appliance.records.spans import UNRELATED

INVENTED_SLOTS: Final = frozenset(
    ("surname", "symbol", "variant", "small", "number", "decimal", "words")
)
"""Slots of a frame that need no list: a family name, a gene symbol, an amino acid change, 1 to 12,
2 to 250, a number with one digit after the point, and a few ordinary words that are in no name of
the vocabulary."""


OPENING_SLOTS: Final = ("first", "second", "third")
"""Slots of a sheet's openings: the entities that were asked for, in order."""

OPENING_CODES: Final = ("symbol", "variant")
"""Others of them: an invented gene symbol and amino acid change, which are no entities."""

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


class PairKind(StrEnum):
    """How a text speaks of a pair of entities."""

    STATED = "stated"
    """It says that the relation holds."""
    DENIED = "denied"
    """It says that the relation does not hold."""
    UNRELATED = "unrelated"
    """It names both and says nothing of a relation between them."""


@dataclass(frozen=True, slots=True)
class PairExample:
    """An invented sentence about one pair, shown to a base model before it writes its own.

    Attributes:
        kind: How it speaks of the pair.
        head: Surface of the head entity in `text`.
        tail: Surface of the tail entity in `text`.
        text: The sentence.
        register: Style register it stands for, one of the sheet's registers.
    """

    kind: PairKind
    head: str
    tail: str
    text: str
    register: str


@dataclass(frozen=True, slots=True)
class PairTeaching:
    """How sentences about pairs come about.

    Attributes:
        denied_counts: Whether a text that denies the relation is labelled with it. Corpora differ:
            some mark that a relation was looked into, whatever came out.
        mix: Share of each kind; they sum to 1.
        openings: Kind to first words of an answer, with the slots {head} and {tail}.
        lines: Texts composed from frames, for each written example.
        frames: Kind to lines with slots in braces: {head}, {tail}, an entity type for one that
            is no part of the pair, a slot of the sheet, or one of `INVENTED_SLOTS`.
        examples: At least one for each kind that the mix asks for.
    """

    denied_counts: bool
    mix: Mapping[PairKind, float]
    openings: Mapping[PairKind, tuple[str, ...]]
    lines: float
    frames: Mapping[PairKind, tuple[str, ...]]
    examples: tuple[PairExample, ...]


@dataclass(frozen=True, slots=True)
class RelationType:
    """One relation type: a directed pair of entity types.

    Attributes:
        name: Label, e.g. "gene-disease".
        definition: One or two sentences.
        head: Entity type of the first argument.
        tail: Entity type of the second argument; may be the same.
        teaching: How sentences for it are made; None where it is only declared.
    """

    name: str
    definition: str
    head: str
    tail: str
    teaching: PairTeaching | None = None

    def label_of(self, kind: PairKind) -> str:
        """What a pair is labelled that a text speaks of in that way."""
        assert self.teaching is not None
        counts = kind is PairKind.STATED or (
            kind is PairKind.DENIED and self.teaching.denied_counts
        )
        return self.name if counts else UNRELATED


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


@dataclass(frozen=True, slots=True)
class Openings:
    """First words of answers, by the kind of draft; the slots are {first}, {second} and {third}.

    Those are the entities that were asked for; {First} is the first with a capital. The slots of
    `OPENING_CODES` may stand in any. Where a sheet gives none for a kind, those of the product
    serve, which suit diseases best.

    Attributes:
        single: For one entity.
        several: For two, or with {third} for three.
        abbreviation: For a name and its abbreviation, or without {second} for an abbreviation.
        none: For no entity.
    """

    single: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    abbreviation: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


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
        openings: Of answers.
        attributes: What else a prompt asks of its answer, by name: "section", "population",
            "writer", "hedging", "length"; each to the words that are dealt in turn.
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
    openings: Openings = Openings()
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def taught(self) -> tuple[RelationType, ...]:
        """Relations that sentences are made for; where there is one, the task is about pairs."""
        return tuple(relation for relation in self.relations if relation.teaching is not None)


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
