"""Before the first bundle is trusted: what is checked by hand, what root reads and runs."""

import json
import os
import py_compile
import re
import shutil
import subprocess
import sys

import pytest

from offline import commands
from offline.refusal import Refused
from offline.releases import Prefix
from offline.steps import Wish, check, roll_back
from tests.lib.bundles import make_bundle, make_supplier
from tests.lib.house import REPOSITORY

BY_HAND = re.search(
    r"^```console\n(# cp -r .*?)^```$",
    (REPOSITORY / "deploy/offline/README.md").read_text(),
    re.MULTILINE | re.DOTALL,
)[1]
MARK = "import pathlib; pathlib.Path({path!r}).touch()\n"
IS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    supplier = make_supplier(root / "supplier")
    return make_bundle(root / "bundle", supplier), supplier


@pytest.fixture
def bundle(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "usb/bundle")


def _check_by_hand(made, tmp_path):
    """What the README says, carried out; its two places are ours."""
    home = tmp_path / "root"
    home.mkdir()
    shutil.copy(made[1].signers, home / "allowed_signers")
    script = re.sub(r"^# ", "", BY_HAND, flags=re.MULTILINE)
    script = script.replace("/media/usb", str(tmp_path / "usb")).replace("/root", str(home))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
    )


def _run(bundle, *words, cwd=None, python=sys.executable):
    """Its install.sh, as a person runs it; whatever steers Python is set against it."""
    return subprocess.run(
        ["/bin/sh", str(bundle / "deploy/install.sh"), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "APPLIANCE_PYTHON": python},
    )


@pytest.mark.usefixtures("bundle")
def test_by_hand_a_whole_bundle_is_taken(made, tmp_path):
    """The signature is good, and no word more."""
    done = _check_by_hand(made, tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Good ")
    assert done.stdout.count("\n") == 1


def test_all_who_install_for_the_first_time_are_told_the_same():
    assert BY_HAND in (REPOSITORY / "deploy/README.md").read_text()
    runbook = (REPOSITORY / "deploy/runbooks/install.md").read_text()
    assert all(line in runbook for line in BY_HAND.splitlines())
    for path in (REPOSITORY / "deploy/runbooks").glob("*.md"):
        assert "make install" not in path.read_text(), path.name


def _change(deploy):
    with (deploy / "offline/steps.py").open("a") as file:
        file.write("# \n")


def _drop(deploy):
    (deploy / "offline/steps.py").unlink()


def _shadow_a_library(deploy):
    (deploy / "argparse").mkdir()
    (deploy / "argparse/__init__.py").touch()


def _shadow_a_module_of_ours(deploy):
    (deploy / "offline/steps").mkdir()
    (deploy / "offline/steps/__init__.py").touch()


def _compiled(deploy):
    (deploy / "offline/__pycache__").mkdir()
    (deploy / "offline/__pycache__/steps.cpython-311.pyc").touch()


def _linked(deploy):
    shutil.move(deploy / "offline/steps.py", deploy.parent / "steps.py")
    (deploy / "offline/steps.py").symlink_to("../../steps.py")


def _extra_link(deploy):
    (deploy / "argparse").symlink_to("offline")


def _other_manifest(deploy):
    path = deploy.parent / "manifest.json"
    said = json.loads(path.read_text())
    said["files"]["deploy/argparse/__init__.py"] = said["files"]["LICENSE"]
    path.write_text(json.dumps(said))


@pytest.mark.parametrize(
    "damage",
    [
        _change,
        _drop,
        _shadow_a_library,
        _shadow_a_module_of_ours,
        _compiled,
        _linked,
        _extra_link,
        _other_manifest,
    ],
)
def test_by_hand_whatever_is_not_signed_below_deploy_is_seen(made, bundle, tmp_path, damage):
    damage(bundle / "deploy")

    assert _check_by_hand(made, tmp_path).returncode != 0


def test_nothing_of_the_current_directory_is_run(bundle, tmp_path):
    """A stick's own `venv.py` is not Python's."""
    place = tmp_path / "place"
    place.mkdir()
    for name in ("venv", "argparse", "encodings", "offline"):
        (place / f"{name}.py").write_text(MARK.format(path=str(place / "ran")))

    done = _run(bundle, "--help", cwd=place)

    assert done.returncode == 0, done.stderr
    assert not (place / "ran").exists()


@pytest.mark.parametrize("folder", ["deploy", "deploy/offline"])
def test_no_module_of_pythons_is_taken_from_the_bundle(bundle, tmp_path, folder):
    """However early it is wanted: Python itself looks for some before ours begins."""
    for name in ("argparse", "types", "warnings", "contextlib", "pathlib", "runpy", "json"):
        (bundle / folder / name).mkdir()
        path = bundle / folder / name / "__init__.py"
        path.write_text(MARK.format(path=str(tmp_path / "ran")))

    done = _run(bundle, "--help")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


def test_no_compiled_file_of_the_bundle_is_run(bundle, tmp_path):
    """One whose source is never looked at (PEP 552) would be, from `__pycache__`."""
    source = tmp_path / "evil.py"
    source.write_text(MARK.format(path=str(tmp_path / "ran")))
    for name in ("__init__", "install", "steps"):
        cached = bundle / f"deploy/offline/__pycache__/{name}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(
            str(source),
            str(cached),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    before = sorted(bundle.rglob("*"))

    done = _run(bundle, "--help")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    assert sorted(bundle.rglob("*")) == before


def _link(path, tmp_path):
    (tmp_path / "other.json").write_text('{"schema": 1}')
    path.symlink_to(tmp_path / "other.json")


def _pipe(path, _):
    os.mkfifo(path)


def _endless(path, _):
    path.write_text(" " * 100_000 + '{"schema": 1}')


def _deep(path, _):
    path.write_text("[" * 4000)


@pytest.mark.parametrize("damage", [_link, _pipe, _endless, _deep])
def test_a_sites_file_is_no_way_to_make_root_read_something_else(tmp_path, damage):
    """Its user can put a link, a pipe or gigabytes there."""
    site = tmp_path / "site"
    site.mkdir()
    damage(site / commands.SCHEMA, tmp_path)

    with pytest.raises(Refused, match="can't be read"):
        commands.schema_of(site)


def _others_write(folder):
    folder.chmod(0o777)


def _belongs_to_another(folder):
    if not IS_ROOT:
        pytest.skip("only root can give a directory away")
    os.chown(folder, 12345, 12345)


def _group_writes(folder):
    if not IS_ROOT:
        pytest.skip("others than root may share their group")
    folder.chmod(0o775)


@pytest.mark.parametrize("damage", [_others_write, _belongs_to_another, _group_writes])
@pytest.mark.parametrize("name", ["", "releases"])
def test_a_prefix_that_somebody_else_can_change_is_not_taken(made, tmp_path, damage, name):
    """Neither for an installation nor for a way back: its signers and releases would be theirs."""
    bundle, supplier = made
    folder = tmp_path / "prefix"
    (folder / "releases").mkdir(parents=True, mode=0o755)
    wish = Wish(Prefix(folder), bundle, supplier.signers)
    check(wish, str)
    damage(folder / name)

    with pytest.raises(Refused, match="somebody else"):
        check(wish, str)
    with pytest.raises(Refused, match="somebody else"):
        roll_back(wish, "", str)
