"""A task small enough to be read at a glance, and not about diseases."""

from appliance.records.identifiers import Digest
from appliance.records.tasks import (
    Composition,
    Demonstration,
    DraftMix,
    EntityType,
    LabelSheet,
    Term,
    Vocabulary,
)

_NOTE, _ABSTRACT = "progress note", "abstract sentence"


def small_sheet(mix: DraftMix | None = None, composition: Composition | None = None) -> LabelSheet:
    """A sheet for drugs."""
    drug = EntityType(
        name="Drug",
        definition="A medicine.",
        includes=("Names of medicines.",),
        excludes=("Doses.",),
        examples=("aspirin",),
        counter_examples=("tablet",),
    )
    return LabelSheet(
        name="drug",
        title="Drug mentions",
        entities=(drug,),
        relations=(),
        registers=(_NOTE, _ABSTRACT),
        topics=("a walk in the garden", "a normal scan"),
        demonstrations=(
            Demonstration(("aspirin",), "She was given aspirin after the visit.", _NOTE),
            Demonstration(("warfarin",), "The trial compared warfarin with no tablet.", _ABSTRACT),
            Demonstration(("aspirin", "warfarin"), "Both aspirin and warfarin were held.", _NOTE),
            Demonstration(("ASA",), "ASA was stopped a week before the operation.", _NOTE),
            Demonstration((), "He slept well and walked to the window.", _NOTE),
        ),
        mix=mix or DraftMix(0.4, 0.3, 0.1, 0.2),
        composition=composition or Composition(0, 0.0, (), {}),
        vocabulary="drug.tsv",
        digest=Digest("1" * 64),
    )


def small_vocabulary() -> Vocabulary:
    """Eight drugs; one has a short form that is also a word, one a short form of two letters."""
    terms = (
        Term("acetylsalicylic acid", ("aspirin",), ("ASA",), "Drug"),
        Term("warfarin", (), (), "Drug"),
        Term("beta blocker", (), ("BB",), "Drug"),
        Term("allopurinol", (), ("ALL",), "Drug"),
        Term("morphine", (), ("MS",), "Drug"),
        Term("morphine sulfate", (), (), "Drug"),
        Term("atorvastatin", (), (), "Drug"),
        Term("statin therapy", (), (), "Drug"),
    )
    return Vocabulary("invented for tests", terms, Digest("2" * 64))
