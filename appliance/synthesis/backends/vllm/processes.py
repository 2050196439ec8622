"""Finding and ending every process of one engine, and what it left in shared memory.

An engine marks itself with an environment variable that all its children inherit: a process group
alone misses workers that start a session of their own.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "APPLIANCE_ENGINE"
_PROC: Final = Path("/proc")
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - it is where vLLM puts its segments
_POLL_S: Final = 0.1


def marked(engine_id: str) -> list[int]:
    """Ids of all processes of that engine that are alive and ours to see."""
    wanted = f"{MARK}={engine_id}".encode()
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\x00"):
                    found.append(int(entry.name))
    return found


def started_at(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None where there is none.

    With the id it names one process for good: ids are used again, this pair is not.
    """
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # Field 22 of proc(5); the name in field 2 may hold spaces and brackets.
    return int(stat.rpartition(")")[2].split()[19])


def shared_segments(pids: list[int]) -> set[str]:
    """Names of the shared-memory files that these processes hold open or have mapped."""
    names: set[str] = set()
    for pid in pids:
        with suppress(OSError):
            names.update(_segments(pid))
    return names


def _segments(pid: int) -> Iterator[str]:
    prefix = f"{SHARED_MEMORY}/"
    for line in (_PROC / str(pid) / "maps").read_text().splitlines():
        _, found, tail = line.partition(prefix)
        if found:
            yield tail.removesuffix(" (deleted)")
    for descriptor in (_PROC / str(pid) / "fd").iterdir():
        target = str(descriptor.readlink())
        if target.startswith(prefix):
            yield target.removeprefix(prefix).removesuffix(" (deleted)")


def end_all(engine_id: str, grace_s: float) -> None:
    """No process of that engine is left; each had `grace_s` seconds to end by itself."""
    _signal_all(engine_id, signal.SIGTERM)
    until = time.monotonic() + grace_s
    while marked(engine_id) and time.monotonic() < until:
        time.sleep(_POLL_S)
    # Workers may be born while others are being ended: until none is found twice running.
    while _signal_all(engine_id, signal.SIGKILL):
        time.sleep(_POLL_S)


def remove_segments(names: set[str]) -> None:
    """The named shared-memory files are gone; prompts were in them."""
    for name in names:
        # A name comes from the kernel, yet nothing outside the directory may ever be removed.
        if name and "/" not in name:
            with suppress(OSError):
                (SHARED_MEMORY / name).unlink()


def _signal_all(engine_id: str, number: int) -> int:
    pids = marked(engine_id)
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return len(pids)
