"""The installer, offline, on real wheels: what it refuses, and what a kill leaves running."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lib.bundles import (
    KILLED,
    install_words,
    make_bundle,
    make_site,
    make_supplier,
    make_wheel,
    pip_wheel,
)
from tests.lib.house import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(pip_wheel() is None, reason="this Python came without a wheel of pip"),
]
KILLS = 20
# In their order, with the release that runs when the installer is killed right after it.
STEPS = {
    "steps.furnish": "1",
    "commands.start": "1",
    "prefix.finish": "1",
    "commands.examine": "1",
    "prefix.keep_counter": "1",
    "prefix.switch": "2",
    "commands.migrate": "2",
    "prefix.prune": "2",
}


class World:
    """A supplier, three bundles, and a prefix with the first release and a site."""

    def __init__(self, root):
        self.root = root
        self.supplier = make_supplier(root / "supplier")
        self.prefix = root / "prefix"
        self.site = root / "site"
        self.bundles = {
            release: make_bundle(
                root / f"bundle-{release}",
                self.supplier,
                release=release,
                counter=counter,
                schema=schema,
                wheel=make_wheel(root / "wheels", release, schema, doctor),
            )
            for release, counter, schema, doctor in (
                ("1", 1, 1, 4),
                ("2", 2, 2, 0),
                ("3", 3, 2, 3),
            )
        }

    def words(self, *words):
        return install_words(*words, "--prefix", self.prefix, "--site", self.site)

    def install(self, *words):
        return subprocess.run(
            [*self.words(*words), "--json"], capture_output=True, text=True, check=False
        )

    def begin(self):
        """Release 1 and its site, as if nothing had been."""
        saved = self.root / "saved"
        for path in (self.prefix, self.site):
            shutil.rmtree(path, ignore_errors=True)
        if saved.is_dir():
            # Environments hold absolute paths: back to the same place.
            shutil.copytree(saved / "prefix", self.prefix, symlinks=True)
            shutil.copytree(saved / "site", self.site)
            return
        make_site(self.site)
        done = self.install(self.bundles["1"], "--allowed-signers", self.supplier.signers)
        assert done.returncode == 0, done.stderr
        for path in (self.prefix, self.site):
            shutil.copytree(path, saved / path.name, symlinks=True)

    def run(self, *words):
        return subprocess.run(
            [self.prefix / "current/.venv/bin/appliance", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    def running(self):
        """The version that runs, and it works with the site as that is."""
        said = self.run("--version")
        assert said.returncode == 0, said.stderr
        assert self.run("work", "--site", str(self.site)).returncode == 0
        return said.stdout.split()[-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def installed(world):
    world.begin()
    return world


def _listing(root):
    return sorted((path.as_posix(), path.lstat().st_mtime_ns) for path in root.rglob("*"))


def test_a_release_is_installed_with_nothing_but_the_bundle(installed):
    """A folder of its own with everything in it; a link leads there."""
    folder = installed.prefix / "releases/1"

    assert (installed.prefix / "current").readlink() == Path("releases/1")
    assert installed.running() == "1"
    for name in ("policies/phi.toml", "deploy/install.sh", "sbom.cdx.json", "manifest.json.sig"):
        assert (folder / name).is_file(), name
    assert os.access(folder / "deploy/install.sh", os.X_OK)
    assert not list(folder.glob(".venv/lib/python*/site-packages/pip*"))


def test_the_bill_of_materials_names_every_wheel(world):
    """With version, package URL and the hash that pip is told."""
    bundle = world.bundles["2"]
    [wheel] = bundle.glob("wheels/*.whl")

    [component] = json.loads((bundle / "sbom.cdx.json").read_text())["components"]

    assert (component["name"], component["version"]) == ("appliance", "2")
    assert component["purl"] == "pkg:pypi/appliance@2"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_an_upgrade_and_the_way_back(installed):
    """Site and program go together; the installer that is used is the installed one."""
    installer = installed.prefix / "current/deploy/install.sh"
    words = installed.words(installed.bundles["2"])[1:]

    done = subprocess.run(
        [installer, *words, "--json"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["before"] == "1"
    assert installed.running() == "2"
    assert json.loads((installed.site / "schema.json").read_text()) == {"schema": 2}

    assert json.loads(installed.install("--rollback", "--dry-run").stdout)["release"] == "1"
    assert installed.running() == "2"
    assert installed.install("--rollback").returncode == 0
    assert installed.running() == "1"
    assert json.loads((installed.site / "schema.json").read_text()) == {"schema": 1}
    # What was installed once is there: forward again without building it anew.
    assert installed.install(installed.bundles["2"]).returncode == 0
    assert installed.running() == "2"


def test_nothing_older_is_installed_again(installed):
    """Not even after a rollback; a release that is still here can be gone back to."""
    assert installed.install(installed.bundles["2"]).returncode == 0
    for before in ("after the upgrade", "after the rollback"):
        done = installed.install(installed.bundles["1"])
        assert done.returncode == 8, before
        assert "counter" in done.stderr
        installed.install("--rollback")

    assert installed.running() == "1"


def test_a_release_whose_doctor_fails_does_not_run(installed):
    """The one before goes on, and its site is as it was."""
    done = installed.install(installed.bundles["3"])

    assert done.returncode == 3
    assert "HOST099" in done.stderr
    assert f"doctor --site {installed.site} --gate`, as the user" in done.stderr
    assert installed.running() == "1"
    assert json.loads((installed.site / "schema.json").read_text()) == {"schema": 1}
    # It took no counter with it: the release in between can still be installed.
    assert installed.install(installed.bundles["2"]).returncode == 0


def test_only_so_many_releases_stay(installed, tmp_path):
    """The one that runs and the one before it among them."""
    for number in (4, 5):
        wheel = make_wheel(tmp_path, str(number))
        bundle = make_bundle(
            tmp_path / f"b{number}",
            installed.supplier,
            release=str(number),
            counter=number,
            wheel=wheel,
        )
        assert installed.install(bundle, "--keep", "2").returncode == 0

    assert sorted(path.name for path in (installed.prefix / "releases").iterdir()) == ["4", "5"]
    assert installed.running() == "5"


def _drop(bundle):
    (bundle / "LICENSE").unlink()


def _add(bundle):
    (bundle / "deploy/offline/__pycache__").mkdir()


def _link(bundle):
    (bundle / "LICENSE").unlink()
    (bundle / "LICENSE").symlink_to("/etc/hostname")


def _flip(bundle):
    wheel = next(bundle.glob("wheels/*.whl"))
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)


def _resigned(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["../../evil"] = manifest["files"]["LICENSE"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("damage", [_drop, _add, _link, _flip, _resigned])
def test_a_damaged_bundle_changes_nothing(installed, tmp_path, damage):
    """Exit code 8 before a byte is written, in an old prefix and in a new one."""
    bundle = shutil.copytree(installed.bundles["2"], tmp_path / "bundle")
    damage(bundle)
    before = _listing(installed.prefix)

    assert installed.install(bundle).returncode == 8
    assert _listing(installed.prefix) == before

    fresh = tmp_path / "fresh"
    words = install_words(
        bundle, "--prefix", fresh, "--allowed-signers", installed.supplier.signers
    )
    assert subprocess.run(words, capture_output=True, check=False).returncode == 8
    assert not fresh.exists()


def test_a_dry_run_checks_and_writes_nothing(installed):
    before = _listing(installed.prefix)

    done = installed.install(installed.bundles["2"], "--dry-run")

    assert (done.returncode, json.loads(done.stdout)["release"]) == (0, "2")
    assert _listing(installed.prefix) == before


def test_without_a_known_signer_nothing_is_installed(installed, tmp_path):
    words = install_words(installed.bundles["1"], "--prefix", tmp_path / "new")

    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--allowed-signers" in done.stderr
    assert not (tmp_path / "new").exists()


def test_killed_after_each_step_in_turn_one_release_runs_and_the_same_command_goes_on(installed):
    """SIGKILL as soon as the step was taken; the next try gets one step further."""
    words = installed.words(installed.bundles["2"])[1:]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "deploy")}

    for step, expected in STEPS.items():
        done = subprocess.run(
            [sys.executable, "-c", KILLED, step, *words],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, (step, done.stderr)
        assert installed.running() == expected, step

    assert installed.install(installed.bundles["2"]).returncode == 0
    assert installed.running() == "2"
    assert json.loads((installed.site / "schema.json").read_text()) == {"schema": 2}


def test_a_migration_that_was_cut_off_is_finished(installed):
    """The switch was taken, the migration half: the same command goes on there."""
    assert installed.install(installed.bundles["2"]).returncode == 0
    (installed.site / "schema.json").write_text('{"schema": 1, "becoming": 2}')

    assert installed.install(installed.bundles["2"]).returncode == 0

    assert json.loads((installed.site / "schema.json").read_text()) == {"schema": 2}


def test_twenty_kills_at_random_moments_leave_the_old_release_or_the_new(installed):
    """Neither is never running; what is half done is never taken for whole."""
    started = time.monotonic()
    assert installed.install(installed.bundles["2"]).returncode == 0
    whole_s = time.monotonic() - started
    chance, left = random.Random(9), []

    for number in range(KILLS):
        installed.begin()
        with subprocess.Popen(
            installed.words(installed.bundles["2"]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            # One in each twentieth of the time that it takes.
            time.sleep(whole_s * (number + chance.random()) / KILLS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        left.append(installed.running())
        schema = json.loads((installed.site / "schema.json").read_text())
        assert left[-1] == "2" or schema == {"schema": 1}
        if number % 5 == 0:
            assert installed.install(installed.bundles["2"]).returncode == 0
            assert installed.running() == "2"

    assert "1" in left
