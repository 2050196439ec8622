"""Attacks that look at what stands: the ledger, where products came from, what the doctor sees."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.audits.attack import conclude, not_tested
from appliance.audits.statistics import share
from appliance.errors import ApplianceError
from appliance.ledger.examination import Examination
from appliance.records.audits import AttackResult, Estimate, Problem
from appliance.records.events import Event
from appliance.records.progress import Progress

_ALONE: Final = (
    "That the whole ledger, head included, was put back to an older state or written anew: a "
    "machine alone can't notice that. Give --witness."
)
_PASS: Final = frozenset({"pass", "skip", "warn"})
# Of the machine: swap, memory dumps, a user of its own, telemetry, ways out.
_OF_THE_MACHINE: Final = frozenset({"HOST007", "HOST008", "HOST010", "HOST013", "HOST014"})


class Sound:
    """Recomputes the ledger, with heads that were kept elsewhere; an `Attack`.

    Args:
        examine: Reads all of it.
        witnesses: How many heads kept elsewhere it is compared with.
    """

    name = "ledger"
    claim = "Nobody changed, removed, added or reordered what is on record."

    def __init__(self, examine: Callable[[], Examination], witnesses: int) -> None:
        self._examine = examine
        self._witnesses = witnesses

    def run(self, progress: Progress) -> AttackResult:
        """Every entry, tag, root and head."""
        del progress
        found = self._examine()
        problems = [
            Problem(
                f"ledger.{fault.kind}",
                f"ledger entry {fault.entry}" if fault.entry is not None else "ledger",
                fault.what,
                "Keep a copy of the ledger directory, and find out who changed it.",
            )
            for fault in found.faults
        ]
        alone = "no head kept elsewhere" if not self._witnesses else f"{self._witnesses} kept heads"
        return conclude(
            self,
            f"{found.entries} entries recomputed, {len(found.faults)} faults, {alone} compared.",
            problems,
            estimates=[share("entries at fault", min(len(problems), found.entries), found.entries)],
            blind_spots=[] if self._witnesses else [_ALONE],
        )


@dataclass(frozen=True, slots=True)
class Product:
    """A corpus or adapter as it lies on disk.

    Attributes:
        kind: "corpus" or "adapter".
        name: Of its directory.
        check: Reads every byte; gives the manifest's digest or raises.
        strays: Files in it that its manifest does not name.
        made_of: Digest of the corpus that its card names; "" for a corpus.
    """

    kind: str
    name: str
    check: Callable[[], str]
    strays: int = 0
    made_of: str = ""


class Provenance:
    """Compares what lies in the site with what the ledger says was made; an `Attack`.

    Args:
        products: Corpora and adapters.
        events: The ledger's.
    """

    name = "provenance"
    claim = "Every corpus and adapter is, to the byte, one that the ledger says was made here."

    def __init__(self, products: Sequence[Product], events: Sequence[Event]) -> None:
        self._products = products
        self._made = {
            str(event.facts[key])
            for event in events
            for key in ("digest", "adapter_digest")
            if event.kind in {"corpus.written", "corpus.revised", "adapter.trained"}
            and key in event.facts
        }

    def run(self, progress: Progress) -> AttackResult:
        """Each manifest against its files and against the ledger."""
        if not self._products:
            return not_tested(self, "There is neither a corpus nor an adapter.")
        progress.begin(self.name, len(self._products))
        problems = []
        for product in self._products:
            problems += self._judge(product)
            progress.advance()
        return conclude(
            self,
            f"{len(self._products)} corpora and adapters, {len(problems)} problems.",
            problems,
            estimates=[
                share(
                    "products that are not what was made",
                    len({problem.where for problem in problems}),
                    len(self._products),
                )
            ],
            blind_spots=["What was made elsewhere from an export, and is not in this site."],
        )

    def _judge(self, product: Product) -> list[Problem]:
        where = f"{product.kind} {product.name}"
        try:
            digest = product.check()
        except ApplianceError as error:
            fix = error.next_step or "Make it again."
            return [Problem("provenance.bytes", where, error.what, fix)]
        problems = []
        if digest not in self._made:
            problems.append(
                Problem(
                    "provenance.unknown",
                    where,
                    "The ledger has no event that made it as it is.",
                    "Let it not leave; find out who put it there, and make it again.",
                )
            )
        if product.strays:
            problems.append(
                Problem(
                    "provenance.stray",
                    where,
                    f"{product.strays} file(s) lie in it that its manifest does not name.",
                    "Look at them, find out who put them there, and take them out.",
                )
            )
        if product.made_of and product.made_of not in self._made:
            problems.append(
                Problem(
                    "provenance.unknown-corpus",
                    where,
                    "It was trained on a corpus that the ledger does not know.",
                    "Let it not leave; train it again on a corpus that was made here.",
                )
            )
        return problems


@dataclass(frozen=True, slots=True)
class Check:
    """One of the doctor's checks and what it came to: id, title, status, evidence, fix."""

    check_id: str
    title: str
    status: str
    evidence: str
    fix: str


class Safeguards:
    """The doctor's checks of the site: modes, keys, policies, routes; an `Attack`.

    Args:
        checks: All that were made.
        policies: Digest of policies to the first entry under it.
    """

    name = "safeguards"
    claim = "Keys, modes, policies, routes and machine are at least as strict as the product asks."

    def __init__(self, checks: Sequence[Check], policies: Mapping[str, int]) -> None:
        self._checks = [
            check
            for check in checks
            if check.check_id.startswith("SITE") or check.check_id in _OF_THE_MACHINE
        ]
        self._policies = policies

    def run(self, progress: Progress) -> AttackResult:
        """What fails, or could not be looked at."""
        del progress
        problems = [
            Problem(f"safeguards.{check.check_id}", check.title, check.evidence, check.fix)
            for check in self._checks
            if check.status not in _PASS
        ]
        warned = sum(check.status == "warn" for check in self._checks)
        return conclude(
            self,
            f"{len(self._checks)} checks of site and machine, {len(problems)} failed, {warned} "
            f"warn; {len(self._policies)} version(s) of the policies were in force.",
            problems,
            estimates=[
                share("checks that fail", len(problems), len(self._checks)),
                Estimate(
                    "versions of the policies",
                    float(len(self._policies)),
                    None,
                    None,
                    len(self._policies),
                    "count",
                ),
            ],
            blind_spots=[
                "Policies that were looser for a while and are strict again.",
                *(
                    f"{check.check_id} warns and fails nothing: {check.evidence}"
                    for check in self._checks
                    if check.status == "warn"
                ),
            ],
        )
