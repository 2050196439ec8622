"""Checks of where things come to rest: whether it is encrypted, quick, and near the processors."""

import errno
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from appliance.artifacts.space import is_full
from appliance.workflows.checks.devices import medium_of
from appliance.workflows.checks.host import Host
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped

_BLOCK: Final = 4096
_SYNCS: Final = 9
_STREAM: Final = 8 << 20
# Chosen: an idle disk that spins takes about 10 ms, and writes 100 MB/s. What is so much slower is
# busy or broken.
_SLOW_S: Final = 0.05
_SLOW_MB_S: Final = 20.0
_NO_SUCH_FILE: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
_NOT_MINE: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def _encrypted(host: Host) -> Outcome:
    medium = medium_of(host.disk, host.proc, host.sys)
    if medium.is_encrypted is None:
        return judge(
            f"{medium.name}: this machine can't tell what lies under it.",
            "See that the storage encrypts at rest (and in transit, if it is another machine's).",
            warns=True,
        )
    return judge(
        f"{medium.name}, {'encrypted' if medium.is_encrypted else 'no dm-crypt under it'}.",
        "Put the site on LUKS (`cryptsetup luksFormat`), or know that the disk encrypts by itself: "
        "notes are sealed, but keys, findings and the ledger are files.",
        warns=not medium.is_encrypted,
    )


def _quick(host: Host) -> Outcome:
    place = next(path for path in (host.disk, *host.disk.parents) if path.is_dir())
    try:
        # It never has a name, and is gone with this process.
        handle = os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            return skipped("This file system makes no file without a name to try it with.")
        if error.errno in _NOT_MINE:
            return skipped("This user may not write there.")
        raise
    try:
        return judge_speed(*_measure(handle))
    except OSError as error:
        if not is_full(error):
            raise
        return judge("There is no room to try it.", "Free some.", fails=True)
    finally:
        os.close(handle)


def judge_speed(sync_s: float, mb_s: float) -> Outcome:
    """Whether a disk keeps up.

    Args:
        sync_s: What it takes until a small write is on it, median.
        mb_s: Megabytes written in a row and synced, in a second.
    """
    return judge(
        f"A small write is on the disk in {1000 * sync_s:.1f} ms; {mb_s:.0f} MB/s in a row.",
        "Put the site on a faster disk, or let the others on it have less to do: every event of "
        "the ledger waits for it.",
        warns=sync_s > _SLOW_S or mb_s < _SLOW_MB_S,
    )


def _measure(handle: int) -> tuple[float, float]:
    times = []
    for _ in range(_SYNCS):
        began = time.monotonic()
        os.write(handle, bytes(_BLOCK))
        os.fdatasync(handle)
        times.append(time.monotonic() - began)
    content = os.urandom(_STREAM)
    began = time.monotonic()
    os.write(handle, content)
    os.fdatasync(handle)
    return median(times), _STREAM / 1e6 / max(time.monotonic() - began, 1e-6)


def _memory_nodes(host: Host) -> Outcome:
    nodes = sorted((host.sys / "devices/system/node").glob("node[0-9]*"))
    if len(nodes) < 2:  # noqa: PLR2004 - one has nothing that could be far away
        return passed("All memory is equally near.")
    sizes = {node.name: _node_kib(node) >> 20 for node in nodes}
    bare = [node.name for node in nodes if _has_processors(node) and not sizes[node.name]]
    shown = ", ".join(f"{name} {size} GiB" for name, size in sizes.items())
    return judge(
        f"{len(nodes)} memory nodes: {shown}.",
        f"{', '.join(bare)}: processors without memory of their own. Fill their slots, or keep "
        "vLLM to the others (VLLM_CPU_OMP_THREADS_BIND).",
        warns=bool(bare),
    )


STORAGE_CHECKS: Final = (
    Check("HOST017", "What comes to rest on the disk is encrypted", _encrypted),
    Check("HOST018", "The disk is quick enough", _quick),
    Check("HOST019", "Processors have memory of their own", _memory_nodes),
)


def _node_kib(node: Path) -> int:
    match = re.search(r"MemTotal:\s*(\d+) kB", (node / "meminfo").read_text(encoding="ascii"))
    return int(match[1]) if match else 0


def _has_processors(node: Path) -> bool:
    return any(_lines(node / "cpulist"))


def _lines(path: Path) -> Iterator[str]:
    yield from (line for line in path.read_text(encoding="ascii").splitlines() if line.strip())
