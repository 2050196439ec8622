"""Drawing without favourites: a shuffled deck, dealt to the end before it is shuffled again."""

import random
from collections.abc import Sequence
from typing import Generic, TypeVar

from appliance.records.prompts import ENTITY_KINDS, DraftKind
from appliance.records.tasks import DraftMix

T = TypeVar("T")

_CARDS = 40


class Deck(Generic[T]):
    """Deals every card once before any comes again, in an order that the generator decides.

    Independent draws would leave a third of a vocabulary unseen after as many draws as it has
    terms (1 - 1/e); a deck leaves none.
    """

    def __init__(self, cards: Sequence[T], rng: random.Random) -> None:
        assert cards, "a deck needs a card"
        self._cards = list(cards)
        self._rng = rng
        self._left: list[T] = []

    def deal(self) -> T:
        """The next card."""
        if not self._left:
            self._left = self._cards.copy()
            self._rng.shuffle(self._left)
        return self._left.pop()

    def deal_different(self, count: int) -> list[T]:
        """`count` different cards, or as many as there are."""
        hand: list[T] = []
        while len(hand) < min(count, len(set(self._cards))):
            card = self.deal()
            if card not in hand:
                hand.append(card)
        return hand


def kind_deck(mix: DraftMix, rng: random.Random) -> Deck[DraftKind]:
    """A deck of draft kinds in the sheet's shares, to within one in forty."""
    shares = {
        DraftKind.SINGLE: mix.single,
        DraftKind.SEVERAL: mix.several,
        DraftKind.ABBREVIATION: mix.abbreviation,
        DraftKind.NONE: mix.none,
    }
    cards = [kind for kind, share in shares.items() for _ in range(round(share * _CARDS))]
    return Deck(cards or list(ENTITY_KINDS), rng)
