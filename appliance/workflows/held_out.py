"""How an adapter reads what its corpus holds out, by kind of sentence.

The next round asks for more of the kinds that are read worst.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput, Denied
from appliance.learning.adapters import may_remember_notes, read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.score import count_matches, summarise
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import entity_types
from appliance.records.breakdown import Score
from appliance.records.cards import AdapterCard, HeadKind
from appliance.records.examples import Example, Origin, Split
from appliance.records.gold import GoldDocument
from appliance.records.identifiers import Digest
from appliance.records.prompts import ENTITY_KINDS, DraftKind
from appliance.records.tasks import LabelSheet
from appliance.settings.names import check_name
from appliance.settings.site import SitePaths
from appliance.synthesis.prompting.demonstrations import kind_of

_DEVICE: Final = "cpu"
# A sentence that is read right, and in full doubt, asks for half as much as one that is misread.
_DOUBT: Final = 0.5


@dataclass(frozen=True, slots=True)
class KindErrors:
    """How sentences of one kind are read.

    Attributes:
        texts: Held-out sentences that the model wrote.
        misread: Of them, those with any span too many, too few or elsewhere.
        doubt: Mean over texts of how unlikely the label of the least sure word is, 0 to 1.
    """

    texts: int
    misread: int
    doubt: float

    @property
    def need(self) -> float:
        """How much there is to learn, above 0 and below 1 (Laplace's rule of succession).

        More mistakes, or more doubt beside as many, never make it less.
        """
        known = self.texts * (1 + _DOUBT)
        return (self.misread + _DOUBT * self.doubt * self.texts + 1) / (known + 2)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How an adapter reads what a corpus holds out.

    Attributes:
        score: Strict, over all the sentences.
        kinds: By kind of sentence.
    """

    score: Score
    kinds: dict[str, KindErrors]


def read_held_out(
    paths: SitePaths, examples: Sequence[Example], sheet: LabelSheet, adapter: str
) -> HeldOut:
    """How the adapter reads what the corpus holds out.

    Args:
        paths: The site's.
        examples: The corpus; only sentences that the model wrote and no training saw count.
        sheet: Of its task.
        adapter: Name of an adapter of that task.

    Raises:
        BadInput: No such adapter, of another task or kind, or nothing is held out.
        Denied: The adapter learned from notes: what it tells must not shape a prompt.
        ManifestMismatch: The adapter is not what was written.
    """
    reader = load_reader(paths, sheet, adapter)
    held_out = [one for one in examples if one.split is Split.DEV and one.origin is Origin.WRITTEN]
    if not held_out:
        raise BadInput(
            "The corpus holds out no sentence that a model wrote.", "Make a larger corpus."
        )
    texts = [one.text for one in held_out]
    found = [[one.span for one in spans] for spans in reader.label(texts)]
    gold = [GoldDocument(one.example_id, one.text, one.spans) for one in held_out]
    counts = count_matches(gold, found)
    doubts = np.array([_doubt(likely) for likely in reader.weigh(texts)])
    kinds = np.array([_kind(one).value for one in held_out])
    misread = counts[:, 0] * 2 != counts[:, 1] + counts[:, 2]
    by_kind = {
        kind.value: KindErrors(
            int(of_kind.sum()),
            int(misread[of_kind].sum()),
            float(doubts[of_kind].mean()) if of_kind.any() else 0.0,
        )
        for kind in ENTITY_KINDS
        for of_kind in (kinds == kind.value,)
    }
    return HeldOut(summarise(counts), by_kind)


def load_reader(paths: SitePaths, sheet: LabelSheet, adapter: str) -> AdapterLabeller:
    """An adapter whose reading may shape a corpus, ready to read.

    Raises:
        BadInput, Denied, ManifestMismatch: See `check_reader`.
    """
    from appliance.workflows.self_training import load_teacher

    card, _ = check_reader(paths, sheet, adapter)
    base = ModelStore(paths.models).resolve(card.base).path
    return load_teacher(paths.adapters / adapter, base, _DEVICE, "float32")


def check_reader(paths: SitePaths, sheet: LabelSheet, adapter: str) -> tuple[AdapterCard, Digest]:
    """Card and digest of an adapter of the task that was taught by invented text alone.

    Raises:
        BadInput: No such adapter, or of another task or kind.
        Denied: It learned from notes: what it tells must not go into a prompt or a corpus.
        ManifestMismatch: It is not what was written.
    """
    check_name(adapter, "an adapter", "--adapter")
    directory = paths.adapters / adapter
    card, digest = read_adapter(directory)
    require_kind(card, HeadKind.ENTITIES)
    types = tuple(entity.name for entity in sheet.entities)
    if card.task != sheet.name or entity_types(card.labels) != types:
        raise BadInput(
            f"Adapter {adapter!r} was trained for another task than {sheet.name!r}, or its types.",
            "Name one that was trained on this corpus or an earlier round of it.",
        )
    if may_remember_notes(directory):
        raise Denied(
            f"Adapter {adapter!r} learned from notes of this site; what it tells would go into "
            "prompts, or into a corpus.",
            "Name an adapter that learned from invented text alone.",
        )
    return card, digest


def _kind(example: Example) -> DraftKind:
    """Which kind of draft it is an answer to, by what is marked in it."""
    return kind_of({example.text[one.start : one.end] for one in example.spans})


def _doubt(likely: NDArray[np.float32]) -> float:
    return float(1 - likely.max(axis=1).min()) if len(likely) else 0.0
