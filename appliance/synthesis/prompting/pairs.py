"""Drafts and composed lines for sentences about a pair: stated, denied, or only named together.

The label is known before a word is written: it follows from the kind that was asked for. A small
base model cannot be trusted with that, so most answers are begun for it by an opening of the
sheet, which holds both names and says, or does not say, what joins them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.records.examples import PairLine
from appliance.records.prompts import Draft, DraftKind
from appliance.records.tasks import (
    LabelSheet,
    PairExample,
    PairKind,
    PairTeaching,
    RelationType,
    Term,
    Vocabulary,
)
from appliance.synthesis.prompting.decks import Deck
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.prompting.filling import fill
from appliance.synthesis.prompting.slots import Slots
from appliance.synthesis.prompting.styles import Styles
from appliance.synthesis.prompting.template import (
    render_pair_demonstration,
    render_pair_request,
    render_task,
)

OPENED_SHARE: Final = 0.9
SHOWN: Final = 5
ROTATION: Final = 48
_CARDS: Final = 40
_SYNONYM_SHARE: Final = 0.3
_SHORT_SHARE: Final = 0.15


def pair_drafts(sheet: LabelSheet, vocabulary: Vocabulary, seed: int) -> Iterator[Draft]:
    """Drafts without end, in the shares of each relation's mix; relations take turns."""
    rng = random.Random(f"pairs {seed}")
    slots = Slots(vocabulary, sheet.composition.slots, rng)
    sources = [_Source(sheet, relation, vocabulary, rng) for relation in sheet.taught]
    styles = Styles(sheet, rng)
    turns = Deck(sources, rng)
    while True:
        source = turns.deal()
        kind = source.kinds.deal()
        head, tail = source.pair()
        register, style = styles.deal()
        opening = source.opening(kind, head, tail, slots)
        request = render_pair_request(
            source.relation, kind, head, tail, style, is_one_of_several=len(sheet.taught) > 1
        )
        prompt = source.shown[kind].next() + request + (f" {opening}" if opening else "")
        yield make_draft(
            sheet.name,
            DraftKind(kind.value),
            (head, tail),
            register,
            prompt,
            opening,
            sheet.sensitivity,
            source.relation.name,
        )


def pair_lines(sheet: LabelSheet, vocabulary: Vocabulary, seed: int) -> Iterator[PairLine]:
    """Composed lines without end, in the shares of the mix; none where there is no frame.

    Nothing of this is sent anywhere.
    """
    rng = random.Random(f"pair frames {seed}")
    slots = Slots(vocabulary, sheet.composition.slots, rng)
    sources = [
        _Source(sheet, relation, vocabulary, rng)
        for relation in sheet.taught
        if _teaching(relation).lines
    ]
    while sources:
        for source in sources:
            kind = source.kinds.deal()
            head, tail = source.pair()
            frame = source.frames[kind].deal()
            text = fill(frame, head, tail, slots)
            yield PairLine(text, head, tail, source.relation.label_of(kind), frame)


def lines_wanted(sheet: LabelSheet) -> float:
    """Composed lines for each written example."""
    taught = [_teaching(relation).lines for relation in sheet.taught]
    return sum(taught) / len(taught) if taught else 0.0


class _Source:
    """What sentences for one relation are dealt from."""

    def __init__(
        self, sheet: LabelSheet, relation: RelationType, vocabulary: Vocabulary, rng: random.Random
    ) -> None:
        teaching = _teaching(relation)
        self.relation = relation
        self.kinds = _kind_deck(teaching.mix, rng)
        self.frames = _decks(teaching.frames, rng)
        self.shown = {kind: _Shown(sheet, relation, kind, rng) for kind in PairKind}
        self._openings = _decks(teaching.openings, rng)
        self._rng = rng
        labels = {relation.head, relation.tail}
        self._terms = {
            label: Deck([term for term in vocabulary.terms if term.label == label], rng)
            for label in sorted(labels)
        }

    def pair(self) -> tuple[str, str]:
        """Surfaces of a head and of a tail; two concepts, also where both are of one type."""
        head, tail = self._terms[self.relation.head].deal(), self._terms[self.relation.tail].deal()
        while tail.name == head.name:
            tail = self._terms[self.relation.tail].deal()
        return self._surface(head), self._surface(tail)

    def opening(self, kind: PairKind, head: str, tail: str, slots: Slots) -> str:
        """The first words of the answer, or "" where the model shall begin by itself."""
        if kind not in self._openings or self._rng.random() >= OPENED_SHARE:
            return ""
        return fill(self._openings[kind].deal(), head, tail, slots)

    def _surface(self, term: Term) -> str:
        if term.abbreviations and self._rng.random() < _SHORT_SHARE:
            return self._rng.choice(term.abbreviations)
        if term.synonyms and self._rng.random() < _SYNONYM_SHARE:
            return self._rng.choice(term.synonyms)
        return term.name


@dataclass(slots=True)
class _Shown:
    """The constant part for one kind: it stays for `ROTATION` drafts, then others are shown."""

    sheet: LabelSheet
    relation: RelationType
    kind: PairKind
    rng: random.Random
    text: str = ""
    used: int = ROTATION

    def next(self) -> str:
        """The constant part for the next draft."""
        if self.used == ROTATION:
            self.text = render_task(self.sheet.title) + "".join(
                render_pair_demonstration(
                    self.relation, example, is_one_of_several=len(self.sheet.taught) > 1
                )
                for example in self._choose()
            )
            self.used = 0
        self.used += 1
        return self.text

    def _choose(self) -> list[PairExample]:
        same = [one for one in _teaching(self.relation).examples if one.kind is self.kind]
        return self.rng.sample(same, min(SHOWN, len(same)))


def _teaching(relation: RelationType) -> PairTeaching:
    assert relation.teaching is not None
    return relation.teaching


def _kind_deck(mix: Mapping[PairKind, float], rng: random.Random) -> Deck[PairKind]:
    """In the mix's shares, to within one in forty; a kind with any share is in it."""
    cards = [
        kind
        for kind, share in mix.items()
        for _ in range(max(round(share * _CARDS), 1 if share else 0))
    ]
    return Deck(cards, rng)


def _decks(
    words: Mapping[PairKind, tuple[str, ...]], rng: random.Random
) -> dict[PairKind, Deck[str]]:
    return {kind: Deck(lines, rng) for kind, lines in words.items() if lines}
