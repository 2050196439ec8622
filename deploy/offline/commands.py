"""What the installer asks of a release's own command line, as the user to whom the site belongs."""

import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any, Final

from offline.environment import environment
from offline.files import read_regular
from offline.refusal import BUG, Refused

SETTINGS: Final = "site.toml"
SCHEMA: Final = "schema.json"
_HARMLESS: Final = (0, 4)
# The file is the site's user's, and read as root.
_MOST: Final = 1 << 12


def start(folder: Path) -> str:
    """The version that the release's program says it has: it can be started.

    Raises:
        Refused: It can't.
    """
    done = _call(folder, ["--version"], None)
    if done.returncode != 0:
        raise Refused(
            f"The program in {folder} does not start.",
            "See that the bundle is for this kind of machine and this version of Python.",
            BUG,
        )
    return done.stdout.strip()


def examine(folder: Path, site: Path | None) -> tuple[int, list[str]]:
    """The exit code of the release's doctor, and the ids of checks that fail or can't be made."""
    done = _call(folder, [*_examination(site), "--json"], site)
    try:
        checks = json.loads(done.stdout)["checks"]
        bad = [one["check_id"] for one in checks if one["status"] in {"fail", "error"}]
    except (ValueError, KeyError, TypeError):
        bad = []
    return done.returncode, bad


def spell_examination(folder: Path, site: Path | None) -> str:
    """How a person asks that doctor the same, and as whom: root is told something else."""
    words = " ".join((f"{folder}/.venv/bin/appliance", *_examination(site)))
    return f"`{words}`, as the user to whom the site belongs," if site else f"`{words}`"


def is_well(exit_code: int) -> bool:
    """Whether a doctor that ended so found nothing that forbids to go on."""
    return exit_code in _HARMLESS


def schema_of(site: Path) -> int:
    """The newest layout that anything in the site can have.

    Raises:
        Refused: It can't be told.
    """
    return max(_read_schema(site))


def is_at(site: Path, schema: int) -> bool:
    """Whether the site has that layout, and is not on its way from or to another.

    Raises:
        Refused: It can't be told.
    """
    return _read_schema(site) == (schema, schema)


def migrate(folder: Path, site: Path) -> None:
    """The site has the layout that the release works with.

    Raises:
        Refused: The release could not see to it.
    """
    # Not with `--json`: what it complains of is shown to a person.
    _told(_call(folder, ["site", "migrate", "--site", str(site)], site), "migrate")


def revert(folder: Path, site: Path) -> None:
    """The site has the layout again that it had before the release migrated it.

    Raises:
        Refused: The release could not see to it.
    """
    _told(_call(folder, ["site", "revert", "--site", str(site), "--yes"], site), "revert")


def _read_schema(site: Path) -> tuple[int, int]:
    """The layout that the site has, and the one that it is on the way to or back from."""
    try:
        raw = json.loads(read_regular(site / SCHEMA, _MOST))
        return int(raw["schema"]), int(raw.get("becoming", raw["schema"]))
    except FileNotFoundError:
        return 0, 0
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(
            f"{site / SCHEMA} can't be read.", "Restore the site from its backup."
        ) from None


def _examination(site: Path | None) -> list[str]:
    return ["doctor", *(["--site", str(site), "--gate"] if site else [])]


def _told(done: subprocess.CompletedProcess[str], verb: str) -> None:
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Refused(
            f"`appliance site {verb}` ended with {done.returncode}. {said[-1] if said else ''}",
            "Mend what it names and run the same command again.",
            done.returncode,
        )


def _call(folder: Path, words: list[str], site: Path | None) -> subprocess.CompletedProcess[str]:
    identity: dict[str, Any] = {}
    known = environment()
    if site is not None and os.geteuid() == 0:
        # Root would leave files in the site that its user can't write any more.
        owner = site.stat()
        identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        # Root's is shut to that user, and nothing may be kept in it.
        known["HOME"] = _home_of(owner.st_uid)
    return subprocess.run(
        [str(folder / ".venv/bin/appliance"), *words],
        cwd=folder,
        env=known,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )


def _home_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_dir
    except KeyError:
        return "/"
