"""The live gateway: planted identifiers, written and in disguise, are stopped at the door.

`evasion` asks a gate that the audit opened itself. The gateway that runs has one of its own: opened
another day, by another user, perhaps of another release. It is asked about canaries only: what it
let pass by mistake would be nobody's.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from appliance.audits.attack import conclude, not_tested
from appliance.audits.evasion import AS_WRITTEN, DISGUISES, MOST_DISGUISED, SENTENCES
from appliance.audits.statistics import share
from appliance.records.audits import AttackResult, Problem
from appliance.records.progress import Progress

PAYLOADS: Final = 200
Asker = Callable[[str], bool]


class LiveGateway:
    """Asks the running gateway about canaries; an `Attack`.

    Args:
        values: Identifiers of planted patients.
        ask: Says whether the gateway would let a text pass, by a way that can't send it, and
            raises where it does not answer; or why there is nobody to ask.
        payloads: How many texts.
        seed: Of their choice.
    """

    name = "live-gateway"
    claim = "The gateway that runs stops planted identifiers as written, and 99 in 100 disguised."

    def __init__(
        self, values: Sequence[str], ask: Asker | str, payloads: int = PAYLOADS, seed: int = 0
    ) -> None:
        self._values = values
        self._ask = ask
        self._payloads = payloads
        self._rng = random.Random(seed)

    def run(self, progress: Progress) -> AttackResult:
        """One question for each text; every second one is as written."""
        ask = self._ask
        if isinstance(ask, str):
            return not_tested(self, ask)
        if not self._values:
            return not_tested(self, "No canaries are planted: appliance audit plant makes some.")
        texts = self._make()
        progress.begin(self.name, len(texts))
        tried, passed = Counter(way for way, _ in texts), Counter[str]()
        for way, text in texts:
            passed[way] += ask(text)
            progress.advance()
        return self._judge(tried, passed)

    def _make(self) -> list[tuple[str, str]]:
        plain = [(AS_WRITTEN, value) for value in self._values]
        hidden = [*product([way for way in DISGUISES if way != AS_WRITTEN], self._values)]
        self._rng.shuffle(hidden)
        turns = [(plain[at % len(plain)], hidden[at % len(hidden)]) for at in range(self._payloads)]
        return [
            (way, self._rng.choice(SENTENCES).format(DISGUISES[way](value)))
            for way, value in [one for turn in turns for one in turn][: self._payloads]
        ]

    def _judge(self, tried: Counter[str], passed: Counter[str]) -> AttackResult:
        total, plain = tried.total(), tried[AS_WRITTEN]
        hidden = passed.total() - passed[AS_WRITTEN]
        is_too_many = hidden > MOST_DISGUISED * (total - plain)
        return conclude(
            self,
            f"{passed.total()} of {total} canaries would have passed, {passed[AS_WRITTEN]} of "
            f"{plain} as written.",
            [
                Problem(
                    "live-gateway.passed",
                    f"gateway, {way}",
                    f"{count} of {tried[way]} canaries would have passed so.",
                    "Start the gateway again, so that it has today's patients and policies; where "
                    "that does not help, see `evasion`.",
                )
                for way, count in sorted(passed.items())
                if count and (way == AS_WRITTEN or is_too_many)
            ],
            estimates=[
                share("canaries that would have passed as written", passed[AS_WRITTEN], plain),
                share("canaries that would have passed in disguise", hidden, total - plain),
            ],
            blind_spots=[
                "Identifiers of real patients: the gateway's process is asked about nobody.",
                "Another program that has a way out.",
            ],
        )
