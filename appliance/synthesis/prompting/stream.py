"""The endless stream of drafts: the same sheet, vocabulary and seed give the same drafts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from appliance.records.prompts import ENTITY_KINDS, Draft, DraftKind
from appliance.records.tasks import LabelSheet, Term, Vocabulary
from appliance.synthesis.prompting.codes import Codes
from appliance.synthesis.prompting.decks import Deck, kind_deck
from appliance.synthesis.prompting.demonstrations import ConstantPart
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.prompting.openings import choose_opening, choose_topic_opening
from appliance.synthesis.prompting.pairs import pair_drafts
from appliance.synthesis.prompting.styles import Styles
from appliance.synthesis.prompting.template import render_request

_SYNONYM_SHARE: Final = 0.4
_THREE_SHARE: Final = 0.25
_SHORT_ALONE_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True)
class _Decks:
    """What drafts are dealt from."""

    kinds: Deck[DraftKind]
    terms: Deck[Term]
    shortened: Deck[Term] | None
    styles: Styles
    topics: Deck[str]


def drafts(sheet: LabelSheet, vocabulary: Vocabulary, seed: int) -> Iterator[Draft]:
    """Drafts without end, in the shares of the sheet's mix.

    Every term is asked for once before any is asked for again. A kind that the vocabulary cannot
    serve (abbreviations, where no term has one) is replaced by a single entity. Of a sheet that
    teaches a relation all drafts are about pairs.
    """
    if sheet.taught:
        yield from pair_drafts(sheet, vocabulary, seed)
    rng = random.Random(seed)
    decks = _shuffle(sheet, vocabulary, rng)
    codes = Codes(vocabulary, rng)
    constants = {kind: ConstantPart(sheet, kind, rng) for kind in ENTITY_KINDS}
    while True:
        kind = decks.kinds.deal()
        if kind is DraftKind.ABBREVIATION and decks.shortened is None:
            kind = DraftKind.SINGLE
        entities = _choose_entities(kind, decks, rng)
        register, style = decks.styles.deal()
        topic = decks.topics.deal() if kind is DraftKind.NONE else ""
        request = render_request(entities, style, topic)
        opening = choose_topic_opening(topic, rng) or choose_opening(
            kind, entities, sheet.openings, codes, rng
        )
        prompt = constants[kind].next() + request + (f" {opening}" if opening else "")
        yield make_draft(sheet.name, kind, entities, register, prompt, opening, sheet.sensitivity)


def _shuffle(sheet: LabelSheet, vocabulary: Vocabulary, rng: random.Random) -> _Decks:
    shortened = [term for term in vocabulary.terms if term.abbreviations]
    return _Decks(
        kind_deck(sheet.mix, rng),
        Deck(vocabulary.terms, rng),
        Deck(shortened, rng) if shortened else None,
        Styles(sheet, rng),
        Deck(sheet.topics, rng),
    )


def _choose_entities(kind: DraftKind, decks: _Decks, rng: random.Random) -> tuple[str, ...]:
    if kind is DraftKind.NONE:
        return ()
    if kind is DraftKind.SINGLE:
        return (_surface(decks.terms.deal(), rng),)
    if kind is DraftKind.SEVERAL:
        count = 3 if rng.random() < _THREE_SHARE else 2
        return tuple(_surface(term, rng) for term in decks.terms.deal_different(count))
    assert decks.shortened is not None
    term = decks.shortened.deal()
    short = rng.choice(term.abbreviations)
    return (short,) if rng.random() < _SHORT_ALONE_SHARE else (term.name, short)


def _surface(term: Term, rng: random.Random) -> str:
    if term.synonyms and rng.random() < _SYNONYM_SHARE:
        return rng.choice(term.synonyms)
    return term.name
