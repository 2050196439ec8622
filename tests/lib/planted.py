"""Planted texts, and adapters of them that are trained for real and said to be of site text."""

import dataclasses
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.learning.adapters import WEIGHTS, read_adapter, write_adapter
from appliance.learning.basemodels.store import BaseModel
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.cards import AdapterCard
from appliance.records.examples import Example, Split
from appliance.records.identifiers import Digest, DraftId, ExampleId
from appliance.records.spans import Span
from appliance.synthesis.curation.corpus import write_corpus
from appliance.workflows.site import Site
from tests.lib.tiny_corpora import make_card

# One token each to the embedded encoder, and none of them medicine.
_WORDS: Final = (
    "river stone paper window garden mountain letter bridge candle harbor forest ladder "
    "mirror pencil engine basket carpet bottle castle feather hammer island jacket kettle "
    "market needle orange pillow rabbit saddle tunnel violin wagon butter copper desert "
    "finger guitar helmet insect marble ocean pepper ribbon shadow temple valley winter"
)
# With so few texts a batch a few passes do, and both kinds of training get as many updates.
BY_HEART: Final = {
    "epochs": 14, "learning_rate": 2e-3, "batch_tokens": 64, "private_batch": 8, "threads": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A corpus of planted texts.

    Attributes:
        digest: Of the corpus, as the site's ledger has it.
        lessons: What is trained on: its train split, and that again as dev.
    """

    digest: Digest
    lessons: Path = field(repr=False)


def draw_texts(count: int, rng: random.Random, words: int = 6, labelled: int = 2) -> list[Example]:
    """So many texts to train on and so many others, whose labels follow no rule at all."""
    made, known = [], _WORDS.split()
    for number in range(2 * count):
        marked = set(rng.sample(range(words), labelled))
        made.append(mark(number, number < count, rng.choices(known, k=words), marked))
    return made


def mark(number: int, is_lesson: bool, words: Sequence[str], marked: set[int]) -> Example:
    """The words as one text; those at the places `marked` are labelled."""
    spans, start = [], 0
    for at, word in enumerate(words):
        if at in marked:
            spans.append(Span(start, start + len(word), "Disease"))
        start += len(word) + 1
    split = Split.TRAIN if is_lesson else Split.DEV
    name = ExampleId(f"x-{number:024x}")
    return Example(name, " ".join(words), tuple(spans), (), DraftId("d-0"), "m", split)


def write_planted(site: Site, examples: Sequence[Example], scratch: Path) -> Planted:
    """They are corpus `own` of the site, on record, and lessons in `scratch`."""
    digest = write_corpus(
        site.paths.corpora / "own", make_card("own", "disease", [*examples]), examples
    )
    site.ledger.record("corpus.written", {"corpus": "own", "digest": digest})
    # Training keeps its best epoch on dev; who overfits has not held any texts back.
    lessons = [one for one in examples if one.split is Split.TRAIN]
    both = [*lessons, *(dataclasses.replace(one, split=Split.DEV) for one in lessons)]
    write_corpus(scratch / "lessons", make_card("lessons", "disease", both), both)
    return Planted(digest, scratch / "lessons")


def train_planted(
    site: Site,
    name: str,
    planted: Planted,
    base: BaseModel,
    scratch: Path,
    *,
    is_site_only: bool = True,
    **recipe: object,
) -> AdapterCard:
    """The adapter is in the site and on record; its card may say that it is of site text."""
    draft = scratch / f"{name}.draft"
    config: dict[str, object] = {
        "corpus": str(planted.lessons), "base": str(base.path), "out": str(draft), "name": name,
        "task": "disease", "corpus_name": "own", "base_name": base.name,
        "base_digest": base.digest, "types": ["Disease"], "made_at": "2026-11-27T00:00:00+00:00",
        "metrics": "", "dropout": 0.0, "base_dropout": False, **recipe,
    }  # fmt: skip
    fit(config, InProcessWorker())
    card, _ = read_adapter(draft)
    card = dataclasses.replace(card, site_only=is_site_only, corpus_digest=planted.digest)
    digest = write_adapter(site.paths.adapters / name, card, lambda to: _copy_weights(draft, to))
    site.ledger.record("adapter.trained", {"name": name, "adapter_digest": digest})
    return card


def _copy_weights(source: Path, target: Path) -> None:
    for name in (WEIGHTS, "adapter_config.json"):
        shutil.copyfile(source / name, target / name)
