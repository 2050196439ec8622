"""Four records of the same sendings: whatever one of them lacks, another one tells."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audits.attack import carry_out
from appliance.audits.kernel import Kernel
from appliance.audits.replay import Evidence, JournalView, Replay
from appliance.errors import BadInput
from appliance.gate.clearance import Stamper, is_stamped, public_key_of, sending_facts
from appliance.records.audits import Standing
from appliance.records.events import Event, check_facts
from appliance.records.identifiers import Digest, DraftId
from appliance.records.progress import Silent
from appliance.records.prompts import Draft, DraftKind, Route
from appliance.workflows.audit_kernel import read_kernel
from tests.lib.frozen_clock import FrozenClock

SEED, POLICY = bytes(range(32)), Digest("0" * 64)
COUNT = 12


def _sent(number, route=Route.CHATGPT):
    draft = Draft(DraftId(f"d-{number:024x}"), "t", DraftKind.NONE, (), "", f"Prompt {number}.")
    stamper = Stamper(SEED, FrozenClock(), POLICY, timedelta(minutes=5))
    return sending_facts(stamper.stamp(draft, route))


def _event(kind, facts):
    check_facts(facts)
    return Event(kind, "2026-11-27T00:00:00+00:00", "tester", POLICY, facts)


@pytest.fixture(scope="module")
def books():
    """Events and journal of so many prompts to a provider, all answered."""
    events, intents, answers = [], {}, {}
    for number in range(COUNT):
        facts = _sent(number)
        request = {"request": f"r-{number}"}
        events += [
            _event("prompt.sent", facts),
            _event("egress.intended", {**request, "draft": facts["draft"], "bytes": 9}),
            _event("egress.answered", {**request, "prompt_tokens": 1, "completion_tokens": 1}),
        ]
        intents[f"k-{number}"] = facts["draft"]
        answers[f"k-{number}"] = (facts["draft"], "chatgpt")
    return events, JournalView("first", intents, answers)


def _replay(events, journal, **more):
    evidence = Evidence(events, [journal], public_key_of(SEED), **more)
    [result] = carry_out([Replay(evidence)], Silent())
    return {problem.rule for problem in result.problems}, result


def test_books_that_agree_pass(books):
    found, result = _replay(*books, provider_requests=COUNT)

    assert (found, result.standing) == (set(), Standing.PASS)
    assert result.estimates[0].total == COUNT


RULES = {
    "prompt.sent": {"replay.sent-without-record", "replay.unknown-draft"},
    "egress.intended": {"replay.past-the-gateway", "replay.answered-unasked"},
}


@given(number=st.integers(0, COUNT - 1), kind=st.sampled_from(sorted(RULES)))
def test_whichever_entry_is_missing_another_record_tells(books, number, kind):
    events, journal = books
    at = [place for place, event in enumerate(events) if event.kind == kind][number]

    assert _replay([*events[:at], *events[at + 1 :]], journal)[0] == RULES[kind]


@given(
    number=st.integers(0, COUNT - 1),
    name=st.sampled_from(["draft", "prompt", "route", "nonce", "expires"]),
)
def test_a_stamp_is_for_every_word_of_its_event(number, name):
    """Draft, prompt, route, nonce and expiry; and for its policy."""
    facts = dict(_sent(number))
    key = public_key_of(SEED)
    assert is_stamped(facts, POLICY, key)

    facts[name] = str(facts[name])[:-1] + ("0" if str(facts[name])[-1] != "0" else "1")
    assert not is_stamped(facts, POLICY, key)
    assert not is_stamped(_sent(number), "1" * 64, key)
    assert not is_stamped({"draft": "d-0"}, POLICY, key)


@pytest.mark.parametrize(
    ("counted", "rule"),
    [
        (COUNT + 1, "replay.provider-counted-more"),
        (COUNT - 1, "replay.provider-counted-less"),
        (COUNT, None),
        (None, None),
    ],
)
def test_the_provider_counts_what_the_ledger_counts(books, counted, rule):
    assert _replay(*books, provider_requests=counted)[0] == ({rule} if rule else set())


def test_a_request_that_failed_may_have_been_counted_or_not(books):
    events, journal = books
    more = [
        _event("egress.intended", {"request": "r-x", "bytes": 9}),
        _event("egress.failed", {"request": "r-x", "why": "closed"}),
    ]

    for counted in (COUNT, COUNT + 1):
        assert _replay([*events, *more], journal, provider_requests=counted)[0] == set()


def test_a_latched_gateway_is_no_pass(books):
    assert _replay(*books, is_latched=True)[0] == {"replay.latched"}


def test_sendings_whose_journal_is_gone_are_told(books):
    """Nobody knows what was answered to them."""
    found, result = _replay(books[0], JournalView("other", {}, {}))

    assert found == set()
    [lost] = [one for one in result.estimates if "no journal" in one.name]
    assert (lost.value, lost.total) == (1.0, COUNT)
    assert any(f"{COUNT} drafts" in spot for spot in result.blind_spots)


@pytest.mark.parametrize(
    ("packets", "octets", "rule"),
    [
        (10 * COUNT, 4_000 * COUNT, None),
        (10 * COUNT, 4_000_000, "replay.kernel-counted-more"),
    ],
)
def test_the_firewall_counts_what_requests_can_need(books, packets, octets, rule):
    found, result = _replay(*books, kernel=Kernel(packets, octets, 3))

    assert found == ({rule} if rule else set())
    counts = {one.name: one.value for one in result.estimates}
    assert counts["packets that it refused"] == 3.0
    assert counts["bytes that it let through"] == octets


def test_fewer_packets_than_answers_fail_only_since_a_second_that_is_known(books):
    """A reload of nftables resets its counters: an honest site would fail."""
    few = {
        since: _replay(*books, kernel=Kernel(COUNT - 1, 400, 0, since=since))
        for since in ("", "2026-11-26", "2026-11-26T08:00:00")
    }

    assert [rules for rules, _ in few.values()] == [set(), set(), {"replay.kernel-counted-less"}]
    told = [
        any(f"counts {COUNT - 1} packets" in spot for spot in result.blind_spots)
        for _, result in few.values()
    ]
    assert told == [True, True, False]


def test_packets_to_a_provider_whom_nobody_asked_are_a_failure():
    """Also where the rules were loaded after the last request on record."""
    nothing = JournalView("first", {}, {})

    assert _replay([], nothing, kernel=Kernel(1, 60, 0))[0] == {"replay.kernel-counted-unasked"}
    assert _replay([], nothing, kernel=Kernel(0, 0, 9))[0] == set()


def test_the_firewall_may_have_counted_from_a_day_on(books):
    later = Kernel(1, 60, 0, since="2026-12-01")

    assert _replay(*books, kernel=later)[0] == {"replay.kernel-counted-unasked"}


def _nft(*counters):
    head = {"metainfo": {"version": "1.0.6", "json_schema_version": 1}}
    return json.dumps({"nftables": [head, *({"counter": one} for one in counters)]})


def _counter(name, packets, octets, table="appliance_egress"):
    return {
        "family": "inet", "table": table, "name": name,
        "handle": 1, "packets": packets, "bytes": octets,
    }  # fmt: skip


def test_what_nft_prints_is_read(tmp_path):
    """Of our own tables; and a packet that passed both of them is one."""
    path = tmp_path / "counters"
    path.write_text(
        _nft(
            _counter("to_provider", 7, 700),
            _counter("to_provider", 9, 900, "appliance_users"),
            _counter("refused", 2, 120),
            _counter("refused", 1, 60, "appliance_users"),
            _counter("to_provider", 99, 9999, "somebody_elses"),
        )
    )

    assert read_kernel(path, "2026-12-01") == Kernel(9, 900, 3, "2026-12-01")


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"nftables": 1}', '{"nftables": [1]}', _nft(), _nft(_counter("refused", 1, 1)),
     _nft({"table": "appliance_egress"}), _nft(_counter("to_provider", "many", 1))],
)  # fmt: skip
def test_what_nft_did_not_print_is_no_count(tmp_path, content):
    path = tmp_path / "counters"
    path.write_text(content)

    with pytest.raises(BadInput, match="counter"):
        read_kernel(path, "")
    with pytest.raises(BadInput, match="can't be read"):
        read_kernel(tmp_path, "")


def test_what_is_from_before_stamps_were_kept_is_said_and_not_failed(books):
    events, journal = books
    old = [
        Event(
            e.kind,
            e.at,
            e.actor,
            e.policy_digest,
            {k: v for k, v in e.facts.items() if k != "stamp"},
        )
        for e in events
    ]

    found, result = _replay(old, journal)

    assert found == set()
    assert any(f"{COUNT} sendings are from before" in spot for spot in result.blind_spots)


def test_the_providers_count_may_begin_on_a_day(books):
    """As its monthly statement does; what was sent before is in another one."""
    events, journal = books
    later = [
        Event(e.kind, f"2026-12-01{e.at[10:]}", e.actor, e.policy_digest, e.facts)
        for e in events[3 * 5 :]
    ]
    both = [*events[: 3 * 5], *later]
    month = {"provider_since": "2026-12-01"}

    assert _replay(both, journal, provider_requests=COUNT - 5, **month)[0] == set()
    assert _replay(both, journal, provider_requests=COUNT, **month)[0] == {
        "replay.provider-counted-more"
    }
