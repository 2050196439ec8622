"""How an answer is to be written: its register, and whatever else the sheet's grid names."""

import random
from typing import Final

from appliance.records.tasks import LabelSheet
from appliance.synthesis.prompting.decks import Deck

_JOINT: Final = ", "


class Styles:
    """Deals a register and one value of each attribute: "progress note, a tired resident".

    Every value of an attribute comes once before any comes again; two attributes' values meet as
    chance will have it.
    """

    def __init__(self, sheet: LabelSheet, rng: random.Random) -> None:
        self._registers = Deck(sheet.registers, rng)
        self._attributes = [Deck(values, rng) for values in sheet.attributes.values()]

    def deal(self) -> tuple[str, str]:
        """The register, and the whole style that begins with it."""
        register = self._registers.deal()
        return register, _JOINT.join([register, *(deck.deal() for deck in self._attributes)])
