"""A world with known rules, and labels of it as a machine makes them: some missing, some wrong."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from appliance.learning.tuning.data import LabelledText
from appliance.records.gold import GoldDocument
from appliance.records.spans import Span
from appliance.records.tasks import Vocabulary
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.prompting.frames import lines

_WORD: Final = re.compile(r"\w+")
_LONGEST: Final = 3


@dataclass(frozen=True, slots=True)
class World:
    """Texts composed from the frames of the shipped sheet of diseases.

    Attributes:
        train: Rightly labelled.
        dev: The same.
        test: With names that are in neither of the two.
        known: What a vocabulary knows of the names in train: part of them.
    """

    train: tuple[LabelledText, ...]
    dev: tuple[LabelledText, ...]
    test: tuple[GoldDocument, ...]
    known: Vocabulary


def make_world(train: int, dev: int, test: int, *, known: float = 0.6, seed: int = 0) -> World:
    """So many texts of each kind.

    Args:
        train: Count.
        dev: Count.
        test: Count.
        known: Share of the names in train that the vocabulary knows.
        seed: Of names and texts.
    """
    sheet, vocabulary = load_task(shipped_policies() / "labels", "disease")
    rng = random.Random(f"world {seed}")
    terms = list(vocabulary.terms)
    rng.shuffle(terms)
    half = len(terms) // 2
    seen, unseen = (replace(vocabulary, terms=tuple(some)) for some in (terms[:half], terms[half:]))

    def compose(names: Vocabulary, count: int) -> list[LabelledText]:
        curator = Curator(sheet, names)
        made = (curator.take(line) for line in lines(sheet, names, seed))
        examples = islice((one for one in made if one is not None), count)
        return [LabelledText(one.text, one.spans) for one in examples]

    learned, asked = compose(seen, train + dev), compose(unseen, test)
    return World(
        train=tuple(learned[:train]),
        dev=tuple(learned[train:]),
        test=tuple(GoldDocument(str(n), one.text, one.spans) for n, one in enumerate(asked)),
        known=replace(vocabulary, terms=tuple(terms[: round(known * half)])),
    )


def spoil(
    examples: Sequence[LabelledText], *, missing: float, wrong: float, seed: int = 0
) -> tuple[LabelledText, ...]:
    """The same texts; of their spans a share is gone, and a share is on other words of the text.

    Args:
        examples: Rightly labelled.
        missing: Share of the spans that are gone, 0 to 1.
        wrong: Share that are moved, 0 to 1.
        seed: Of what is gone and moved.
    """
    rng = random.Random(f"noise {seed}")
    return tuple(_spoil(example, missing, wrong, rng) for example in examples)


def _spoil(example: LabelledText, missing: float, wrong: float, rng: random.Random) -> LabelledText:
    kept: list[Span] = []
    for span in example.spans:
        chance = rng.random()
        if chance < missing:
            continue
        moved = _elsewhere(example, span.label, kept, rng) if chance < missing + wrong else span
        if moved is not None:
            kept.append(moved)
    return replace(example, spans=tuple(sorted(kept)))


def _elsewhere(
    example: LabelledText, label: str, taken: Sequence[Span], rng: random.Random
) -> Span | None:
    words = [found.span() for found in _WORD.finditer(example.text)]
    first = rng.randrange(len(words))
    last = min(len(words) - 1, first + rng.randrange(_LONGEST))
    span = Span(words[first][0], words[last][1], label)
    if any(span.overlaps(other) for other in (*example.spans, *taken)):
        return None
    return span
