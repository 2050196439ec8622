"""The gateway that runs, asked about canaries by its own door, by a way that can send nothing."""

from functools import cache
from pathlib import Path

from appliance.audits.live import Asker
from appliance.records.prompts import Route
from appliance.settings.gateway import load_gateway_policy
from appliance.synthesis.routing.policy import load_routing
from appliance.workflows.orders import GATEWAY_POLICY
from appliance.workflows.site import Site
from appliance.workflows.supply import SOCKET, GatewaySupply


def ask_gateway(site: Site) -> Asker | str:
    """Says whether the gateway would let a text pass; or why nobody can be asked.

    Raises:
        BadInput: A policy can't be read.
    """
    routing = load_routing(site.paths.policies / "routing.toml", site.settings.profile)
    policy = load_gateway_policy(site.paths.policies / GATEWAY_POLICY)
    model = next(iter(policy.models), None)
    if Route.CHATGPT not in routing.routes or model is None:
        return "No gateway is in use: the policies let nothing out."
    at = site.settings.gateway.at
    if not at.startswith("http") and not Path(at or site.paths.run / SOCKET).is_socket():
        return "The gateway does not run: nothing leaves by it now."
    # No client is built before the first question.
    connected = cache(GatewaySupply(site, policy, model).question)
    return lambda text: connected().would_pass(text)
