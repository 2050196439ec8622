"""The network of a cluster taken down: the host has back what can be given back, whatever can't."""

import os
import shutil
import subprocess

import pytest

from tests.lib.house import REPOSITORY

NETWORK = REPOSITORY / "deploy/cluster/network.sh"
# A machine of its own, whose process 1 is this shell. `far` is a name that the host has, too, and
# that link comes before `wire`.
BEGIN = "set -e; mount -t tmpfs run /run; mkdir /run/netns; ip netns add cluster\n"
SCRIPT = """
ip link add far type veth peer near
ip -netns cluster link add far type veth peer other
ip link add wire type veth peer outside
ip link set wire netns cluster
echo made
"$1" down cluster
echo "left: $(ip netns list)"
ip link show wire
"""
ALONE = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc")


def run(script):
    words = [*ALONE, "sh", "-c", BEGIN + script, "sh", NETWORK]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def machine():
    if os.getuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("needs root and iproute2 to make a machine of namespaces")
    if run("").returncode:
        pytest.skip("network namespaces can't be made here")


@pytest.mark.usefixtures("machine")
def test_a_link_that_can_not_be_given_back_keeps_no_other_from_the_host():
    """It is named, and the namespace is gone: a new one can be made."""
    done = run(SCRIPT)

    assert done.stdout.startswith("made\nleft: \n"), done.stderr
    assert done.returncode == 0, done.stderr
    assert "far was not given back" in done.stderr
    assert "wire was not" not in done.stderr
