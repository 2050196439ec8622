"""The choice of a route for one prompt."""

from collections.abc import Collection
from dataclasses import replace

from appliance.errors import BackendUnavailable, BadInput, Denied
from appliance.records.prompts import Draft, Route
from appliance.synthesis.routing.policy import RoutingPolicy


def choose(
    draft: Draft, policy: RoutingPolicy, usable: Collection[Route] = frozenset(Route)
) -> Route:
    """Where this prompt goes: the preferred route, or one that the policy lets take its place.

    Args:
        draft: The prompt; the gate stamps it for the route that is chosen here.
        policy: The rules.
        usable: Routes that are neither down nor out of budget.

    Raises:
        Denied: The policy allows no route for a prompt of this class.
        BackendUnavailable: It allows some, and none of them can be used now.
    """
    allowed = [route for route in policy.routes if policy.allows(route, draft.sensitivity)]
    if not allowed:
        raise Denied(
            f"No route of the profile {policy.profile} may carry draft {draft.draft_id}: its label "
            f"sheet is {draft.sensitivity}.",
            "Use --route vllm, or have the label sheet's class or the routing policy reviewed.",
        )
    preferred = allowed[0]
    if preferred in usable:
        return preferred
    may_reroute = policy.cloud_to_local if preferred is Route.CHATGPT else policy.local_to_cloud
    for route in allowed[1:]:
        if may_reroute and route in usable:
            return route
    raise BackendUnavailable(
        f"The route {preferred} can't be used now, and the policy names none in its place.",
        "Run the same command again later; what was finished is kept.",
    )


def narrow(policy: RoutingPolicy, asked: str) -> RoutingPolicy:
    """The policy, narrowed to the route the operator asked for; "auto" leaves it as it is.

    A route that was asked for keeps the one that the policy lets take its place: rerouting is
    the policy's word.

    Raises:
        Denied: The policy does not allow that route.
        BadInput: No such route.
    """
    if asked == "auto":
        return policy
    try:
        route = Route(asked)
    except ValueError:
        raise BadInput("There is no such route.", "Routes: auto, vllm, chatgpt.") from None
    is_outside = route is Route.CHATGPT and policy.profile == "air-gapped"
    if route not in policy.routes or is_outside:
        raise Denied(
            f"The profile {policy.profile} does not allow the route {route}.",
            "Use --route vllm, or have the routing policy reviewed and changed.",
        )
    rest = policy.routes if route is Route.CHATGPT and policy.cloud_to_local else (route,)
    return replace(policy, routes=(route, *(one for one in rest if one is not route)))
