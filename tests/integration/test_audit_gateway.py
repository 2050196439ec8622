"""The audit of a site that sends: what the provider itself has counted tells what went past."""

import httpx2
import pytest

from appliance.records.progress import Silent
from appliance.records.prompts import Route
from appliance.workflows import synthesize as workflow
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.supply import GatewaySupply
from tests.lib.audited_site import narrow_gate
from tests.lib.following_model import follow
from tests.lib.provider_server import running_provider
from tests.lib.running_gateway import KEY, MODEL, WordGate, cloud_site, running_gateway
from tests.lib.stamping_gate import StampingGate

pytestmark = pytest.mark.slow


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


def test_a_prompt_that_somebody_sends_past_the_gateway_is_found(sent):
    """With the gateway's own key, from this machine."""
    site, provider = sent
    with httpx2.Client(base_url=provider.origin, headers={"authorization": f"Bearer {KEY}"}) as own:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "A secret."}]}
        assert own.post("/v1/chat/completions", json=body).status_code == 200

    found, _ = _replay(site, len(provider.bodies))

    assert found == {"replay.provider-counted-more"}
