"""Labels of somebody else's gold, in the words of our task."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.errors import BadInput
from appliance.records.cards import PairTypes
from appliance.records.spans import UNRELATED, Span

Renames = Mapping[str, tuple[str, ...]]
"""Label of the gold in lower case to those of the task that it may be; none: it is left out."""

NO_RENAMES: Final[Renames] = {}
"""The gold's labels are the task's."""

_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"0", "false", "no", UNRELATED})

LEFT_OUT: Final = ""
"""In the place of a label: what bears it is not looked at."""


def read_renames(given: Iterable[str]) -> Renames:
    """What GOLD=OURS says, word by word; GOLD= leaves that label out.

    Raises:
        BadInput: One is of another form, or a label is renamed and left out too.

    >>> read_renames(["DRUG=Chemical", "Species="])
    {'drug': ('Chemical',), 'species': ()}
    """
    renames: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for one in given:
        theirs, sign, ours = (part.strip() for part in one.partition("="))
        known = renames.get(theirs.casefold())
        if not sign or not theirs or (known is not None and (not known or not ours)):
            raise BadInput(
                "A label of the gold is given twice, or not as GOLD=OURS.",
                "Give --map DRUG=Chemical, or --map Species= to leave a label out.",
            )
        renames[theirs.casefold()] += (ours,) if ours else ()
    return dict(renames)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How labels of a gold file are written in the task.

    Attributes:
        labels: Of the task.
        renames: Of the gold.
    """

    labels: Sequence[str]
    renames: Renames = field(default_factory=dict)

    def all_of(self, given: str) -> tuple[str, ...] | None:
        """Labels of the task that it may stand for; () leaves it out, None says it is unknown."""
        own = {label.casefold(): label for label in self.labels}
        renamed = self.renames.get(given.casefold())
        wanted = (given,) if renamed is None else renamed
        found = tuple(own[one.casefold()] for one in wanted if one.casefold() in own)
        return None if wanted and len(found) < len(wanted) else found

    def get(self, given: str) -> str | None:
        """The one label of the task that it stands for; `LEFT_OUT`, or None where it is unknown."""
        found = self.all_of(given)
        if found is None or len(found) > 1:
            return None
        return found[0] if found else LEFT_OUT

    def __str__(self) -> str:
        return ", ".join(sorted(self.labels))


class RelationLabels:
    """Relation types of the task, as a gold file may call them."""

    def __init__(self, pairs: Sequence[PairTypes], renames: Renames) -> None:
        self.pairs = pairs
        self.types = {(pair.head, pair.tail) for pair in pairs}
        self.ends = Spelling(sorted({end for ends in self.types for end in ends}), renames)
        self._names = Spelling([*(pair.label for pair in pairs), UNRELATED], renames)

    def __str__(self) -> str:
        return str(self._names)

    def possible(self, given: str) -> tuple[str, ...] | None:
        """Relation types that a label may stand for, or none; None where it is unknown."""
        plain = given.strip()
        found = self._names.all_of(plain)
        if found is not None:
            return found
        if plain.casefold() in _NO:
            return (UNRELATED,)
        is_yes = plain.casefold() in _YES and len(self.pairs) == 1
        return (self.pairs[0].label,) if is_yes else None

    def joining(self, given: str, head: str, tail: str) -> str | None:
        """The one of them that joins these types; `LEFT_OUT`, or None where there is none such."""
        found = self.possible(given)
        if found is None:
            return None
        if not found:
            return LEFT_OUT
        fitting = {pair.label for pair in self.pairs if (pair.head, pair.tail) == (head, tail)}
        if fitting:
            fitting.add(UNRELATED)
        return next((label for label in found if label in fitting), None)

    def state(
        self,
        stated: dict[tuple[int, int], str],
        spans: Sequence[Span],
        ends: tuple[int, int],
        given: str,
    ) -> None:
        """The pair has its label, in the direction in which it is one of the task's.

        Unrelated ends that no relation of the task could join are no pair.

        Raises:
            ValueError: The label is none of the task's in either direction.
        """
        for head, tail in (ends, ends[::-1]):
            label = self.joining(given, spans[head].label, spans[tail].label)
            if label is not None:
                stated[head, tail] = label
                return
        if self.possible(given) != (UNRELATED,):
            raise ValueError
