"""The audit of a site that sends: what the provider itself has counted tells what went past."""

import socket
from pathlib import Path

import httpx2
import pytest

from appliance.records.audits import Standing
from appliance.records.progress import Silent
from appliance.records.prompts import Route
from appliance.settings.keys import Purpose
from appliance.workflows import synthesize as workflow
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.audit_live import ask_gateway
from appliance.workflows.canaries import derive_canaries, plant
from appliance.workflows.supply import GatewaySupply
from tests.lib.audited_site import narrow_gate
from tests.lib.following_model import follow
from tests.lib.provider_server import running_provider
from tests.lib.running_gateway import (
    KEY,
    MODEL,
    WordGate,
    cloud_site,
    make_site,
    running_gateway,
)
from tests.lib.stamping_gate import StampingGate

pytestmark = pytest.mark.slow
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "Fever."}]}


@pytest.fixture
def sent(tmp_path):
    """A site that had a corpus made by a provider, through its gateway; and that provider."""
    with running_provider(script=follow) as provider:
        site = cloud_site(tmp_path / "site", provider.origin)
        order = workflow.Order("disease", 6, "first", "chatgpt")
        prepared = workflow.prepare(site, order)
        supplies = {Route.CHATGPT: GatewaySupply(site, prepared.gateway, MODEL)}
        gate = StampingGate(site.clock, site.policy_digest)
        with running_gateway(site, WordGate()):
            workflow.synthesize_with(site, gate, supplies, order, prepared, Silent())
        yield site, provider


def _replay(site, counted):
    order = AuditOrder(payloads=1, provider_requests=counted)
    done = try_attacks(site.paths.root, order, open_gate=narrow_gate)
    [result] = [one for one in done.report.results if one.attack == "replay"]
    return {problem.rule for problem in result.problems}, done.report


def test_what_went_through_the_gateway_is_all_accounted_for(sent):
    """By ledger, journal, stamps and the provider's own count."""
    site, provider = sent

    found, report = _replay(site, len(provider.bodies))

    assert found == set()
    [out] = [
        one for one in report.departures if "out of the building, to the provider" in one.where
    ]
    assert out.count == len(provider.bodies) >= 6
    assert int(out.amount.split()[0]) == sum(map(len, provider.bodies))


@pytest.mark.parametrize(
    ("words", "standing", "found"),
    [([""], Standing.PASS, set()), ([], Standing.FAIL, {"live-gateway.passed"})],
    ids=["denies all", "denies nothing"],
)
def test_the_gateway_that_runs_is_asked_what_it_would_let_pass(sent, words, standing, found):
    """About canaries; and nothing of that reaches the provider or the ledger."""
    site, provider = sent
    plant(site.paths.root, 3, Silent())
    before = len(provider.bodies)

    with running_gateway(site, WordGate(*words)):
        result = _attack(site, "live-gateway")

    assert result.standing is standing
    assert {one.rule for one in result.problems} == found
    assert sum(one.total for one in result.estimates) == 200
    assert len(provider.bodies) == before
    needles = [value for one in derive_canaries(_key(site), 3) for value in one.needles()]
    assert not any(one in str(result) for one in needles)


def test_a_gateway_that_does_not_run_is_not_tested_and_said_to_be(sent):
    site, _ = sent
    plant(site.paths.root, 1, Silent())

    result = _attack(site, "live-gateway")

    assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, False)
    assert "does not run" in result.summary


@pytest.mark.parametrize(
    ("name", "clearance", "status"),
    [("appliance", "required", 200), ("tester", "required", 404), ("tester", "not-required", 404)],
)
def test_only_our_own_caller_is_told_what_would_pass(tmp_path, name, clearance, status):
    """Whoever asks again and again would learn how to get past the gate."""
    site = make_site(tmp_path / "site", "https://provider.invalid", name=name, clearance=clearance)

    with running_gateway(site, WordGate()) as gateway, gateway.http() as client:
        answer = client.post("/v1/inspect", json=QUESTION)

    assert answer.status_code == status


def test_what_would_pass_is_told_as_often_as_the_caller_may_ask(tmp_path):
    site = make_site(
        tmp_path / "site",
        "https://provider.invalid",
        name="appliance",
        clearance="required",
        requests_per_minute=2,
    )

    with running_gateway(site, WordGate()) as gateway, gateway.http() as client:
        answers = [client.post("/v1/inspect", json=QUESTION) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 0 < float(answers[-1].headers["retry-after"]) <= 60


def test_behind_a_latched_door_nobody_is_told_what_would_pass(tmp_path):
    site = make_site(
        tmp_path / "site", "https://provider.invalid", name="appliance", clearance="required"
    )
    (site.paths.run / "gateway.latch").write_text("{}")

    with running_gateway(site, WordGate()) as gateway, gateway.http() as client:
        answer = client.post("/v1/inspect", json=QUESTION)

    assert answer.json()["error"]["code"] == "latched"


@pytest.mark.parametrize("is_socket", [True, False], ids=["socket", "port"])
def test_a_gateway_that_can_not_be_reached_is_a_reason_and_nothing_broken(sent, is_socket):
    """A socket that a killed gateway left, and a port on which nobody listens."""
    site, _ = sent
    plant(site.paths.root, 1, Silent())
    with socket.socket(socket.AF_UNIX if is_socket else socket.AF_INET) as gone:
        if is_socket:
            gone.bind(str(site.paths.run / "gateway.sock"))
        else:
            gone.bind(("127.0.0.1", 0))
            path = site.paths.keys / "callers" / "appliance"
            path.parent.mkdir(exist_ok=True)
            path.write_text("A-word-that-nobody-else-knows-1234567890")
            path.chmod(0o600)
            listens = f'at = "http://127.0.0.1:{gone.getsockname()[1]}"'
            lines = site.paths.settings.read_text().splitlines()
            lines = [one for one in lines if not one.startswith("at = ")]
            lines.insert(lines.index("[gateway]") + 1, listens)
            site.paths.settings.write_text("\n".join(lines))

        result = _attack(site, "live-gateway")

    assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, False)
    assert "not reachable from here" in result.summary


def test_a_socket_that_this_user_may_not_even_look_at_ends_no_audit(sent, monkeypatch):
    site, _ = sent

    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(Path, "is_socket", refuse)

    assert "not reachable from here" in ask_gateway(site)


def _key(site):
    return site.keys.key(Purpose.PSEUDONYM)


def _attack(site, name):
    done = try_attacks(site.paths.root, AuditOrder(payloads=1), open_gate=narrow_gate)
    return next(one for one in done.report.results if one.attack == name)


def test_a_prompt_that_somebody_sends_past_the_gateway_is_found(sent):
    """With the gateway's own key, from this machine."""
    site, provider = sent
    with httpx2.Client(base_url=provider.origin, headers={"authorization": f"Bearer {KEY}"}) as own:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "A secret."}]}
        assert own.post("/v1/chat/completions", json=body).status_code == 200

    found, _ = _replay(site, len(provider.bodies))

    assert found == {"replay.provider-counted-more"}
