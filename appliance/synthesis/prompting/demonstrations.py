"""The constant part: a task line and a few invented, labelled sentences.

Every kind of draft has its own, because a small base model does what the last lines did: shown
sentences with one entity, it forgets the second. It stays the same for many drafts, so that the
engine computes it once, then another choice of demonstrations takes its place, so that the model
cannot learn any of them by heart.
"""

import random
from collections.abc import Collection
from typing import Final

from appliance.records.prompts import DraftKind
from appliance.records.tasks import LabelSheet, is_short_form
from appliance.synthesis.prompting.template import render_demonstration, render_task

SHOWN: Final = 5
ENOUGH: Final = 3
# At 48 the constant part is computed anew for 2 % of the drafts.
ROTATION: Final = 48


class ConstantPart:
    """The constant part for one kind of draft, changed after every `ROTATION` drafts."""

    def __init__(self, sheet: LabelSheet, kind: DraftKind, rng: random.Random) -> None:
        self._sheet = sheet
        self._rng = rng
        self._same = [shown for shown in sheet.demonstrations if kind_of(shown.entities) is kind]
        self._others = [
            shown
            for shown in sheet.demonstrations
            # Beside others, a demonstration without entities teaches to leave them out.
            if kind_of(shown.entities) is not kind and (shown.entities or kind is DraftKind.NONE)
        ]
        self._text = ""
        self._used = ROTATION

    def next(self) -> str:
        """The constant part for the next draft."""
        if self._used == ROTATION:
            self._text = self._compose()
            self._used = 0
        self._used += 1
        return self._text

    def _compose(self) -> str:
        same = self._rng.sample(self._same, min(SHOWN, len(self._same)))
        # With two of its own kind or fewer, a model that sees nothing else repeats them.
        missing = SHOWN - len(same) if len(same) < ENOUGH else 0
        others = self._rng.sample(self._others, min(missing, len(self._others)))
        shown = others + same
        return render_task(self._sheet.title) + "".join(map(render_demonstration, shown))


def kind_of(entities: Collection[str]) -> DraftKind:
    """Which kind of draft a sentence with these entities is an answer to."""
    if not entities:
        return DraftKind.NONE
    if any(is_short_form(entity) for entity in entities):
        return DraftKind.ABBREVIATION
    return DraftKind.SINGLE if len(entities) == 1 else DraftKind.SEVERAL
