"""The doctor at a cluster: each thing that can be wrong with it, put wrong and found."""

import re
from datetime import timedelta

import pytest

from appliance.workflows import cluster as workflow
from appliance.workflows.checks.cluster import CLUSTER_CHECKS
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import view
from appliance.workflows.site import init
from tests.lib.frozen_clock import FrozenClock

CHECKS = {check.check_id: check for check in CLUSTER_CHECKS}


@pytest.fixture
def alone(tmp_path):
    """A site without a cluster."""
    return init(tmp_path / "site", "air-gapped").paths


@pytest.fixture
def paths(alone, tmp_path):
    """The head of a cluster, spoken to."""
    node = tmp_path / "node"
    workflow.init(alone.root, "10.0.0.1", port=6379, days=365, node=node)
    text = alone.settings.read_text()
    text = re.sub(r'(?m)^address = ""', 'address = "10.0.0.1:6379"', text)
    alone.settings.write_text(re.sub(r"(?m)^node = .*$", f'node = "{node}"', text))
    return alone


def outcome(check_id, paths, later=timedelta()):
    from datetime import UTC, datetime

    return CHECKS[check_id].run(view(paths, FrozenClock(datetime.now(UTC) + later)))


def test_a_site_without_a_cluster_has_nothing_to_check(alone):
    assert {outcome(check_id, alone).status for check_id in CHECKS} == {Status.SKIP}


def test_a_sound_cluster_passes(paths):
    workflow.invite_host(paths.root, "10.0.0.2", hours=1, days=1)

    found = {check_id: outcome(check_id, paths) for check_id in CHECKS}

    assert {one.status for one in found.values()} == {Status.PASS}, found


def _open_authority(paths, node):
    del node
    (paths.keys / workflow.AUTHORITY_KEY).chmod(0o644)


def _lost_authority(paths, node):
    del node
    (paths.keys / workflow.AUTHORITY).unlink()


def _not_joined(paths, node):
    del paths
    (node / "membership.json").unlink()


def _other_head(paths, node):
    del node
    paths.settings.write_text(paths.settings.read_text().replace("10.0.0.1:", "10.0.0.9:"))


def _open_key(paths, node):
    del paths
    (node / "host.key").chmod(0o644)


def _renewed_elsewhere(paths, node):
    workflow.init(
        paths.root, "10.0.0.1", port=6379, days=365, node=node.parent / "other", renew=True
    )


def _damaged_invitation(paths, node):
    del node
    paths.invitations.mkdir()
    (paths.invitations / "0").write_text("{")


@pytest.mark.parametrize(
    ("check_id", "spoil"),
    [
        ("CLUS001", _open_authority),
        ("CLUS001", _lost_authority),
        ("CLUS002", _not_joined),
        ("CLUS002", _other_head),
        ("CLUS002", _open_key),
        ("CLUS003", _open_key),
        ("CLUS003", _renewed_elsewhere),
        ("CLUS004", _damaged_invitation),
    ],
)
def test_what_is_wrong_with_a_cluster_fails_its_check(paths, tmp_path, check_id, spoil):
    spoil(paths, tmp_path / "node")

    found = outcome(check_id, paths)

    assert found.status is Status.FAIL
    assert found.fix


@pytest.mark.parametrize(
    ("days", "status"), [(300, Status.PASS), (340, Status.WARN), (366, Status.FAIL)]
)
def test_a_certificate_that_ends_is_told_in_time(paths, days, status):
    assert outcome("CLUS003", paths, timedelta(days=days)).status is status


def test_an_invitation_that_nobody_can_use_is_told(paths):
    workflow.invite_host(paths.root, "10.0.0.2", hours=1, days=1)

    assert outcome("CLUS004", paths, timedelta(hours=2)).status is Status.WARN
