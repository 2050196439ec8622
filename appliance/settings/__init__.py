"""The operator's choices: the site's paths, its settings, its policies, label sheets and keys.

Comes in: files under the site and under `policies/`, and the environment.
Goes out: frozen dataclasses. This is the one room that reads either.
Never here: patient text, a default that loosens a policy.
"""
