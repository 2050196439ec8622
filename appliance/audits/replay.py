"""Replay: everything that was ever sent is accounted for, by records that different rooms keep.

The ledger was written before a prompt left, the journal when its answer came, the gateway when it
opened the door; the provider keeps a count of its own. Who sends past one of them is found by the
others.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance.audits.attack import conclude
from appliance.audits.kernel import (
    Asked,
    Kernel,
    judge_kernel,
    kernel_blind_spots,
    kernel_estimates,
)
from appliance.audits.statistics import share
from appliance.gate.clearance import is_stamped
from appliance.records.audits import AttackResult, Estimate, Problem
from appliance.records.events import Event
from appliance.records.progress import Progress
from appliance.records.prompts import Route

_IDENTIFIER: Final = "identifier"


@dataclass(frozen=True, slots=True)
class JournalView:
    """One journal as it lies on disk.

    Attributes:
        name: Of the corpus.
        intents: Key of each request that was begun, to its draft.
        answers: Key of each request that was answered, to draft and route.
    """

    name: str
    intents: Mapping[str, str]
    answers: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is reconciled.

    Attributes:
        events: The ledger's, in order.
        journals: All of them.
        stamp_key: Checks the gate's stamps.
        is_latched: Whether the gateway's door is latched now.
        provider_requests: What the provider has counted; None where nobody asked it.
        provider_since: From which day on it has, ISO 8601, UTC; "" for the beginning.
        unreadable: Names of journals that can't be read.
        kernel: What the firewall has counted; None where nobody asked it.
    """

    events: Sequence[Event]
    journals: Sequence[JournalView]
    stamp_key: Ed25519PublicKey
    is_latched: bool = False
    provider_requests: int | None = None
    provider_since: str = ""
    unreadable: Sequence[str] = ()
    kernel: Kernel | None = None


@dataclass(slots=True)
class _Account:
    """The ledger's side, by what happened to each draft and request."""

    sent: dict[str, set[str]] = field(default_factory=dict)
    events_sent: int = 0
    stamped: int = 0
    forged: list[int] = field(default_factory=list)
    denied: dict[tuple[str, str], int] = field(default_factory=dict)
    denied_and_sent: list[int] = field(default_factory=list)
    intended: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    asked_of_provider: int = 0
    answered_by_provider: int = 0
    strangers: list[int] = field(default_factory=list)


class Replay:
    """Reconciles ledger, journals, gateway and, where it was asked, provider; an `Attack`."""

    name = "replay"
    claim = "Every prompt that ever left was cleared, stamped and on record before it left."

    def __init__(self, evidence: Evidence) -> None:
        self._with = evidence

    def run(self, progress: Progress) -> AttackResult:
        """Every draft of every journal in the ledger, every stamp checked again."""
        del progress
        account, kernel = self._read_ledger(), self._with.kernel
        asked, lost = self._asked(kernel) if kernel else None, self._unjournalled(account)
        problems = [
            *self._judge_stamps(account),
            *self._judge_journals(account),
            *self._judge_gateway(account),
            *self._judge_provider(account),
            *(judge_kernel(kernel, asked) if kernel and asked else ()),
        ]
        answers = sum(len(journal.answers) for journal in self._with.journals)
        return conclude(
            self,
            f"{account.events_sent} sendings and {len(account.intended)} requests to a provider on "
            f"record, {answers} answers in {len(self._with.journals)} journals, "
            f"{len(problems)} of them unaccounted for.",
            problems,
            estimates=self._estimates(account, answers, asked, lost),
            blind_spots=self._blind_spots(account, asked, lost),
        )

    def _read_ledger(self) -> _Account:
        account = _Account()
        for number, event in enumerate(self._with.events):
            facts = event.facts
            if event.kind == "prompt.sent":
                self._take_sent(account, number, event)
            elif event.kind == "prompt.denied" and facts.get("rule") == _IDENTIFIER:
                account.denied[str(facts.get("draft")), event.policy_digest] = number
            elif event.kind == "egress.intended":
                account.intended[str(facts.get("request"))] = str(facts.get("draft", ""))
                account.asked_of_provider += event.at >= self._with.provider_since
            elif event.kind in {"egress.answered", "egress.failed"}:
                request = str(facts.get("request"))
                account.outcomes[event.kind] += 1
                is_counted = event.kind == "egress.answered" and request in account.intended
                account.answered_by_provider += is_counted and event.at >= self._with.provider_since
                if request not in account.intended:
                    account.strangers.append(number)
        return account

    def _take_sent(self, account: _Account, number: int, event: Event) -> None:
        draft, route = str(event.facts.get("draft")), str(event.facts.get("route"))
        account.events_sent += 1
        account.sent.setdefault(draft, set()).add(route)
        if (draft, event.policy_digest) in account.denied:
            account.denied_and_sent.append(number)
        if "stamp" in event.facts:
            account.stamped += 1
            if not is_stamped(event.facts, event.policy_digest, self._with.stamp_key):
                account.forged.append(number)

    def _judge_stamps(self, account: _Account) -> Iterator[Problem]:
        for number in account.forged:
            yield Problem(
                "replay.forged-stamp",
                f"ledger entry {number}",
                "A prompt was sent under a stamp that the gate did not give for it.",
                "Find out which program wrote that event, and what it sent.",
            )
        for number in account.denied_and_sent:
            yield Problem(
                "replay.denied-and-sent",
                f"ledger entry {number}",
                "A draft was sent that the gate had denied under the same policies.",
                "Find out who cleared it: `appliance ledger prove` shows both events.",
            )

    def _judge_journals(self, account: _Account) -> Iterator[Problem]:
        for name in self._with.unreadable:
            yield Problem(
                "replay.unreadable",
                f"journal {name}",
                "It can't be read: what was asked for it is not accounted for.",
                "Restore it from a backup.",
            )
        for journal in self._with.journals:
            unrecorded = [
                draft
                for draft, route in journal.answers.values()
                if route not in account.sent.get(draft, ())
            ]
            unrecorded += [
                draft
                for key, draft in journal.intents.items()
                if key not in journal.answers and draft not in account.sent
            ]
            if unrecorded:
                yield Problem(
                    "replay.sent-without-record",
                    f"journal {journal.name}",
                    f"{len(unrecorded)} prompt(s) were sent that the ledger does not know; the "
                    f"first is draft {unrecorded[0]}.",
                    "Entries were removed, or something sends past the ledger: find out which.",
                )
            without = sum(key not in journal.intents for key in journal.answers)
            if without:
                yield Problem(
                    "replay.answer-without-intent",
                    f"journal {journal.name}",
                    f"{without} answer(s) belong to no request that was begun.",
                    "Somebody wrote into the journal: do not use the corpus made from it.",
                )

    def _judge_gateway(self, account: _Account) -> Iterator[Problem]:
        cloud = Route.CHATGPT.value
        known = set(account.intended.values())
        past = [
            draft
            for journal in self._with.journals
            for draft, route in journal.answers.values()
            if route == cloud and draft not in known
        ]
        if past:
            yield Problem(
                "replay.past-the-gateway",
                "journals",
                f"{len(past)} answer(s) of a provider came by another way than the gateway; the "
                f"first is to draft {past[0]}.",
                "Something on this machine has a way out and a key: take both away.",
            )
        unstamped = [draft for draft in known if draft and cloud not in account.sent.get(draft, ())]
        if unstamped:
            yield Problem(
                "replay.unknown-draft",
                "gateway",
                f"{len(unstamped)} draft(s) left by the gateway that the generator never sent; "
                f"the first is {unstamped[0]}.",
                "Find out which program called the gateway with them.",
            )
        for number in account.strangers:
            yield Problem(
                "replay.answered-unasked",
                f"ledger entry {number}",
                "A provider answered a request that the ledger does not have.",
                "Entries were removed: compare with a head kept elsewhere.",
            )
        if self._with.is_latched:
            yield Problem(
                "replay.latched",
                "gateway",
                "The gateway shut itself because its counts did not agree.",
                "Find out why, then run `appliance gateway open --reason CODE`.",
            )

    def _judge_provider(self, account: _Account) -> Iterator[Problem]:
        counted, asked = self._with.provider_requests, account.asked_of_provider
        if counted is None:
            return
        answered = account.answered_by_provider
        if counted > asked:
            yield Problem(
                "replay.provider-counted-more",
                "provider",
                f"The provider counts {counted} requests, the ledger {asked}: {counted - asked} "
                "were sent outside the gateway.",
                "Have the provider's key replaced, and find out who else used it.",
            )
        elif counted < answered:
            yield Problem(
                "replay.provider-counted-less",
                "provider",
                f"The provider counts {counted} requests, the ledger has {answered} answered.",
                "Ask the provider for the same period and key; else the events are invented.",
            )

    def _asked(self, kernel: Kernel) -> Asked:
        """What the ledger has of the time that the firewall has counted."""
        events = [one for one in self._with.events if one.at >= kernel.since]
        sizes = [one.facts.get("bytes") for one in events if one.kind == "egress.intended"]
        return Asked(
            len(sizes),
            # A line that was tampered with may hold anything.
            sum(size for size in sizes if isinstance(size, int)),
            sum(one.kind == "egress.answered" for one in events),
        )

    def _estimates(
        self, account: _Account, answers: int, asked: Asked | None, lost: int
    ) -> list[Estimate]:
        forged, sent, kernel = len(account.forged), len(account.sent), self._with.kernel
        outcomes = account.outcomes.total() - len(account.strangers)
        return [
            share("stamps that are not good", forged, account.stamped),
            share(
                "sendings without a stamp on record",
                account.events_sent - account.stamped,
                account.events_sent,
            ),
            share("sendings that no journal here knows", lost, sent),
            Estimate("answers accounted for", float(answers), None, None, answers, "count"),
            Estimate(
                "requests to a provider without an outcome",
                float(len(account.intended) - outcomes),
                None,
                None,
                len(account.intended),
                "count",
            ),
            *(kernel_estimates(kernel, asked) if kernel and asked else ()),
        ]

    def _unjournalled(self, account: _Account) -> int:
        """Drafts on record as sent whose journal is gone."""
        known = {draft for journal in self._with.journals for draft in journal.intents.values()}
        known |= {draft for one in self._with.journals for draft, _ in one.answers.values()}
        return len(account.sent.keys() - known)

    def _blind_spots(self, account: _Account, asked: Asked | None, lost: int) -> list[str]:
        elsewhere = (
            "A program that has a route out and a key of its own, and never touches this site: "
            "only the firewall's counters and the provider see it."
        )
        spots = [elsewhere]
        if self._with.kernel and asked:
            spots += kernel_blind_spots(self._with.kernel, asked)
        elif account.intended:
            spots.append("Packets past the gateway: no --kernel-counters was given.")
        if self._with.provider_requests is None and account.intended:
            spots.append("Requests past the gateway: no --provider-requests was given.")
        elif account.outcomes["egress.failed"]:
            spots.append(
                f"Up to {account.outcomes['egress.failed']} requests past the gateway: so many of "
                "its own failed, and the provider may have counted none of these."
            )
        if lost:
            spots.append(
                f"{lost} drafts on record as sent are in no journal that is here: no attack looked "
                "at what was answered to them."
            )
        if account.events_sent > account.stamped:
            spots.append(
                f"{account.events_sent - account.stamped} sendings are from before stamps were "
                "kept in the ledger; theirs can't be checked again."
            )
        return spots
