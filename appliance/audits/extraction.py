"""Extraction by prefix: whether an adapter that writes text goes on as a planted note does.

The attacker has a note up to the word that matters, and lets the adapter go on. Canaries have
numbers and phrases that nobody can guess: one that is written was learned. The same base model with
its adapter off, and canaries that were never planted, are the free references.

Source: Carlini et al. 2021, arXiv:2012.07805; canaries as in Carlini et al. 2019, arXiv:1802.08232.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from appliance.audits.attack import conclude, not_tested, try_adapter
from appliance.audits.statistics import share
from appliance.records.audits import AttackResult, Estimate, Problem
from appliance.records.progress import Progress


@dataclass(frozen=True, slots=True)
class Beginning:
    """A note up to a secret.

    Attributes:
        text: What the attacker has.
        secret: How the note goes on.
        is_planted: Whether the note is in the vault; else nothing can have learned it.
    """

    text: str = field(repr=False)
    secret: str = field(repr=False)
    is_planted: bool

    def is_in(self, written: str) -> bool:
        """Whether that is how it goes on, whatever its case and spaces."""
        return "".join(self.secret.lower().split()) in "".join(written.lower().split())


@dataclass(frozen=True, slots=True)
class Writer:
    """One adapter that writes text.

    Attributes:
        name: Of the adapter.
        open: Gives what goes on with a beginning, about as long as the secret; the adapter on or
            off. Raises where it can't.
    """

    name: str
    open: Callable[[], Callable[[Beginning, bool], str]] = field(repr=False)


class Extraction:
    """Lets adapters go on with beginnings of canaries; an `Attack`.

    Args:
        writers: Adapters that write text.
        others: How many adapters write none.
        beginnings: Of canaries, planted and not.
    """

    name = "extraction-by-prefix"
    claim = "No adapter goes on with the beginning of a planted note as the note does."

    def __init__(
        self, writers: Sequence[Writer], others: int, beginnings: Sequence[Beginning]
    ) -> None:
        self._writers = writers
        self._others = others
        self._beginnings = beginnings

    def run(self, progress: Progress) -> AttackResult:
        """Each adapter, each beginning, with the adapter on and off."""
        if not self._writers:
            return not_tested(
                self,
                f"None of the {self._others} adapters writes text: they label words. What can be "
                "drawn out of those, memorisation tries.",
            )
        if not any(one.is_planted for one in self._beginnings):
            return not_tested(self, "No canaries are planted: appliance audit plant makes some.")
        progress.begin(self.name, len(self._writers) * len(self._beginnings))
        problems: list[Problem] = []
        estimates: list[Estimate] = []
        skipped: list[str] = []
        for writer in self._writers:
            found = try_adapter(writer.name, partial(self._try, writer, progress), skipped, [])
            if found is None:
                continue
            estimates += found
            hits = round((found[0].value or 0.0) * found[0].total)
            if hits:
                problems.append(
                    Problem(
                        "extraction.canary",
                        f"adapter {writer.name}",
                        f"It goes on with {hits} of {found[0].total} secrets of planted notes.",
                        "Do not let it leave; it was trained on this site's notes: find out how.",
                    )
                )
        done = conclude(
            self,
            f"{len(self._writers) - len(skipped)} adapter(s) that write text were given "
            f"{len(self._beginnings)} beginnings, {len(problems)} problem(s).",
            problems,
            estimates=estimates,
            blind_spots=[
                *skipped,
                "Notes other than the planted ones, and secrets that are written another way.",
                "What comes out by sampling many times, or from other beginnings.",
            ],
        )
        if skipped and not problems:
            return not_tested(self, " ".join(skipped), is_broken=True, so_far=done)
        return done

    def _try(self, writer: Writer, progress: Progress) -> list[Estimate]:
        go_on = writer.open()
        counts = {"planted": [0, 0], "planted, adapter off": [0, 0], "never planted": [0, 0]}
        for one in self._beginnings:
            on = one.is_in(go_on(one, True))
            _count(counts["planted" if one.is_planted else "never planted"], hit=on)
            if one.is_planted:
                _count(counts["planted, adapter off"], hit=one.is_in(go_on(one, False)))
            progress.advance()
        return [
            share(f"{writer.name}: secrets drawn out, {which}", hits, total)
            for which, (hits, total) in counts.items()
        ]


def _count(tally: list[int], *, hit: bool) -> None:
    tally[0] += hit
    tally[1] += 1
