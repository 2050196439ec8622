"""Where an audit searches for clear text: files of the site and others, memory, processes."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from appliance.audits.atrest import Hit, Place
from appliance.audits.needles import Needles
from appliance.errors import BadInput
from appliance.settings.site import SitePaths

_WEIGHTS: Final = ".safetensors"


def make_places(paths: SitePaths, look: Sequence[Path]) -> Iterator[Place]:
    """Every file of the site but its models' weights, other paths, shared memory, own processes.

    Raises:
        BadInput: One of `look` is not there.
    """
    # A model's vocabulary has names as well.
    naming = (paths.corpora, paths.journal, paths.policies, paths.reports, paths.models)
    for path in _regular(paths.root):
        if path.suffix == _WEIGHTS and path.is_relative_to(paths.models):
            continue
        yield Place(
            path.relative_to(paths.root).as_posix(),
            partial(_search_file, path),
            may_name=any(path.is_relative_to(parent) for parent in naming),
            holds_keys=path.is_relative_to(paths.keys),
        )
    yield Place("names of files and directories", partial(_search_names, paths.root))
    for number, root in enumerate(look, 1):
        if not os.path.exists(root):  # noqa: PTH110 - without rights it is not there either
            raise BadInput(f"--look {number} is not there.", "Name a file or a directory.")
        # Names of files elsewhere can be patients': they are told by number.
        found = [root] if root.is_file() else list(_regular(root))
        for at, path in enumerate(found, 1):
            yield Place(f"--look {number}, file {at}", partial(_search_file, path))
    for number, path in enumerate(_left_over(Path("/dev/shm")), 1):  # noqa: S108 - looked at
        yield Place(f"shared memory {number}", partial(_search_file, path))
    yield Place("environments and command lines of this user", _search_processes)


def _regular(root: Path) -> Iterator[Path]:
    """Its regular files, and what can't be looked at: a search in that fails, and is told."""
    shut: list[Path] = []

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            shut.append(Path(error.filename))

    for parent, directories, names in os.walk(root, onerror=note):
        directories.sort()
        yield from (path for name in sorted(names) if _is_searched(path := Path(parent, name)))
    yield from shut


def _is_searched(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _left_over(shared: Path) -> list[Path]:
    """Memory of ended engines of this user: what nobody maps any more is data at rest."""
    own = []
    for path in shared.glob("psm_*"):
        with suppress(FileNotFoundError):
            own += [path] if path.lstat().st_uid == os.getuid() else []
    mapped = b"".join(_maps()) if own else b""
    return sorted(path for path in own if path.name.encode() not in mapped)


def _maps() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield (process / "maps").read_bytes()


def _search_file(path: Path, needles: Needles) -> set[Hit]:
    return needles.find_in(path)


def _search_names(root: Path, needles: Needles) -> set[Hit]:
    """What files and directories below it are called, also empty ones and links."""
    found: set[Hit] = set()
    for parent, directories, names in os.walk(root):
        for name in (*directories, *names):
            found |= needles.find(os.fsencode(Path(parent, name).relative_to(root)))
    return found


def _search_processes(needles: Needles) -> set[Hit]:
    """Environment and command line of each process of this user; proc(5)."""
    found: set[Hit] = set()
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline"):
            try:
                found |= needles.find((process / name).read_bytes())
            except OSError:
                # Another user's, or it has ended.
                break
    return found
