"""Finding and ending every process of one engine, what it left in shared memory, its sockets.

A process belongs to an engine by any of three signs. Its environment carries the engine's mark,
which children inherit, also those that start a session of their own; but vLLM's workers write
their title over it. It is in the engine's session. Or it was seen before under one of these signs.
"""

import os
import signal
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MARK: Final = "APPLIANCE_ENGINE"
# Where vLLM puts its sockets; without it they pile up among the temporary files of everybody.
SOCKETS_PLACE: Final = "VLLM_RPC_BASE_PATH"
_PROC: Final = Path("/proc")
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - it is where vLLM puts its segments
# Ended, and not yet asked for by its parent: it holds neither memory nor segments.
_ENDED: Final = ("Z", "X")
_POLL_S: Final = 0.1
_SOCKETS: Final = "appliance-engine-"


@dataclass(slots=True)
class Traces:
    """What has been seen of one engine so far.

    Attributes:
        engine_id: Its mark.
        session: Id of its session while its first process is our child; 0 when that is not sure,
            for the number may have become another session's.
        seen: Process id to time of birth, of every process seen.
        segments: Names of its files in shared memory.
        sockets: Directory of its UNIX sockets, or "".
    """

    engine_id: str
    session: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    segments: set[str] = field(default_factory=set)
    sockets: str = ""

    def alive(self) -> list[int]:
        """Ids of the engine's processes that run now."""
        found = []
        for entry in _PROC.iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    if self._is_ours(entry):
                        found.append(int(entry.name))
        return found

    def look(self) -> bool:
        """Take note of what is there now; whether any of it is new."""
        before = len(self.seen) + len(self.segments)
        pids = self.alive()
        for pid in pids:
            birth = started_at(pid)
            if birth is not None:
                self.seen[pid] = birth
        self.segments |= shared_segments(pids) | named_segments(self.seen)
        return len(self.seen) + len(self.segments) > before

    def erase(self, grace_s: float) -> None:
        """No process, segment or socket is left; each process had `grace_s` to end by itself."""
        self.look()
        self._signal_all(signal.SIGTERM)
        until = time.monotonic() + grace_s
        while self.alive() and time.monotonic() < until:
            time.sleep(_POLL_S)
        # Workers may be born while others are being ended: until none is found.
        while self._signal_all(signal.SIGKILL):
            time.sleep(_POLL_S)
        self.segments |= named_segments(self.seen)
        remove_segments(self.segments)
        remove_sockets(self.sockets, self.engine_id)

    def _is_ours(self, entry: Path) -> bool:
        state, session, birth = _read_stat(entry)
        if state in _ENDED:
            return False
        if (self.session and session == self.session) or self.seen.get(int(entry.name)) == birth:
            return True
        mark = f"{MARK}={self.engine_id}".encode()
        return mark in (entry / "environ").read_bytes().split(b"\x00")

    def _signal_all(self, number: int) -> int:
        pids = self.alive()
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return len(pids)


def started_at(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None where none runs, or it has ended.

    With the id it names one process for good: ids are used again, this pair is not.
    """
    try:
        state, _, birth = _read_stat(_PROC / str(pid))
    except OSError:
        return None
    return None if state in _ENDED else birth


def shared_segments(pids: Iterable[int]) -> set[str]:
    """Names of the shared-memory files that these processes hold open or have mapped."""
    names: set[str] = set()
    for pid in pids:
        with suppress(OSError):
            names.update(_segments(pid))
    return names


def named_segments(pids: Iterable[int]) -> set[str]:
    """Names of semaphores that carry the id of one of these processes in their own name.

    Joblib's loky makes them, unmaps them at once, and forgets them when it is killed.
    """
    owners = {f"sem.loky-{pid}-" for pid in pids}
    return {
        path.name
        for path in SHARED_MEMORY.glob("sem.loky-*")
        if path.name[: path.name.rfind("-") + 1] in owners
    }


def remove_segments(names: Iterable[str]) -> None:
    """The named shared-memory files are gone; prompts were in them."""
    for name in names:
        # A name comes from the kernel, yet nothing outside the directory may ever be removed.
        if name and "/" not in name:
            with suppress(OSError):
                (SHARED_MEMORY / name).unlink()


def make_sockets(engine_id: str) -> Path:
    """A new directory for the engine's UNIX sockets, its owner's alone.

    Not below the site, whose path may be long: a socket's has 107 bytes at most (unix(7)).
    """
    directory = Path(tempfile.gettempdir()) / f"{_SOCKETS}{engine_id}"
    directory.mkdir(mode=0o700)
    return directory


def remove_sockets(directory: str, engine_id: str) -> None:
    """The engine's directory of sockets is gone; it leaves them there when it is ended."""
    path = Path(directory)
    if path.name != f"{_SOCKETS}{engine_id}":
        return
    with suppress(OSError):
        found = path.lstat()
        # Another user may have made one of that name, or a link, where ours was.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            for entry in path.iterdir():
                entry.unlink()
            path.rmdir()


def _read_stat(entry: Path) -> tuple[str, int, int]:
    """State, session and birth: fields 3, 6 and 22 of proc(5)."""
    # The name in field 2 may hold spaces and brackets.
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[3]), int(fields[19])


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
