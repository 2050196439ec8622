"""Routing: the policy's first route, and nothing that it does not name."""

from pathlib import Path

import pytest

from appliance.errors import ApplianceError, BadInput, Denied
from appliance.records.prompts import DraftKind, Route
from appliance.settings.policies import shipped_policies
from appliance.synthesis.prompting.stream import make_draft
from appliance.synthesis.routing.choice import choose, narrow
from appliance.synthesis.routing.policy import RoutingPolicy, load_routing
from tests.lib.frozen_clock import FrozenClock
from tests.lib.stamping_gate import StampingGate


def cleared():
    draft = make_draft("drug", DraftKind.NONE, (), "note", "p")
    return StampingGate(FrozenClock(), "0" * 64).clear_many([draft])[0]


def shipped(profile: str) -> RoutingPolicy:
    return load_routing(shipped_policies() / "routing.toml", profile)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_air_gapped_profile_names_no_cloud():
    """The shipped policy holds the local engine and nothing else."""
    assert shipped("air-gapped").routes == (Route.VLLM,)


@pytest.mark.parametrize("profile", ["air-gapped", "cloud-allowed"])
def test_prompts_stay_here_unless_somebody_asks(profile):
    """The first choice of every shipped profile is the local engine."""
    assert choose(cleared(), shipped(profile)) is Route.VLLM


def test_asking_for_what_the_policy_forbids_is_a_refusal():
    """An air-gapped site answers with the privacy code."""
    with pytest.raises(Denied, match="does not allow"):
        narrow(shipped("air-gapped"), "chatgpt")


def test_asking_for_what_is_not_built_says_so():
    """Allowed but missing: the operator learns what to do instead."""
    with pytest.raises(BadInput, match="gateway"):
        narrow(shipped("cloud-allowed"), "chatgpt")


def test_an_unknown_route_is_bad_input():
    """Neither a route of tests nor a misspelt one is taken."""
    for name in ("scripted", "vlm", ""):
        with pytest.raises(ApplianceError):
            narrow(shipped("cloud-allowed"), name)


def test_auto_leaves_the_policy_as_it_is():
    """Narrowing is the operator's word, not a default."""
    policy = shipped("cloud-allowed")

    assert narrow(policy, "auto") is policy


def test_a_policy_with_no_usable_route_sends_nothing():
    """There is no fall-back that the policy does not name."""
    with pytest.raises(BadInput, match="No route"):
        choose(cleared(), RoutingPolicy("test", (Route.CHATGPT,)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version = 2\n[profiles.p]\nroutes = ['vllm']",
        "version = 1\nextra = 1\n[profiles.p]\nroutes = ['vllm']",
        "version = 1\n[profiles.p]\nroutes = []",
        "version = 1\n[profiles.p]\nroutes = ['scripted']",
        "version = 1\n[profiles.p]\nroutes = ['http://example.org']",
        "version = 1\n[profiles.p]\nroutes = 'vllm'",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\nfallback = 'chatgpt'",
        "version = 1\n[profiles.other]\nroutes = ['vllm']",
        "version = 1\nprofiles = 3",
        "version = ",
    ],
)
def test_a_policy_that_is_not_understood_refuses(tmp_path, text):
    """Unsure means no."""
    with pytest.raises(BadInput):
        load_routing(write(tmp_path / "routing.toml", text), "p")


def test_a_missing_policy_refuses(tmp_path):
    """No file, no sending."""
    with pytest.raises(BadInput):
        load_routing(tmp_path / "routing.toml", "p")
