"""Clear text at rest: identifiers, stretches of notes, canaries and secrets, searched everywhere.

A name can stand somewhere by chance, where invented people have names too; how often, names tell
that are put together from the given name of one patient and the family name of another. A short
number can as well: how often, numbers tell that nobody has.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.audits.attack import conclude, not_tested
from appliance.audits.needles import Needles, Unread
from appliance.audits.statistics import fisher_greater, share
from appliance.audits.written import DRAWN, NUMBER
from appliance.records.audits import AttackResult, Problem
from appliance.records.progress import Progress

NAME: Final = "name"
SWAPPED: Final = "swapped name"
CANARY: Final = "canary"
_ALPHA: Final = 0.001
_CONTROLS: Final = frozenset({SWAPPED, DRAWN})
_UNREADABLE: Final = (
    "What is encoded or encrypted, compressed otherwise than by gzip, bzip2, xz, zstd, lz4, zip or "
    "Parquet, packed twice, or in pictures; names and numbers that are cut, misspelled or written "
    "in a way of their own; weights of models."
)
_FEW_NUMBERS: Final = (
    "Numbers of six or seven digits without a label, where no more of them stand than by chance."
)
Hit = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that bytes lie.

    Attributes:
        where: Its name for the report; never one that could hold a patient's.
        search: Gives kind and number of each needle that is there; may raise OSError.
        may_name: Whether invented people have names there.
        holds_keys: Whether keys belong there.
    """

    where: str
    search: Callable[[Needles], set[Hit]] = field(repr=False)
    may_name: bool = False
    holds_keys: bool = False


class AtRest:
    """Searches all places for all needles; an `Attack`.

    Args:
        places: Files, memory that was left behind, environments.
        needles: What must be nowhere.
        secrets: Kinds that are secrets: they may lie where keys belong.
        unread: What was left out, for the report.
    """

    name = "clear-text-at-rest"
    claim = "No identifier, stretch of a note, canary or key lies anywhere in clear."

    def __init__(
        self,
        places: Iterable[Place],
        needles: Needles,
        secrets: frozenset[str],
        unread: Sequence[str] = (),
    ) -> None:
        self._places = places
        self._needles = needles
        self._secrets = secrets
        self._unread = unread

    def run(self, progress: Progress) -> AttackResult:
        """Each place, every needle, in any case."""
        if not len(self._needles):
            return not_tested(self, "There is nothing to search for.")
        places = list(self._places)
        progress.begin(self.name, len(places))
        found: dict[str, set[Hit]] = {}
        unreadable: list[str] = []
        for place in places:
            try:
                hits = place.search(self._needles)
            except FileNotFoundError:
                # A live site's: it lies nowhere any more.
                continue
            except Unread as error:
                unreadable.append(place.where)
                hits = error.hits
            except OSError:
                unreadable.append(place.where)
                continue
            finally:
                progress.advance()
            if place.holds_keys:
                hits = {hit for hit in hits if hit[0] not in self._secrets}
            if hits:
                found[place.where] = hits
        named = {place.where for place in places if place.may_name}
        problems = [
            *self._judge(found, named),
            *self._judge_names(found, named),
            *self._judge_numbers(found),
        ]
        return self._conclude(len(places), unreadable, found, problems)

    def _judge(self, found: dict[str, set[Hit]], named: set[str]) -> Iterable[Problem]:
        for where, hits in sorted(found.items()):
            kinds = Counter(kind for kind, _ in hits)
            for kind in (*_CONTROLS, NUMBER):
                del kinds[kind]
            if where in named:
                del kinds[NAME]
            if not kinds:
                continue
            rule = "at-rest.secret" if set(kinds) <= self._secrets else "at-rest.clear-text"
            rule = "canaries.found" if CANARY in kinds else rule
            what = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(kinds.items()))
            yield Problem(
                rule,
                where,
                f"In clear: {what}.",
                "Remove it, find out which program wrote it, and change what it gave away.",
            )

    def _judge_names(self, found: dict[str, set[Hit]], named: set[str]) -> Iterable[Problem]:
        by_kind: dict[str, set[int]] = defaultdict(set)
        for where in named & set(found):
            for kind, number in found[where]:
                by_kind[kind].add(number)
        hits, swapped = len(by_kind[NAME]), len(by_kind[SWAPPED])
        total, control = (self._needles.kinds.get(kind, 0) for kind in (NAME, SWAPPED))
        chance = fisher_greater(hits, total, swapped, control)
        if hits and chance < _ALPHA:
            yield Problem(
                "at-rest.names",
                "corpora",
                f"{hits} of {total} patients' names stand in corpora, {swapped} of {control} put "
                f"together at random (p = {chance:.1e}).",
                "Names of real patients are in them: let none leave, find where they came in.",
            )

    def _judge_numbers(self, found: dict[str, set[Hit]]) -> Iterable[Problem]:
        """Places, and then all of them together, with more patients' numbers than by chance."""
        wanted = {NUMBER, DRAWN}
        holding = {
            where: numbers
            for where, hits in sorted(found.items())
            if (numbers := {hit for hit in hits if hit[0] in wanted})
        }
        holding["all places together"] = set().union(*holding.values())
        total, control = (self._needles.kinds.get(kind, 0) for kind in (NUMBER, DRAWN))
        for where, numbers in holding.items():
            kinds = Counter(kind for kind, _ in numbers)
            chance = fisher_greater(kinds[NUMBER], total, kinds[DRAWN], control)
            # Many places are asked: Bonferroni's correction.
            if kinds[NUMBER] and chance < _ALPHA / len(holding):
                yield Problem(
                    "at-rest.numbers",
                    where,
                    f"{kinds[NUMBER]} of {total} patients' numbers of six or seven digits stand "
                    f"there, {kinds[DRAWN]} of {control} drawn at random (p = {chance:.1e}).",
                    "Remove it, and find out which program wrote it.",
                )

    def _conclude(
        self,
        places: int,
        unreadable: Sequence[str],
        found: dict[str, set[Hit]],
        problems: list[Problem],
    ) -> AttackResult:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._needles.kinds.items()))
        seen = {hit for hits in found.values() for hit in hits}
        real = {hit for hit in seen if hit[0] not in _CONTROLS}
        counts, hits = self._needles.kinds, Counter(kind for kind, _ in seen)
        short, labelled = self._needles.left_out, self._needles.labelled
        spots = [
            _UNREADABLE,
            *([f"{short} identifiers too short to tell anything alone."] if short else []),
            *([f"{labelled} numbers without a label beside them."] if labelled else []),
            *([_FEW_NUMBERS] if NUMBER in counts else []),
            "Other machines, backups and devices, unless their paths were given with --look.",
            *self._unread,
        ]
        if CANARY not in self._needles.kinds:
            spots.append("No canaries are planted: appliance audit plant makes some.")
        if unreadable:
            spots.append(
                f"{len(unreadable)} of {places} places could not be read to their end by this "
                f"user (damaged, encrypted, too large, or not permitted); first: {unreadable[0]}."
            )
        done = conclude(
            self,
            f"{places} places searched for {len(self._needles)} needles ({kinds}); problems in "
            f"{len(problems)}.",
            problems,
            estimates=[
                share(
                    "needles found somewhere",
                    len(real),
                    sum(count for kind, count in counts.items() if kind not in _CONTROLS),
                ),
                *(
                    share(f"{kind}: found somewhere", hits[kind], counts[kind])
                    for kind in (NUMBER, DRAWN)
                    if kind in counts
                ),
                share("places that could not be read", len(unreadable), places),
            ],
            blind_spots=spots,
        )
        if unreadable and not problems:
            return not_tested(self, spots[-1], is_broken=True, so_far=done)
        return done
