"""Evasion: registered identifiers, as written and in disguise, are all stopped by today's gate."""

import base64
import json
import random
import string
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from appliance.audits.attack import conclude, not_tested
from appliance.audits.statistics import share
from appliance.records.audits import AttackResult, Chart, Estimate, Problem, Series
from appliance.records.notes import PatientIdentifier
from appliance.records.progress import Progress
from appliance.records.verdicts import Decision, Verdict

AS_WRITTEN: Final = "as written"
_BATCH: Final = 64
# Said before anything was measured: the share of disguised identifiers that may pass.
MOST_DISGUISED: Final = 0.01
SENTENCES: Final = (
    "Please write a sentence about {} and the fever.",
    "The chart shows {} at the top.",
    "{} came in with a cough.",
    "Write about a person with gout, {}, who takes allopurinol.",
)
# A house's town or ZIP code alone names nobody; beside anything else the index counts it.
_ALONE: Final = frozenset({"city", "town", "state", "zip", "country"})
_SHORTEST: Final = 5
_LETTERS: Final = string.ascii_letters
_ROT13: Final = str.maketrans(
    _LETTERS, "".join(chr((ord(c) & 96) + (ord(c) % 32 + 12) % 26 + 1) for c in _LETTERS)
)
_CYRILLIC: Final = str.maketrans("aeopcxyiABEKMHOPCTX", "аеорсхуіАВЕКМНОРСТХ")
_WIDE: Final = {number: number + 0xFEE0 for number in range(0x21, 0x7F)}

Disguise = Callable[[str], str]
DISGUISES: Final[Mapping[str, Disguise]] = {
    AS_WRITTEN: str,
    "upper case": str.upper,
    "lower case": str.lower,
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "full width": lambda text: text.translate(_WIDE),
    "Cyrillic look-alikes": lambda text: text.translate(_CYRILLIC),
    "combining marks": lambda text: "".join(c + "\u0301" if c.isalpha() else c for c in text),
    "spaced out": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "dots between": lambda text: ". .".join(".".join(word) for word in text.split()),
    "a letter a line": "\n".join,
    "tags between words": lambda text: "".join(f"<p>{word}</p>" for word in text.split()),
    "character entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "percent signs": lambda text: urllib.parse.quote(text, safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "JSON": lambda text: json.dumps({"a": {"value": text}, "n": 1}),
    "rot13": lambda text: text.translate(_ROT13),
    "reversed": lambda text: text[::-1],
}


class Inspector(Protocol):
    """The gate, as the attack needs it: it rules, and records nothing."""

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """The verdict on each text, in order."""


class Evasion:
    """Sends disguised identifiers into the gate, which is the gateway's too; an `Attack`.

    Args:
        identifiers: Of registered patients.
        gate: Today's.
        payloads: How many are tried.
        seed: Of the choice.
    """

    name = "evasion"
    claim = "No registered identifier passes the gate as written, and 1 in 100 disguised at most."

    def __init__(
        self,
        identifiers: Sequence[PatientIdentifier],
        gate: Inspector | None,
        payloads: int,
        seed: int = 0,
    ) -> None:
        self._known = [
            item
            for item in identifiers
            if item.kind not in _ALONE and sum(map(str.isalnum, item.value)) >= _SHORTEST
        ]
        self._gate = gate
        self._payloads = payloads
        self._rng = random.Random(seed)

    def run(self, progress: Progress) -> AttackResult:
        """One verdict for each payload; kinds of identifiers and disguises take turns."""
        if self._gate is None:
            return not_tested(self, "The gate does not open, so nothing can leave either.")
        if not self._known:
            return not_tested(self, "No patient is registered: `appliance patients import FILE`.")
        tried = list(self._make())
        progress.begin(self.name, len(tried))
        passed: Counter[tuple[str, str]] = Counter()
        for first in range(0, len(tried), _BATCH):
            batch = tried[first : first + _BATCH]
            verdicts = self._gate.inspect_many([text for *_, text in batch], only_decide=True)
            for (way, kind, _), verdict in zip(batch, verdicts, strict=True):
                passed[way, kind] += verdict.decision is Decision.ALLOW
            progress.advance(len(batch), f"{passed.total()} passed")
        return self._judge(Counter((way, kind) for way, kind, _ in tried), passed)

    def _make(self) -> list[tuple[str, str, str]]:
        by_kind: dict[str, list[str]] = defaultdict(list)
        for item in self._known:
            by_kind[item.kind].append(item.value)
        ways = [way for way in DISGUISES if way != AS_WRITTEN]
        made = []
        for number in range(self._payloads):
            kind = sorted(by_kind)[number % len(by_kind)]
            # Every second one as written: what the rows of Safe Harbor are counted by.
            turn, at = divmod(number, len(by_kind))
            way = ways[(turn // 2 + at) % len(ways)] if turn % 2 else AS_WRITTEN
            value = DISGUISES[way](self._rng.choice(by_kind[kind]))
            made.append((way, kind, self._rng.choice(SENTENCES).format(value)))
        return made

    def _judge(
        self, tried: Counter[tuple[str, str]], passed: Counter[tuple[str, str]]
    ) -> AttackResult:
        total, through = tried.total(), passed.total()
        disguised = sum(count for (way, _), count in tried.items() if way != AS_WRITTEN)
        hidden = sum(count for (way, _), count in passed.items() if way != AS_WRITTEN)
        is_too_many = hidden > MOST_DISGUISED * disguised
        problems = [
            Problem(
                "evasion.passed",
                f"{kind}, {way}",
                f"{count} of {tried[way, kind]} identifiers of this kind passed the gate so.",
                "Register the identifier's format in policies/identifiers.toml, or import the "
                "registry again; then run the audit again.",
            )
            for (way, kind), count in sorted(passed.items())
            if count and (way == AS_WRITTEN or is_too_many)
        ]
        return conclude(
            self,
            f"{through} of {total} identifiers passed, in {len(DISGUISES)} disguises, of "
            f"{len({kind for _, kind in tried})} kinds.",
            problems,
            estimates=_estimates(tried, passed),
            blind_spots=[
                "Disguises that nobody here has thought of.",
                "Identifiers of people whom the registry does not know.",
                "The gate of the gateway's own process: `live-gateway` asks that one.",
            ],
            charts=[_chart(tried, passed)],
        )


def _estimates(tried: Counter[tuple[str, str]], passed: Counter[tuple[str, str]]) -> list[Estimate]:
    kinds = sorted({kind for _, kind in tried})
    stopped = [
        share(
            f"stopped as written: {kind}",
            tried[AS_WRITTEN, kind] - passed[AS_WRITTEN, kind],
            tried[AS_WRITTEN, kind],
        )
        for kind in kinds
    ]
    holes = [
        share(f"passed, {way}: {kind}", count, tried[way, kind])
        for (way, kind), count in sorted(passed.items())
        if count and way != AS_WRITTEN
    ]
    return [share("identifiers that passed", passed.total(), tried.total()), *holes, *stopped]


def _chart(tried: Counter[tuple[str, str]], passed: Counter[tuple[str, str]]) -> Chart:
    ways = list(DISGUISES)
    rates = [
        share(
            way,
            sum(count for (one, _), count in passed.items() if one == way),
            sum(count for (one, _), count in tried.items() if one == way),
        )
        for way in ways
    ]
    places = tuple(float(at) for at in range(len(ways)))
    return Chart(
        "bounds",
        "Share of identifiers that passed, by disguise, with its 95 % interval.",
        "share that passed",
        "",
        (
            Series("low", places, tuple(rate.low or 0.0 for rate in rates)),
            Series("found", places, tuple(rate.value or 0.0 for rate in rates)),
            Series(
                "high", places, tuple(1.0 if rate.high is None else rate.high for rate in rates)
            ),
        ),
        tuple(ways),
    )
