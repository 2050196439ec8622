"""Where a prompt may go, by the policy the operator keeps under review.

Comes in: `policies/routing.toml`, a profile, a draft.
Goes out: a `Route`, or a refusal that names the rule.
Never here: a socket, a fall-back that the policy does not name.
"""
