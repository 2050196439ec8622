"""A bundle is built and signed: `make bundle KEY=FILE`, on a machine that reaches a package index.

OUT/manifest.json(.sig)   wheels/   installer/   policies/   deploy/   models/   sbom.cdx.json
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from offline.bundle import FORMAT, MANIFEST, check_bundle, encode
from offline.environment import INSTALLER, WHEELS
from offline.files import open_regular, read_through
from offline.refusal import BAD_INPUT, Refused
from offline.signing import sign, signer_line

PIP: Final = "pip==25.3"
"""What installs the wheels on the hospital's machine."""
SBOM: Final = "sbom.cdx.json"
_LOCK: Final = "requirements.lock"
_TREES: Final = ("policies", "deploy")
_FILES: Final = (_LOCK, "LICENSE", "NOTICE", "README.md", "CHANGELOG.md")
_SOURCES: Final = ("appliance", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
_DAYS: Final = 180


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bundle is to be.

    Attributes:
        source: The repository.
        out: The directory to make.
        key: What signs.
        release: Name of the release.
        counter: Higher than that of every bundle before.
        site_schema: The layout of a site that the release works with.
        days: For how long it may be installed.
        models: Name to directory of models that go along.
    """

    source: Path
    out: Path
    key: Path
    release: str
    counter: int
    site_schema: int
    days: int = _DAYS
    models: Mapping[str, Path] = field(default_factory=dict)


def collect_wheels(source: Path, draft: Path, options: Sequence[str] = ()) -> None:
    """Every pin of the lock, the product itself and pip are in the draft as wheels.

    Args:
        source: The repository.
        draft: Of the bundle.
        options: For pip: where it looks.

    Raises:
        Refused: pip could not get one.
    """
    _pip("wheel", "--no-deps", "-r", str(source / _LOCK), "-w", str(draft / WHEELS), *options)
    make_own_wheel(source, draft)
    _pip("download", "--no-deps", "-d", str(draft / INSTALLER), PIP, *options)


def make_own_wheel(source: Path, draft: Path) -> None:
    """The product itself is in the draft as a wheel.

    Args:
        source: The repository.
        draft: Of the bundle.

    Raises:
        Refused: pip could not build it.
    """
    # From a copy: a build leaves its own directories beside the sources.
    copy = draft / "source"
    copy.mkdir()
    for name in _SOURCES:
        _copy(source / name, copy / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(draft / WHEELS), str(copy))
    shutil.rmtree(copy)


def assemble(plan: Plan, draft: Path, now: datetime) -> None:
    """The draft, which holds the wheels, is a bundle: signed, and checked as the hospital will.

    Raises:
        Refused: It can't be signed, or would not be taken.
    """
    from offline.sbom import describe

    for name in (*_TREES, *_FILES):
        _copy(plan.source / name, draft / name)
    for name, directory in plan.models.items():
        _copy(directory, draft / "models" / name)
    wheels = [(path, _digest(path)) for path in sorted((draft / WHEELS).glob("*.whl"))]
    models = [(name, _digest_tree(draft / "models" / name)) for name in sorted(plan.models)]
    (draft / SBOM).write_bytes(describe(plan.release, wheels, models))
    (draft / MANIFEST).write_bytes(encode(_manifest(plan, draft, now)))
    sign(draft / MANIFEST, plan.key)
    signers = draft.with_name(f"{draft.name}.signers")
    signers.write_text(signer_line(plan.key), encoding="ascii")
    try:
        check_bundle(draft, signers, now)
    finally:
        signers.unlink()


def build(plan: Plan, options: Sequence[str] = ()) -> None:
    """The bundle is at `plan.out`, whole, or nothing is.

    Raises:
        Refused: Something is there already, or a step failed.
    """
    if os.path.lexists(plan.out):
        raise Refused(f"{plan.out} is there already.", "Remove it, or name another.", BAD_INPUT)
    draft = plan.out.with_name(f"{plan.out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        collect_wheels(plan.source, draft, options)
        assemble(plan, draft, datetime.now(UTC))
        draft.rename(plan.out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def pack(bundle: Path, key: Path) -> Path:
    """The bundle in one file for the way, and that file's own signature beside it."""
    target = bundle.with_name(f"{bundle.name}.tar")
    with tarfile.open(target, "w") as tar:
        tar.add(bundle, arcname=bundle.name, filter=_anonymous)
    sign(target, key)
    return target


def main(arguments: list[str]) -> int:
    """The command line has run; returns the exit code."""
    given = _parser().parse_args(arguments)
    source = Path(__file__).resolve().parents[2]
    try:
        plan = _plan(given, source)
        build(plan, given.pip)
        if given.tar:
            print(pack(plan.out, plan.key))
    except Refused as refusal:
        print(f"bundle: {refusal}", file=sys.stderr)
        return refusal.exit_code
    print(plan.out)
    print(
        "For the hospital's allowed-signers file, by another way than the bundle:\n"
        f"{signer_line(plan.key)}",
        end="",
        file=sys.stderr,
    )
    return 0


def _plan(given: argparse.Namespace, source: Path) -> Plan:
    from appliance import __version__
    from appliance.settings.schema import SITE_SCHEMA

    models = dict(word.partition("=")[::2] for word in given.model)
    return Plan(
        source=source,
        out=given.out.absolute(),
        key=given.key.absolute(),
        release=given.release or __version__,
        counter=_commits(source) if given.counter is None else given.counter,
        site_schema=SITE_SCHEMA,
        days=given.days,
        models={name: Path(directory).absolute() for name, directory in models.items()},
    )


def _commits(source: Path) -> int:
    """How many commits led here: a counter that grows by itself."""
    done = subprocess.run(
        ["git", "-C", str(source), "rev-list", "--count", "HEAD"],  # noqa: S607 - the builder's
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refused("There is no git history to count.", "Name a counter: COUNTER=N.", BAD_INPUT)
    return int(done.stdout)


def _manifest(plan: Plan, draft: Path, now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "release": plan.release,
        "counter": plan.counter,
        "site_schema": plan.site_schema,
        "made_at": now.isoformat(timespec="seconds"),
        "expires": (now + timedelta(days=plan.days)).isoformat(timespec="seconds"),
        "files": {
            path.relative_to(draft).as_posix(): {
                "size": path.stat().st_size,
                "sha256": _digest(path),
            }
            for path in _files(draft)
        },
    }


def _files(directory: Path) -> Iterator[Path]:
    yield from sorted(path for path in directory.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with open_regular(path) as file:
        for chunk in read_through(file):
            hasher.update(chunk)
    return hasher.hexdigest()


def _digest_tree(directory: Path) -> str:
    lines = (
        f"{_digest(path)}  {path.relative_to(directory).as_posix()}\n" for path in _files(directory)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        # Links are followed: a bundle has none.
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copyfile(source, target)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words],
        check=False,
    )
    if done.returncode != 0:
        raise Refused(
            f"`pip {words[0]}` ended with {done.returncode}.",
            "If torch was not found: make bundle TORCH_INDEX=URL of PyTorch's CPU wheel index.",
            BAD_INPUT,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bundle", allow_abbrev=False)
    parser.add_argument("--key", type=Path, required=True, help="a private Ed25519 key")
    parser.add_argument("--out", type=Path, required=True, help="the directory to make")
    parser.add_argument("--release", help="name of the release; the product's version")
    parser.add_argument("--counter", type=int, help="the count of commits")
    parser.add_argument("--days", type=int, default=_DAYS, help="until it expires (%(default)s)")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--tar", action="store_true", help="pack it into one file, too")
    parser.add_argument("--pip", action="append", default=[], help="an option for pip")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
