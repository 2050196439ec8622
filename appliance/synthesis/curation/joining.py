"""Corpora of one task become one: what repeats an earlier one is left out, and all is counted.

A held-out concept is held out in every corpus of a sheet, and a sentence that repeats another is
taken once: so none is learned from and held out at the same time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from appliance.errors import BadInput
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example, Origin
from appliance.records.identifiers import Digest, DraftId
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.curation.revision import count_anew
from appliance.synthesis.curation.similarity import Seen, mask
from appliance.synthesis.curation.words import normalise

# A sentence that a model wrote goes before a copy or a composed line that repeats it.
_ORDER: Final = (Origin.WRITTEN, Origin.VARIED, Origin.COMPOSED)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the corpora to join.

    Attributes:
        card: Its datasheet.
        digest: Of its manifest.
        examples: All of it.
    """

    card: CorpusCard
    digest: Digest
    examples: tuple[Example, ...]


def join(parts: Sequence[Part], name: str, made_at: str) -> tuple[CorpusCard, tuple[Example, ...]]:
    """The corpus that holds all of `parts`, less what repeats an earlier one, and its card.

    What was asked, denied, answered and dropped is summed; a written sentence that is left out
    counts as dropped for what it repeats. `kinds` are summed as they were before that. One part
    more changes nothing of what the parts before it gave.

    Args:
        parts: At least one, oldest first.
        name: Of the new corpus.
        made_at: ISO 8601, UTC.

    Raises:
        BadInput: They are not of one task, sheet and vocabulary, or the sheet is about pairs.
    """
    _check_alike([part.card for part in parts])
    seen, dropped = Seen(), Counter[Reason]()
    kept = [one for part in parts for one in _take_new(part.examples, seen, dropped)]
    return _make_card(parts, kept, dropped, name, made_at), tuple(kept)


def _check_alike(cards: Sequence[CorpusCard]) -> None:
    if len({(card.task, card.sheet_digest) for card in cards}) > 1:
        raise BadInput(
            "These corpora were not made by one and the same label sheet and vocabulary.",
            "What one of them holds out another may teach: make them again under another name.",
        )
    if any(card.relations for card in cards):
        raise BadInput(
            "Corpora about pairs are not joined.", "Make one larger corpus with `synthesize`."
        )


def _take_new(
    examples: Iterable[Example], seen: Seen, dropped: Counter[Reason]
) -> Iterable[Example]:
    left_out: set[DraftId] = set()
    for example in sorted(examples, key=lambda one: _ORDER.index(one.origin)):
        normalised = normalise(example.text)
        if example.origin is Origin.WRITTEN:
            masked = mask(example.text, example.spans)
            # How many begin alike was judged where each was made.
            fault = seen.find_fault(masked, normalised, is_opened=True)
            if fault is not None:
                dropped[fault] += 1
                left_out.add(example.draft_id)
                continue
            seen.add(masked, normalised)
        elif example.draft_id in left_out or not seen.add_exact(normalised):
            continue
        yield example


def _make_card(
    parts: Sequence[Part],
    kept: Sequence[Example],
    dropped: Mapping[Reason, int],
    name: str,
    made_at: str,
) -> CorpusCard:
    cards = [part.card for part in parts]
    before = sum(len(part.examples) for part in parts)
    repeats = {reason.value: count for reason, count in dropped.items()}
    return replace(
        count_anew(cards[-1], kept),
        name=name,
        routes=_sum(card.routes for card in cards),
        drafts=sum(card.drafts for card in cards),
        denied=sum(card.denied for card in cards),
        completions=sum(card.completions for card in cards),
        dropped=_sum([*(card.dropped for card in cards), repeats]),
        made_at=made_at,
        parent="",
        revision={"kept": len(kept), "left_out": before - len(kept)},
        # Each part was asked for in shares of its own; no prompt was drawn by their mean.
        mix={},
        asked=_mean_asked(cards),
        kinds=_sum(card.kinds for card in cards),
        weighed_by="",
        seed=0,
        prompts="",
        sampling=cards[0].sampling
        if all(one.sampling == cards[0].sampling for one in cards)
        else {},
        tokens=_sum(card.tokens for card in cards),
        cost_microusd=sum(card.cost_microusd for card in cards),
        # Those of one part another may fill.
        gaps={},
        joined={part.card.name: part.digest for part in parts},
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def _mean_asked(cards: Sequence[CorpusCard]) -> dict[str, float]:
    """The share of all accepted answers that each kind was to have."""
    known = [card for card in cards if card.asked]
    total = sum(card.accepted for card in known)
    kinds = dict.fromkeys(kind for card in known for kind in card.asked)
    return {
        kind: round(sum(card.asked.get(kind, 0) * card.accepted for card in known) / total, 4)
        for kind in kinds
        if total
    }
