"""The suite itself runs where there is no network but loopback."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("APPLIANCE_LOOPBACK_ONLY") != "1",
    reason="not started through tests/loopback_only.sh, or no namespace can be made here",
)


def test_the_only_interface_is_loopback():
    """The whole suite runs in a network namespace that holds `lo` and nothing else."""
    table = Path("/proc/net/dev").read_text().splitlines()[2:]

    assert {line.split(":")[0].strip() for line in table} == {"lo"}


def test_no_route_leaves_this_machine():
    """There is no route but the implicit one of loopback."""
    routes = Path("/proc/net/route").read_text().splitlines()[1:]

    assert routes == []
