"""One site, two users: the second sees it as its own, and what it writes is the first one's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from appliance.settings.keys import Purpose
from appliance.workflows.ledger import verify
from appliance.workflows.site import init
from tests.lib.house import REPOSITORY
from tests.lib.site_view import CANNOT

pytestmark = pytest.mark.slow
CLINICAL, GATEWAY = 64_990, 64_991


@pytest.fixture
def world():
    """A site of the clinical user, and a place for the view; other users may go there."""
    if os.getuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root to mount")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    init(folder / "site", "air-gapped")
    (folder / "view").mkdir()
    for path in (folder / "site", *(folder / "site").rglob("*")):
        os.chown(path, CLINICAL, CLINICAL)
    yield folder
    shutil.rmtree(folder)


def credentials(world, group_reads):
    """The keys that the gateway's unit loads, as systemd lays them out."""
    place = world / "credentials"
    place.mkdir()
    for purpose in (Purpose.LEDGER, Purpose.GATEWAY, Purpose.CLEARANCE, Purpose.PATIENT_INDEX):
        path = place / f"{purpose}.key"
        shutil.copy(world / "site/keys" / path.name, path)
        path.chmod(0o440 if group_reads else 0o400)
        os.chown(path, GATEWAY, GATEWAY)
    os.chown(place, GATEWAY, GATEWAY)
    return place


def look(world, place, **environment):
    words = [sys.executable, "-m", "tests.lib.site_view", world / "site", place]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *words, str(CLINICAL), str(GATEWAY)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == CANNOT:
        pytest.skip(f"no idmapped mounts here: {done.stdout.strip()}")
    return done


@pytest.mark.parametrize("group_reads", [False, True])
def test_the_gateways_user_writes_the_ledger_without_the_keys_of_the_vault(world, group_reads):
    """Its keys come as credentials, the folder of keys is shut; nothing is open to others."""
    given = credentials(world, group_reads)
    (world / "site/keys").chmod(0)

    done = look(world, world / "view", CREDENTIALS_DIRECTORY=str(given))
    (world / "site/keys").chmod(0o700)

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["owner"] == GATEWAY
    assert seen["keys"] is False
    owners = {path.lstat().st_uid for path in (world / "site").rglob("*")}
    modes = {path.lstat().st_mode & 0o077 for path in (world / "site/ledger").rglob("*")}
    assert owners == {CLINICAL}
    assert modes == {0}
    assert verify(world / "site").is_intact


def test_the_doctor_finds_the_view_in_order(world):
    """The very checks that refuse a file of another owner, or one that is open."""
    done = look(world, world / "view")

    assert done.returncode == 0, done.stderr
    assert not set(json.loads(done.stdout)["failed"]) & {"SITE002", "SITE003", "SITE007"}


def test_without_the_view_another_user_gets_nowhere(world):
    script = (
        "import os, sys, appliance.workflows.site as s, pathlib; os.setgroups([]);"
        "os.setresgid(*[64991] * 3); os.setresuid(*[64991] * 3);"
        "s.open_site(pathlib.Path(sys.argv[1]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(world / "site")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "SiteError" in done.stderr
