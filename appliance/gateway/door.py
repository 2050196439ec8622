"""The door: one request from its bytes to an inspected reply; any doubt or error denies."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.errors import ApplianceError
from appliance.gateway.clearing import Clearing
from appliance.gateway.counting import Counts, Latch
from appliance.gateway.inspecting import Inspection
from appliance.gateway.metering import Meters
from appliance.gateway.provider import Reply
from appliance.gateway.quarantine import Quarantine
from appliance.gateway.quotas import Quotas, worst_case
from appliance.gateway.reading import Asked, read_request
from appliance.gateway.recording import INTENDED, Recording
from appliance.gateway.refusals import Refused, Rule
from appliance.gateway.replies import Told, read_reply
from appliance.records.events import Fact
from appliance.settings.gateway import CallerRule, GatewayPolicy
from appliance.settings.keys import pseudonym
from appliance.spending.purse import Amount

_BUSY_WAIT_S: Final = 1.0
# A gate takes some seconds to load.
_LOADING_WAIT_S: Final = 5.0
# Whether these were charged is not known; all other failures cost nothing.
_PERHAPS_CHARGED: Final = frozenset(
    {"no-answer", "closed", "encoded", "too-large", "not-understood"}
)


class Asker(Protocol):
    """The provider, as the door needs it."""

    async def ask(self, body: bytes) -> Reply:
        """The provider's reply; raises `Refused` where there is none."""


@dataclass(frozen=True, slots=True)
class Fittings:
    """What the door works with.

    Attributes:
        policy: `gateway.toml`.
        clearing: Checks stamps.
        inspection: The gate.
        quotas: What callers may use.
        recording: The ledger.
        quarantine: For replies that are incidents.
        meters: Metrics.
        counts: What must agree.
        latch: Shuts the door.
        is_fresh: Whether policies and patient index are still those that were loaded.
        body_key: Bodies are named by a keyed hash in the ledger.
    """

    policy: GatewayPolicy
    clearing: Clearing
    inspection: Inspection
    quotas: Quotas
    recording: Recording
    quarantine: Quarantine
    meters: Meters
    counts: Counts
    latch: Latch
    is_fresh: Callable[[], bool]
    body_key: bytes


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that went through, and its inspected reply."""

    request_id: str
    asked: Asked
    told: Told


@dataclass(slots=True)
class _Passage:
    """How far one request has come; decides how it is counted."""

    request_id: str
    caller: CallerRule
    draft: str = ""
    reservation: str = ""
    is_accepted: bool = False
    is_sent: bool = False


class Door:
    """Lets requests through, or not.

    Args:
        fittings: What it works with.
        provider: Who is asked.
    """

    def __init__(self, fittings: Fittings, provider: Asker) -> None:
        self._with = fittings
        self._provider = provider
        self._slots = asyncio.Semaphore(fittings.policy.limits.max_in_flight)
        self._waiting = 0
        self._was_shut = False

    async def ask(self, caller: CallerRule, raw: bytes, clearance: str) -> Passed:
        """The inspected reply to a request that policy and gate allow.

        Args:
            caller: Whose it is.
            raw: The body, as it came.
            clearance: Value of the clearance header, "" without one.

        Raises:
            Refused: Anything else; nothing leaves that is not in the ledger.
        """
        self._check_latch()
        passage = _Passage(f"chatcmpl-{secrets.token_hex(12)}", caller)
        async with self._counted(passage):
            try:
                async with self._admitted(caller):
                    asked = await self._let_in(passage, raw, clearance)
                    return await self._send(passage, asked)
            except ApplianceError:
                raise Refused(Rule.RECORD) from None

    async def examine(self, caller: CallerRule, raw: bytes) -> Rule | None:
        """The same as `would_refuse`, to a caller; costs him as much of what he may use.

        Raises:
            Refused: Not now, or not so often.
        """
        self._check_latch()
        async with self._admitted(caller):
            self._check_fresh()
            return await self.would_refuse(raw)

    async def would_refuse(self, raw: bytes) -> Rule | None:
        """The rule by which the door would refuse that body; None where it would not.

        Reads and inspects as `ask` does, and can't send.
        """
        try:
            await self._inspect(read_request(raw, self._with.policy.models).texts)
        except Refused as refused:
            return refused.rule
        return None

    async def _let_in(self, passage: _Passage, raw: bytes, clearance: str) -> Asked:
        """Policy and gate allow the request, and what it can cost is set aside."""
        try:
            self._check_fresh()
            asked = read_request(raw, self._with.policy.models)
            texts = asked.texts
            if clearance or passage.caller.needs_clearance:
                passage.draft, prompt = await self._with.clearing.check(asked, raw, clearance)
                # All other text is the policy's own, or white space.
                texts = (prompt,)
            await self._inspect(texts)
            # They may have changed while the gate was reading.
            self._check_fresh()
            passage.reservation = await asyncio.to_thread(
                self._with.quotas.reserve, passage.caller, asked
            )
        except Refused as refused:
            facts = {"request": passage.request_id, "caller": passage.caller.name}
            denial: dict[str, Fact] = {**facts, "rule": refused.rule.value}
            await self._with.recording.record("egress.denied", denial)
            raise
        return asked

    def is_fresh(self) -> bool:
        """Whether policies and patient index are still those that were loaded."""
        return self._with.is_fresh()

    def _check_fresh(self) -> None:
        if not self.is_fresh():
            raise Refused(Rule.STALE, retry_after_s=_LOADING_WAIT_S)

    async def _inspect(self, texts: Sequence[str]) -> None:
        began = time.monotonic()
        finding = await self._with.inspection.read(texts)
        self._with.meters.took("inspect", time.monotonic() - began)
        if not finding.is_clean:
            is_found = finding.reason == "identifier"
            raise Refused(Rule.IDENTIFIER if is_found else Rule.NOT_INSPECTED)

    async def _send(self, passage: _Passage, asked: Asked) -> Passed:
        """The intent is on disk, then the bytes leave, then the outcome is on disk."""
        passage.is_accepted = True
        self._with.counts.accepted += 1
        await self._with.recording.record(INTENDED, self._intent(passage, asked))
        try:
            told = await self._ask_provider(passage, asked)
        except BaseException as error:
            await self._close_failed(passage, asked, error)
            raise
        await self._close(passage, asked, told)
        await self._inspect_reply(passage, told)
        return Passed(passage.request_id, asked, told)

    def _intent(self, passage: _Passage, asked: Asked) -> dict[str, Fact]:
        facts: dict[str, Fact] = {
            "request": passage.request_id,
            "caller": passage.caller.name,
            "model": asked.model.name,
            "body": pseudonym(
                self._with.body_key, "egress-body", hashlib.sha256(asked.body).hexdigest()
            ),
            "bytes": len(asked.body),
        }
        return facts | ({"draft": passage.draft} if passage.draft else {})

    async def _ask_provider(self, passage: _Passage, asked: Asked) -> Told:
        began = time.monotonic()
        passage.is_sent = True
        reply = await self._provider.ask(asked.body)
        self._with.meters.took("provider", time.monotonic() - began)
        return read_reply(reply.body)

    async def _close(self, passage: _Passage, asked: Asked, told: Told) -> None:
        tokens = (told.prompt_tokens, told.completion_tokens)
        microusd = asked.model.microusd(*tokens)
        await asyncio.to_thread(
            self._with.quotas.settle, passage.reservation, Amount(sum(tokens), microusd)
        )
        facts: dict[str, Fact] = {
            "request": passage.request_id,
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "microusd": microusd,
        }
        await self._with.recording.record("egress.answered", facts)
        self._with.meters.passed(passage.caller.name, asked.model.name, tokens, microusd)

    async def _close_failed(self, passage: _Passage, asked: Asked, error: BaseException) -> None:
        why = error.param if isinstance(error, Refused) else type(error).__name__
        is_free = isinstance(error, Refused) and why not in _PERHAPS_CHARGED
        cost = Amount(0, 0) if is_free else worst_case(asked)
        await asyncio.to_thread(self._with.quotas.settle, passage.reservation, cost)
        facts: dict[str, Fact] = {"request": passage.request_id, "why": why or "asked-to-wait"}
        await self._with.recording.record("egress.failed", facts)

    async def _inspect_reply(self, passage: _Passage, told: Told) -> None:
        """Nothing in the reply is an identifier, or it stays here and is an incident."""
        finding = await self._with.inspection.read(told.strings())
        if finding.is_clean:
            return
        kept = json.dumps(told.strings()).encode()
        await asyncio.to_thread(self._with.quarantine.seal, passage.request_id, kept)
        facts: dict[str, Fact] = {
            "request": passage.request_id,
            "rule": finding.reason,
            "hits": finding.hits,
        }
        await self._with.recording.record("egress.incident", facts)
        raise Refused(Rule.QUARANTINED)

    @asynccontextmanager
    async def _admitted(self, caller: CallerRule) -> AsyncIterator[None]:
        """One of the few at once, within the caller's quota and a request's time."""
        try:
            async with asyncio.timeout(self._with.policy.limits.request_timeout_s):
                self._with.quotas.admit(caller)
                async with self._slot():
                    yield
        except TimeoutError:
            raise Refused(Rule.SLOW) from None

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One of the few at once; those who wait are few as well."""
        if self._slots.locked() and self._waiting >= self._with.policy.limits.max_waiting:
            raise Refused(Rule.BUSY, "in-flight", _BUSY_WAIT_S)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _counted(self, passage: _Passage) -> AsyncIterator[None]:
        """The request is in exactly one count when it leaves, and the counts agree."""
        counts = self._with.counts
        counts.received += 1
        counts.in_flight += 1
        try:
            yield
        finally:
            counts.in_flight -= 1
            counts.refused += not passage.is_accepted
            counts.unsent += passage.is_accepted and not passage.is_sent
            await self._reconcile()

    def _check_latch(self) -> None:
        """The door is open; the first request after an administrator opened it counts anew."""
        if self._with.latch.is_shut() or (self._was_shut and self._with.counts.in_flight):
            self._was_shut = True
            raise Refused(Rule.LATCHED)
        if self._was_shut:
            self._with.counts.begin_anew()
            self._was_shut = False

    async def _reconcile(self) -> None:
        counts, latch = self._with.counts, self._with.latch
        mismatch = counts.find_mismatch()
        if not mismatch or self._was_shut:
            return
        self._was_shut = True
        latch.shut(mismatch, counts)
        facts: dict[str, Fact] = {
            "rule": mismatch,
            "sent": counts.sent,
            "recorded": counts.recorded,
        }
        await self._with.recording.record("gateway.latched", facts)
        raise Refused(Rule.LATCHED)
