"""The gateway that runs, asked about canaries by its own door, by a way that can send nothing."""

from functools import cache
from pathlib import Path
from typing import Final

from appliance.audits.live import Asker
from appliance.errors import ApplianceError
from appliance.records.prompts import Route
from appliance.settings.gateway import load_gateway_policy
from appliance.synthesis.routing.policy import load_routing
from appliance.workflows.orders import GATEWAY_POLICY
from appliance.workflows.site import Site
from appliance.workflows.supply import SOCKET, GatewaySupply

_NOT_FROM_HERE: Final = "not reachable from here: audit as a user, and where, it can be reached."


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
    try:
        if not at.startswith("http") and not Path(at or site.paths.run / SOCKET).is_socket():
            return "The gateway does not run: nothing leaves by it now."
    except OSError:
        return f"The gateway is {_NOT_FROM_HERE}"
    connected = cache(GatewaySupply(site, policy, model).question)
    try:
        is_there = connected().is_reachable()
    except ApplianceError:
        # It should have been possible: the first question fails by it, and is told so.
        is_there = True
    if not is_there:
        return f"The gateway does not run, or is {_NOT_FROM_HERE}"
    return lambda text: connected().would_pass(text)
