"""Small bundles: real wheels, a real signature, and a short program in the product's place.

The program says its version, plays the doctor, and migrates a site's layout slowly enough to be
shot at; everything around it is what ships.
"""

import ensurepip
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from offline.build import Plan, assemble
from offline.environment import INSTALLER, WHEELS
from offline.signing import signer_line
from tests.lib.house import REPOSITORY

_PROGRAM: Final = """
import json, sys, time
from pathlib import Path

VERSION, SCHEMA, DOCTOR = {release!r}, {schema}, {doctor}


def number(site):
    path = site / "schema.json"
    return json.loads(path.read_text()) if path.exists() else dict(schema=0)


def write(site, **said):
    (site / "schema.part").write_text(json.dumps(said))
    (site / "schema.part").rename(site / "schema.json")


def main():
    words = sys.argv[1:]
    site = Path(words[words.index("--site") + 1]) if "--site" in words else None
    if words == ["--version"]:
        print("appliance, version", VERSION)
    elif words[0] == "doctor":
        if site is not None and max(number(site).values()) > SCHEMA:
            sys.exit(3)
        bad = [dict(check_id="HOST099", status="fail")] if DOCTOR == 3 else []
        print(json.dumps(dict(checks=bad)))
        sys.exit(DOCTOR)
    elif words[:2] == ["site", "migrate"]:
        write(site, schema=number(site)["schema"], becoming=SCHEMA)
        time.sleep(0.3)
        write(site, schema=SCHEMA)
    elif words[:2] == ["site", "revert"]:
        write(site, schema=1)
    elif words == ["work", "--site", str(site)]:
        # What an older release can't do with a newer site, and a newer one can with an older.
        sys.exit(max(number(site).values()) > SCHEMA)
"""
_SETUP: Final = """
from setuptools import setup

setup(name="appliance", version="{release}", py_modules=["tiny_appliance"],
      entry_points=dict(console_scripts=["appliance = tiny_appliance:main"]))
"""


@dataclass(frozen=True, slots=True)
class Supplier:
    """Somebody who signs bundles.

    Attributes:
        key: The private key.
        signers: The allowed-signers file that names this supplier.
    """

    key: Path
    signers: Path


def make_supplier(directory: Path) -> Supplier:
    """A supplier with a fresh key."""
    directory.mkdir(parents=True, exist_ok=True)
    key = directory / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    signers = directory / "allowed"
    signers.write_text(signer_line(key), encoding="ascii")
    return Supplier(key, signers)


def pip_wheel() -> Path | None:
    """The wheel of pip that this Python came with, if it did."""
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    found = [*bundled.glob("pip-*.whl"), *Path("/usr/share/python-wheels").glob("pip-*.whl")]
    return found[0] if found else None


def make_wheel(directory: Path, release: str, schema: int = 1, doctor: int = 0) -> Path:
    """A wheel of the program, built by pip."""
    source = directory / f"source-{release}"
    source.mkdir(parents=True)
    (source / "tiny_appliance.py").write_text(
        _PROGRAM.format(release=release, schema=schema, doctor=doctor)
    )
    (source / "setup.py").write_text(_SETUP.format(release=release))
    words = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "-w", str(directory), str(source)],
        check=True,
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull},
    )
    [wheel] = directory.glob(f"appliance-{release}-*.whl")
    return wheel


def make_bundle(
    out: Path,
    supplier: Supplier,
    *,
    release: str = "1",
    counter: int = 1,
    schema: int = 1,
    wheel: Path | None = None,
    days: int = 10,
    now: datetime | None = None,
    models: Mapping[str, Path] | None = None,
) -> Path:
    """A bundle of that wheel; without one it can be checked, but not installed."""
    source = out.with_name(f"{out.name}.source")
    (source / "policies").mkdir(parents=True)
    (source / "policies/phi.toml").write_text("version = 1\n")
    for name in ("requirements.lock", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md"):
        (source / name).write_text(f"{name} of {release}\n")
    shutil.copytree(
        REPOSITORY / "deploy", source / "deploy", ignore=shutil.ignore_patterns("__pycache__")
    )
    out.mkdir()
    if wheel is not None:
        put_wheels(out, [wheel])
    plan = Plan(source, out, supplier.key, release, counter, schema, days, models or {})
    assemble(plan, out, now or datetime.now(UTC))
    shutil.rmtree(source)
    return out


def put_wheels(out: Path, wheels: Sequence[Path]) -> None:
    """The wheels are where a bundle has them, and pip's beside them, if there is one."""
    pip = pip_wheel()
    for folder, files in ((WHEELS, wheels), (INSTALLER, [pip] if pip else [])):
        (out / folder).mkdir()
        for file in files:
            shutil.copy(file, out / folder)


def make_site(directory: Path) -> Path:
    """A directory that looks like a site of layout 1 to the installer."""
    directory.mkdir(parents=True)
    (directory / "site.toml").touch()
    (directory / "schema.json").write_text('{"schema": 1}')
    return directory


def install_words(*words: str | Path) -> list[str]:
    """The command that runs the installer of this checkout."""
    return [str(REPOSITORY / "deploy/install.sh"), *map(str, words)]


KILLED: Final = textwrap.dedent(
    """
    import os, signal, sys
    from offline import bundle, commands, environment, install, releases, steps

    step, words = sys.argv[1], sys.argv[2:]
    room, name = step.rsplit(".", 1)
    owner = steps if room == "steps" else releases.Prefix if room == "prefix" else commands
    kept = getattr(owner, name)

    def shot(*given, **named):
        kept(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, shot)
    sys.exit(install.main(words))
    """
)
"""A program: the installer, killed as soon as a step of it (`steps.furnish`, ...) was taken."""
