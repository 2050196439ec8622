"""Re-identification: whether the facts in a text that could leave single out a patient.

The facts are what somebody who knows a patient could look for: age, sex, days, and the labelled
entities. For each text it is counted how many patients' notes hold all of its facts (k). Where it
is few, the text could be about one of them; by chance some are, and the control says how many: the
same texts with their ages and days dealt anew. What belongs together in medicine stays together.

Source: k-anonymity, Samarati & Sweeney 1998; smallest cell as in policies/disclosure.toml.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from appliance.audits.attack import conclude, not_tested
from appliance.audits.statistics import fisher_greater, share, shares_by_edge
from appliance.audits.texts import Facts, Notes, Outgoing, owner_of
from appliance.gate.normalisation import normalise
from appliance.records.audits import AttackResult, Chart, Estimate, Problem, Series
from appliance.records.progress import Progress

_AGE: Final = re.compile(r"\b(\d{1,3})[ -]?(?:years?|yrs?|y)[ -]?(?:old|o\b|/o)")
_AGED: Final = re.compile(r"\baged? (\d{1,3})\b")
_DAY: Final = re.compile(r"\b(?:\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{2,4})\b")
_SEX: Final = {
    "man": "male", "male": "male", "gentleman": "male", "boy": "male",
    "woman": "female", "female": "female", "lady": "female", "girl": "female",
}  # fmt: skip
_SEXES: Final = re.compile(rf"\b(?:{'|'.join(_SEX)})\b")
_ALPHA: Final = 0.001
_MOST_PAIRS: Final = 2_000
_TELLING: Final = ("age ", "day ")


class Reidentification:
    """Counts the patients that a text's facts fit, against facts dealt anew; an `Attack`.

    Args:
        outgoing: Texts that could leave.
        notes: The vault's.
        smallest: From so many patients on, nobody is singled out.
        seed: Of the dealing.
        extracted: Facts of each patient, by the findings that have them; these stay on the site,
            and it is told how many patients they single out.
    """

    name = "re-identification"
    claim = "The facts in a text that could leave single out no patient more often than by chance."

    def __init__(
        self,
        outgoing: Sequence[Outgoing],
        notes: Notes | None,
        smallest: int,
        seed: int = 0,
        extracted: Mapping[str, Facts] = MappingProxyType({}),
    ) -> None:
        self._extracted = extracted
        self._outgoing = outgoing
        self._notes = notes
        self._smallest = smallest
        self._seed = seed

    def run(self, progress: Progress) -> AttackResult:
        """All facts of all texts, looked up in all notes."""
        sets = [facts for one in self._outgoing if _could_tell(facts := facts_of(one))]
        if not sets:
            return self._without_texts(
                "No text that could leave holds an age or a day beside another fact."
            )
        if self._notes is None or not self._notes.count():
            return self._without_texts("There are no notes in the vault to compare with.")
        owners = self._find_owners({fact for facts in sets for fact in facts}, progress)
        dealt = _deal(sets, random.Random(self._seed))
        real, chance = ([_crowd(facts, owners) for facts in one] for one in (sets, dealt))
        return self._judge(real, chance)

    def _without_texts(self, why: str) -> AttackResult:
        """Not tested; what findings tell of patients is told all the same."""
        told = conclude(self, "findings are counted.", [], estimates=self._estimate_findings())
        return not_tested(self, why, so_far=told)

    def _estimate_findings(self) -> list[Estimate]:
        rng = random.Random(self._seed)
        return [
            estimate
            for name, people in sorted(self._extracted.items())
            if people
            for estimate in _singled_out(name, people, self._smallest, rng)
        ]

    def _find_owners(self, wanted: set[str], progress: Progress) -> dict[str, set[str]]:
        import ahocorasick

        automaton = ahocorasick.Automaton()
        for fact in wanted:
            automaton.add_word(fact, fact)
        automaton.make_automaton()
        owners: dict[str, set[str]] = {}
        assert self._notes is not None
        progress.begin(self.name, self._notes.count())
        for note in self._notes.stream():
            text = normalise(note.text).text.lower()
            said = {*_plain_facts(text), *_named(text, automaton)}
            for fact in said & wanted:
                owners.setdefault(fact, set()).add(owner_of(note))
            progress.advance()
        return owners

    def _judge(self, real: Sequence[int], chance: Sequence[int]) -> AttackResult:
        singled, by_chance = (
            sum(0 < crowd < self._smallest for crowd in group) for group in (real, chance)
        )
        probability = fisher_greater(singled, len(real), by_chance, len(chance))
        problems = []
        if singled and probability < _ALPHA:
            problems.append(
                Problem(
                    "re-identification.singled-out",
                    "corpora",
                    f"The facts of {singled} of {len(real)} texts fit 1 to {self._smallest - 1} "
                    f"patients, {by_chance} would by chance (p = {probability:.1e}).",
                    "Facts of real patients are in them: let none leave, find where they came in.",
                )
            )
        return conclude(
            self,
            f"Of {len(real)} texts with an age or a day, {singled} fit 1 to "
            f"{self._smallest - 1} patients of the vault; by chance {by_chance} would.",
            problems,
            estimates=[
                *_estimates(singled, by_chance, real, chance, self._smallest),
                *self._estimate_findings(),
            ],
            blind_spots=[
                "Facts that are not labelled and are neither age, sex nor date.",
                "What other sources know about the same people.",
                "Texts without an age or a day: a rare diagnosis alone can be enough.",
            ],
            charts=[_chart(real, chance, self._smallest)],
        )


def facts_of(outgoing: Outgoing) -> frozenset[str]:
    """What somebody who knows a patient could look for in that text."""
    return frozenset({*_plain_facts(normalise(outgoing.text).text.lower()), *outgoing.facts})


def _plain_facts(text: str) -> Iterator[str]:
    for pattern in (_AGE, _AGED):
        yield from (f"age {match[1]}" for match in pattern.finditer(text))
    yield from (f"day {match[0]}" for match in _DAY.finditer(text))
    yield from (f"sex {_SEX[match[0]]}" for match in _SEXES.finditer(text))


def _named(text: str, automaton: object) -> Iterator[str]:
    for last, fact in automaton.iter(text):  # type: ignore[attr-defined]
        first = last - len(fact) + 1
        before = text[first - 1 : first]
        after = text[last + 1 : last + 2]
        if not before.isalnum() and not after.isalnum():
            yield fact


def _crowd(facts: frozenset[str], owners: dict[str, set[str]]) -> int:
    """How many patients all of the facts fit."""
    return len(set.intersection(*(owners.get(fact, set()) for fact in facts)))


def _singled_out(name: str, people: Facts, smallest: int, rng: random.Random) -> Iterator[Estimate]:
    """How many patients one fact, and two of their facts drawn by lot, leave in a small crowd."""
    having: dict[str, set[int]] = {}
    for number, facts in enumerate(people):
        for fact in facts:
            having.setdefault(fact, set()).add(number)
    rare = sum(any(len(having[fact]) < smallest for fact in facts) for facts in people)
    several = [sorted(facts) for facts in people if len(facts) > 1]
    tried = rng.sample(several, min(_MOST_PAIRS, len(several)))
    pairs = [rng.sample(facts, 2) for facts in tried]
    alone = sum(len(having[one] & having[other]) < smallest for one, other in pairs)
    few = f"that fewer than {smallest} have"
    rows = (f"a fact {few}", rare, len(people)), (f"two facts {few} together", alone, len(pairs))
    for what, count, total in rows:
        if total < smallest:
            # How many there are is a small count of patients itself.
            continue
        told = share(f"findings {name}: patients with {what}", count, total)
        # A small count of patients is not told.
        yield replace(told, value=None, low=None, high=None) if 0 < count < smallest else told


def _could_tell(facts: frozenset[str]) -> bool:
    """Whether there is an age or a day, and something that goes with it."""
    telling = sum(fact.startswith(_TELLING) for fact in facts)
    return 0 < telling < len(facts)


def _deal(sets: Sequence[frozenset[str]], rng: random.Random) -> list[frozenset[str]]:
    """The same sets, their ages and days dealt anew, as if these were of anybody."""
    telling = [sorted(fact for fact in facts if fact.startswith(_TELLING)) for facts in sets]
    order = list(range(len(sets)))
    rng.shuffle(order)
    return [
        frozenset({fact for fact in facts if not fact.startswith(_TELLING)} | {*telling[other]})
        for facts, other in zip(sets, order, strict=True)
    ]


def _estimates(
    singled: int, by_chance: int, real: Sequence[int], chance: Sequence[int], smallest: int
) -> list[Estimate]:
    least = min((crowd for crowd in real if crowd), default=0)
    return [
        share("texts whose facts fit few patients", singled, len(real)),
        share("the same with ages and days dealt anew", by_chance, len(chance)),
        Estimate(
            "smallest crowd that a text's facts fit",
            # A small count is not told; the line stays.
            None if 0 < least < smallest else float(least),
            None,
            None,
            len(real),
            "patients",
        ),
    ]


def _chart(real: Sequence[int], chance: Sequence[int], smallest: int) -> Chart:
    edges = sorted({0, 1, 2, 5, smallest, 10 * smallest})

    names = [
        "nobody",
        *(f"{low} to {high - 1}" for low, high in pairwise(edges[1:])),
    ]
    names[1] = "1"
    places = tuple(float(at) for at in range(len(edges)))
    return Chart(
        "histogram",
        "How many patients the facts of a text fit, and with ages and days dealt anew.",
        "patients",
        "share of texts",
        (Series("texts that could leave", places, shares_by_edge(real, edges)),
         Series("ages and days dealt anew", places, shares_by_edge(chance, edges))),
        (*names, f"{edges[-1]}+"),
    )  # fmt: skip
