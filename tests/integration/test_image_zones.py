"""Each zone works without what its image leaves out; what client is left in is named."""

import json
import subprocess
import sys

import pytest

from tests.lib.house import REPOSITORY
from tests.lib.zone_import import CLIENTS

pytestmark = pytest.mark.slow
IMAGES = REPOSITORY / "deploy/images"


def imported(zone):
    """Names of the packages that were loaded with the zone, without what its image leaves out."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lib.zone_import", zone],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


def listed(name):
    lines = (IMAGES / name).read_text().splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def test_the_clinical_zone_needs_no_more_clients_than_are_named():
    """All of its modules, and the libraries as they are used there, load without the others."""
    loaded = imported("clinical")

    assert not loaded & listed("clinical.without")
    assert loaded & CLIENTS <= listed("clinical.remaining")


def test_the_gateway_serves_without_vault_ray_and_torch():
    assert not imported("gateway") & listed("gateway.without")


def test_the_language_model_is_served_without_vault_and_gate():
    """Our part of it; vLLM itself knows neither."""
    assert not imported("vllm") & listed("vllm.without")
