"""Routing: the policy's first route, and nothing that it does not name."""

from pathlib import Path

import pytest

from appliance.errors import ApplianceError, BackendUnavailable, BadInput, Denied
from appliance.records.prompts import DraftKind, Route
from appliance.records.tasks import Sensitivity
from appliance.settings.policies import shipped_policies
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.routing.choice import choose, narrow
from appliance.synthesis.routing.policy import RoutingPolicy, load_routing


def a_draft(sensitivity=Sensitivity.PUBLIC):
    return make_draft("drug", DraftKind.NONE, (), "note", "p", sensitivity=sensitivity)


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
    assert choose(a_draft(), shipped(profile)) is Route.VLLM


def test_asking_for_what_the_policy_forbids_is_a_refusal():
    """An air-gapped site answers with the privacy code."""
    with pytest.raises(Denied, match="does not allow"):
        narrow(shipped("air-gapped"), "chatgpt")


def test_an_air_gapped_profile_never_names_a_cloud():
    """Not even where its routing.toml does."""
    careless = RoutingPolicy("air-gapped", (Route.CHATGPT, Route.VLLM), cloud_to_local=True)

    assert choose(a_draft(), careless) is Route.VLLM
    with pytest.raises(Denied):
        narrow(careless, "chatgpt")
    with pytest.raises(Denied):
        choose(a_draft(), RoutingPolicy("air-gapped", (Route.CHATGPT,)))


def test_only_public_drafts_go_to_a_cloud():
    """The hospital's own label sheet stays here, whatever was asked for."""
    policy = RoutingPolicy("test", (Route.CHATGPT, Route.VLLM))

    assert choose(a_draft(), policy) is Route.CHATGPT
    assert choose(a_draft(Sensitivity.INTERNAL), policy) is Route.VLLM
    with pytest.raises(Denied, match="internal"):
        choose(a_draft(Sensitivity.INTERNAL), RoutingPolicy("test", (Route.CHATGPT,)))


@pytest.mark.parametrize(
    ("routes", "flags", "down", "outcome"),
    [
        ((Route.CHATGPT, Route.VLLM), {"cloud_to_local": True}, Route.CHATGPT, Route.VLLM),
        ((Route.CHATGPT, Route.VLLM), {}, Route.CHATGPT, None),
        ((Route.VLLM, Route.CHATGPT), {"cloud_to_local": True}, Route.VLLM, None),
        ((Route.VLLM, Route.CHATGPT), {"local_to_cloud": True}, Route.VLLM, Route.CHATGPT),
        ((Route.CHATGPT,), {"cloud_to_local": True}, Route.CHATGPT, None),
    ],
)
def test_another_route_takes_the_place_only_where_the_policy_says_so(routes, flags, down, outcome):
    """From the cloud to this machine, and never the other way by itself."""
    policy = RoutingPolicy("test", routes, **flags)
    usable = set(Route) - {down}

    if outcome is None:
        with pytest.raises(BackendUnavailable):
            choose(a_draft(), policy, usable)
    else:
        assert choose(a_draft(), policy, usable) is outcome


def test_a_route_that_was_asked_for_comes_first():
    """The one that may take its place stays behind it."""
    asked = narrow(shipped("cloud-allowed"), "chatgpt")

    assert asked.routes == (Route.CHATGPT, Route.VLLM)
    assert narrow(shipped("cloud-allowed"), "vllm").routes == (Route.VLLM,)


def test_an_unknown_route_is_bad_input():
    """Neither a route of tests nor a misspelt one is taken."""
    for name in ("scripted", "vlm", ""):
        with pytest.raises(ApplianceError):
            narrow(shipped("cloud-allowed"), name)


def test_auto_leaves_the_policy_as_it_is():
    """Narrowing is the operator's word, not a default."""
    policy = shipped("cloud-allowed")

    assert narrow(policy, "auto") is policy


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
        "version = 1\n[profiles.p]\nroutes = ['vllm']\ncloud_to_local = 'yes'",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\n[cloud]\nurl = 'x'",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\n[cloud]\nclasses = ['secret']",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\n[cloud]\nusd_per_month = '9'",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\n[cloud]\nusd_per_month = -1",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\n[cloud]\nmax_concurrent = 0",
        "version = 1\n[profiles.p]\nroutes = ['vllm']\n[cloud]\nmodel = 3",
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
