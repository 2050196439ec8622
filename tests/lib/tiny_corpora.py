"""A corpus of a world with simple rules, written as the synthesis zone writes it."""

from pathlib import Path
from typing import Final

from appliance.records.cards import CorpusCard
from appliance.records.examples import Example, Split
from appliance.records.identifiers import Digest, DraftId, ExampleId
from appliance.records.spans import Span
from appliance.synthesis.curation.corpus import write_corpus

DISEASES: Final = ("asthma", "chronic kidney disease", "COPD", "breast cancer", "pneumonia")
_FRAMES: Final = (
    "The patient has {}.",
    "No evidence of {} was seen.",
    "{} since 2019, stable.",
    "Denies fever; {} was ruled out (twice).",
)
_PLAIN: Final = ("The patient has no complaints.", "Denies fever, cough or weight loss.")


def make_examples() -> list[Example]:
    """Every disease in every frame, and sentences without one; every sixth goes to dev."""
    made: list[Example] = []
    for frame in _FRAMES:
        for disease in DISEASES:
            start = frame.index("{}")
            made.append(_example(frame.format(disease), start, disease, len(made)))
    return made + [_example(text, 0, "", len(made) + n) for n, text in enumerate(_PLAIN)]


def write_tiny_corpus(directory: Path, task: str = "disease") -> Path:
    """The examples are a finished corpus at `directory`."""
    examples = make_examples()
    directory.parent.mkdir(parents=True, exist_ok=True)
    write_corpus(directory, make_card(directory.name, task, examples), examples)
    return directory


def make_card(name: str, task: str, examples: list[Example]) -> CorpusCard:
    """A card that counts the examples, as if a model had written them all."""
    return CorpusCard(
        name=name,
        task=task,
        sheet_digest=Digest("0" * 64),
        policy_digest=Digest("0" * 64),
        vocabulary_source="invented",
        models={"nobody": len(examples)},
        routes={},
        drafts=len(examples),
        denied=0,
        completions=len(examples),
        accepted=len(examples),
        varied=0,
        composed=0,
        dropped={},
        splits={str(split): sum(one.split is split for one in examples) for split in Split},
        entities={"Disease": sum(bool(one.spans) for one in examples)},
        without_entity=sum(not one.spans for one in examples),
        made_at="2026-11-23T00:00:00+00:00",
    )


def _example(text: str, start: int, disease: str, number: int) -> Example:
    spans = (Span(start, start + len(disease), "Disease"),) if disease else ()
    return Example(
        example_id=ExampleId(f"x-{number:024x}"),
        text=text,
        spans=spans,
        relations=(),
        draft_id=DraftId(f"d-{number:024x}"),
        model="nobody",
        split=Split.DEV if number % 6 == 5 else Split.TRAIN,
    )
