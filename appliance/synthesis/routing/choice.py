"""The choice of a route for one cleared prompt."""

from typing import Final

from appliance.errors import BadInput, Denied
from appliance.gate.clearance import ClearedPrompt
from appliance.records.prompts import Route
from appliance.synthesis.routing.policy import RoutingPolicy

# The gateway to a cloud provider is not part of this release.
BUILT: Final = frozenset({Route.VLLM, Route.SCRIPTED})


def choose(cleared: ClearedPrompt, policy: RoutingPolicy) -> Route:
    """Where this prompt goes: the first route that the policy names and this release has.

    Raises:
        ClearanceInvalid: Never here; the backend checks the stamp when it sends.
        BadInput: The policy names no route that is built.
    """
    for route in policy.routes:
        if route in BUILT:
            return route
    raise BadInput(
        f"No route of the profile {policy.profile} can carry draft {cleared.draft.draft_id}.",
        "Add vllm to its routes in routing.toml.",
    )


def narrow(policy: RoutingPolicy, asked: str) -> RoutingPolicy:
    """The policy, narrowed to the route the operator asked for; "auto" leaves it as it is.

    Raises:
        Denied: The policy does not allow that route.
        BadInput: No such route, or this release does not have it.
    """
    if asked == "auto":
        return policy
    try:
        route = Route(asked)
    except ValueError:
        raise BadInput("There is no such route.", "Routes: auto, vllm, chatgpt.") from None
    if route not in policy.routes:
        raise Denied(
            f"The profile {policy.profile} does not allow the route {route}.",
            "Use --route vllm, or have the routing policy reviewed and changed.",
        )
    if route not in BUILT:
        raise BadInput(
            f"The route {route} needs the egress gateway, which this release does not have.",
            "Use --route vllm.",
        )
    return RoutingPolicy(policy.profile, (route,))
