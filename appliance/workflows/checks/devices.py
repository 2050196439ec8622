"""What lies under a path: which file system, which block devices, and whether these encrypt.

As the kernel tells it (proc(5), mountinfo; sysfs(5), block). A disk that encrypts by itself does
not tell, nor does a share of another machine.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Medium:
    """Where bytes come to rest.

    Attributes:
        name: Of the file system's kind, or of a swap device's.
        is_encrypted: None where it can't be told; true of memory, which keeps nothing.
    """

    name: str
    is_encrypted: bool | None


def medium_of(path: Path, proc: Path, sys: Path) -> Medium:
    """What the file or directory lies on.

    Args:
        path: It need not be there yet.
        proc: Where /proc is.
        sys: Where /sys is.
    """
    number, kind, source = _mount_of(path.resolve(), proc)
    if kind in _IN_MEMORY:
        return Medium(f"{kind}, memory", is_encrypted=True)
    # A file system of several devices (btrfs) has no number of its own in there.
    by_name = sys / "class/block" / Path(source).resolve().name
    for device in (sys / "dev/block" / number, by_name):
        if source.startswith("/") and device.exists():
            return Medium(kind, _encrypts(device.resolve()))
    return Medium(kind, None)


def swap_media(proc: Path, sys: Path) -> list[Medium]:
    """What memory is swapped to; proc(5), swaps."""
    found = []
    for line in (proc / "swaps").read_text(encoding="utf-8").splitlines()[1:]:
        name, kind = _plain(line.split()[0]), line.split()[1]
        if kind == "file":
            found.append(medium_of(Path(name), proc, sys))
            continue
        device = sys / "class/block" / Path(name).resolve().name
        # Compressed, in memory itself.
        is_memory = device.name.startswith("zram")
        encrypted = _encrypts(device.resolve()) if device.exists() else False
        found.append(Medium(device.name, is_memory or encrypted))
    return found


def _mount_of(path: Path, proc: Path) -> tuple[str, str, str]:
    """Device number, kind and source of the mount that holds the path."""
    found, longest = ("", "unknown", ""), -1
    for line in (proc / "self/mountinfo").read_text("utf-8", errors="surrogateescape").splitlines():
        first, _, second = line.partition(" - ")
        place = Path(_plain(first.split()[4]))
        # Of two mounts at one place the later one hides the other.
        if path.is_relative_to(place) and len(place.parts) >= longest:
            kind, source = second.split()[:2]
            found, longest = (first.split()[2], kind, _plain(source)), len(place.parts)
    return found


def _encrypts(device: Path) -> bool:
    """Whether the device is dm-crypt, or everything under it is."""
    mapped = device / "dm/uuid"
    if mapped.is_file() and mapped.read_text(encoding="ascii").startswith("CRYPT-"):
        return True
    below = list(_below(device))
    return bool(below) and all(map(_encrypts, below))


def _below(device: Path) -> Iterator[Path]:
    slaves = device / "slaves"
    if slaves.is_dir():
        yield from (path.resolve() for path in slaves.iterdir())


def _plain(word: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), word)
