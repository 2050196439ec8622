"""Runs of words that texts share with one person's notes.

Every five words in a row of the texts are looked for in all notes, with the patients they occur
with. A run counts as personal where one patient has all of it and nobody else has some of it:
what many patients' notes say is the language of the trade.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.audits.texts import owner_of, words_of
from appliance.records.notes import Note

WIDTH: Final = 5
# With so many patients a phrase is common; no more of them are told apart.
_COMMON: Final = 20
_NOBODY: Final = -1


@dataclass(frozen=True, slots=True)
class Personal:
    """What one text shares with the notes of one patient.

    Attributes:
        longest: Words of the longest personal run, 0 where there is none.
        contained: Share of the text's runs of five words that one patient has, 0 to 1.
        rare: Runs of five words that exactly one patient has.
        runs: All runs of five words of the text.
    """

    longest: int
    contained: float
    rare: int
    runs: int


class Runs:
    """The texts' runs of five words, and whose notes have them.

    Args:
        texts: Those that are looked for.
        owners: For each, whose it is and does not count; "" where nobody's.
        public: Texts whose runs count as common: label sheets and vocabularies.
    """

    def __init__(
        self, texts: Sequence[str], owners: Sequence[str], public: Iterable[str] = ()
    ) -> None:
        self._words: dict[str, int] = {}
        self._known: dict[tuple[int, ...], int] = {}
        self._texts = [self._learn(text) for text in texts]
        self._owners = owners
        self._found: list[set[str]] = [set() for _ in self._known]
        self._is_common = bytearray(len(self._known))
        for text in public:
            for run in self._runs_in(text):
                self._is_common[run] = True

    def look(self, notes: Iterable[Note]) -> int:
        """The notes are compared; returns how many there were."""
        count = 0
        for note in notes:
            count += 1
            owner = owner_of(note)
            for run in self._runs_in(note.text):
                found = self._found[run]
                if not self._is_common[run]:
                    found.add(owner)
                    # One more, because a text's own patient is left out later.
                    if len(found) > _COMMON:
                        self._is_common[run] = True
                        found.clear()
        return count

    def personal(self) -> list[Personal]:
        """For each text, in order, what it shares with one patient."""
        return [
            self._judge(runs, owner) for runs, owner in zip(self._texts, self._owners, strict=True)
        ]

    def _learn(self, text: str) -> list[int]:
        numbers = [self._words.setdefault(word, len(self._words)) for word in words_of(text)]
        return [
            self._known.setdefault(tuple(numbers[at : at + WIDTH]), len(self._known))
            for at in range(len(numbers) - WIDTH + 1)
        ]

    def _runs_in(self, text: str) -> Iterator[int]:
        known, words = self._known, self._words
        numbers = [words.get(word, _NOBODY) for word in words_of(text)]
        last_unknown = _NOBODY
        for at, number in enumerate(numbers):
            if number == _NOBODY:
                last_unknown = at
            elif at - last_unknown >= WIDTH:
                run = known.get(tuple(numbers[at - WIDTH + 1 : at + 1]))
                if run is not None:
                    yield run

    def _judge(self, runs: Sequence[int], owner: str) -> Personal:
        longest = rare = 0
        having: Counter[str] = Counter()
        # Patient to the length of the run so far, and whether some of it is theirs alone.
        active: dict[str, tuple[int, bool]] = {}
        common = 0
        for run in runs:
            if self._is_common[run]:
                active = {who: (count + 1, alone) for who, (count, alone) in active.items()}
                common += 1
            else:
                who_has = self._found[run] - {owner}
                is_alone = len(who_has) == 1
                rare += is_alone
                having.update(who_has)
                began = (common, False)
                active = {
                    who: (active.get(who, began)[0] + 1, active.get(who, began)[1] or is_alone)
                    for who in who_has
                }
                common = 0
            longest = max([longest, *(count for count, alone in active.values() if alone)])
        most = max(having.values(), default=0)
        contained = most / len(runs) if runs else 0.0
        return Personal(longest + WIDTH - 1 if longest else 0, contained, rare, len(runs))
