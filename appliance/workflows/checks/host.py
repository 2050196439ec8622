"""Checks of the machine: what the kernel says of processor, memory, disk and processes."""

import ctypes
import os
import re
import resource
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.records.clock import Clock
from appliance.workflows.checks.devices import swap_media
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped

_GIB: Final = 1 << 30
_KIB: Final = 1 << 10
# What the main job on the embedded models needs, with a margin: measured, then doubled to warn.
_MEMORY_GIB: Final = (3, 6)
_DISK_GIB: Final = (2, 10)
_SHARED_GIB: Final = (0.5, 1)
_NOT_FOR_OTHERS_TO_WRITE: Final = 0o022
_PYTHONS: Final = ((3, 11), (3, 13))
# Nothing was released before this; a clock that shows less was never set.
_RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
_RAY_PROCESSES: Final = frozenset({"raylet", "gcs_server"})
# Each of these has a value that would send something out, and its own off.
_SWITCHES: Final[Mapping[str, frozenset[str]]] = {
    "RAY_USAGE_STATS_ENABLED": frozenset({"1"}),
    "VLLM_NO_USAGE_STATS": frozenset({"0"}),
    "DO_NOT_TRACK": frozenset({"0"}),
    "ORT_DISABLE_TELEMETRY": frozenset({"0"}),
    "HF_HUB_OFFLINE": frozenset({"0"}),
    "TRANSFORMERS_OFFLINE": frozenset({"0"}),
    "HF_HUB_DISABLE_TELEMETRY": frozenset({"0"}),
}
# adjtimex(2): TIME_ERROR.
_CLOCK_IS_NOT_SYNCHRONISED: Final = 5
_REACHES_OUT: Final = ("http_proxy", "https_proxy", "all_proxy", "openai_api_key", "hf_token")


@dataclass(frozen=True, slots=True)
class Host:
    """A machine to look at.

    Attributes:
        proc: Where its /proc is.
        shm: Where its /dev/shm is.
        disk: A path on the disk that matters.
        environment: The variables of this process.
        clock: Its clock.
        sys: Where its /sys is.
        etc: Where its /etc is.
        user: Number of the user whose site it is, or who looks.
        is_synchronised: Whether something keeps the kernel's clock right; None where it won't say.
    """

    proc: Path
    shm: Path
    disk: Path
    environment: Mapping[str, str]
    clock: Clock
    sys: Path
    etc: Path
    user: int
    is_synchronised: bool | None


def this_host(disk: Path, clock: Clock, user: int | None = None) -> Host:
    """The machine this process runs on.

    Args:
        disk: A path on the disk that matters.
        clock: The time.
        user: Whose site it is; None for who looks.
    """
    return Host(
        Path("/proc"),
        Path("/dev/shm"),  # noqa: S108 - shared memory itself
        disk,
        dict(os.environ),
        clock,
        Path("/sys"),
        Path("/etc"),
        os.getuid() if user is None else user,
        _is_synchronised(),
    )


def _python(_: Host) -> Outcome:
    version = sys.version_info[:2]
    return judge(
        f"Python {sys.version.split()[0]}.",
        "Install Python 3.11 or 3.12 and make the environment again.",
        fails=not _PYTHONS[0] <= version < _PYTHONS[1],
    )


def _processor(host: Host) -> Outcome:
    text = (host.proc / "cpuinfo").read_text(encoding="utf-8")
    match = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    flags = set(match[1].split()) if match else set()
    named = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return judge(
        f"{os.cpu_count()} cores with {', '.join(named) or 'none of the vector instructions'}.",
        "Serve the generator from a GPU, or use a processor with AVX2 (2013 or later).",
        fails="avx2" not in flags,
    )


def _memory(host: Host) -> Outcome:
    free = _kib(host.proc / "meminfo", "MemAvailable") * _KIB / _GIB
    return judge(
        f"{free:.1f} GiB of memory available.",
        "Free memory: vLLM with the embedded model, Ray and training take about 5 GiB together.",
        fails=free < _MEMORY_GIB[0],
        warns=free < _MEMORY_GIB[1],
    )


def _disk(host: Host) -> Outcome:
    place = next(path for path in (host.disk, *host.disk.parents) if path.exists())
    free = shutil.disk_usage(place).free / _GIB
    return judge(
        f"{free:.1f} GiB free.",
        "Free some space, or put the site on a larger disk.",
        fails=free < _DISK_GIB[0],
        warns=free < _DISK_GIB[1],
    )


def _shared_memory(host: Host) -> Outcome:
    if not host.shm.is_dir():
        return judge("There is no /dev/shm.", "Mount a tmpfs there.", fails=True)
    size = shutil.disk_usage(host.shm).total / _GIB
    return judge(
        f"It holds {size:.1f} GiB.",
        "Enlarge it (`mount -o remount,size=2G /dev/shm`): Ray and vLLM share memory through it.",
        fails=size < _SHARED_GIB[0],
        warns=size < _SHARED_GIB[1],
    )


def _leftover_memory(host: Host) -> Outcome:
    segments = dict(_segments(host))
    maps, closed = _maps(host)
    used = {name for one in maps for name in segments if f"/{name}" in one}
    # The language model's service runs as a user of its own: whether it is in use, root sees.
    unseen = {name for name, (_, owner) in segments.items() if _is_hidden(host, owner, closed)}
    left = [size for name, (size, _) in segments.items() if name not in used | unseen]
    others = f"; {len(unseen - used)} of another user's programs" if unseen - used else ""
    return judge(
        f"{len(left)} segment(s) of an ended engine in /dev/shm, "
        f"{sum(left) // _KIB} KiB; {len(used)} in use{others}.",
        "They can hold prompts: see that no engine is running, then `rm /dev/shm/psm_*`.",
        fails=bool(left),
    )


def _swap(host: Host) -> Outcome:
    found = swap_media(host.proc, host.sys)
    clear = [one.name for one in found if not one.is_encrypted]
    return judge(
        f"{len(found)} swap device(s), {len(clear)} not encrypted"
        f"{f': {_list(clear)}' if clear else ''}.",
        "Turn swap off (`swapoff -a`) or encrypt it: what is in memory can come to rest there.",
        warns=bool(clear),
    )


def _core_dumps(host: Host) -> Outcome:
    limit = resource.getrlimit(resource.RLIMIT_CORE)[0]
    piped = (host.proc / "sys/kernel/core_pattern").read_text(encoding="utf-8").startswith("|")
    return judge(
        f"Core dumps {'are' if limit else 'are not'} written"
        f"{', and a handler takes them all the same' if piped else ''}.",
        "Set `ulimit -c 0` (LimitCORE=0 in a unit) and no handler in kernel.core_pattern: "
        "a dump holds whatever was in memory.",
        warns=bool(limit) or piped,
    )


def _umask(host: Host) -> Outcome:
    match = re.search(
        r"^Umask:\s*(\d+)$", (host.proc / "self/status").read_text(encoding="utf-8"), re.MULTILINE
    )
    mask = int(match[1], 8) if match else 0
    return judge(
        f"The umask is {mask:04o}.",
        "Set `umask 077`, at least 022: others may write what this user makes.",
        fails=mask & _NOT_FOR_OTHERS_TO_WRITE != _NOT_FOR_OTHERS_TO_WRITE,
    )


def _user(_: Host) -> Outcome:
    return judge(
        f"Running as user id {os.getuid()}.",
        "Make a user of its own for the appliance: root reads past every mode and key file.",
        warns=os.getuid() == 0,
    )


def _other_ray(host: Host) -> Outcome:
    running = [name for name in _names(host) if name in _RAY_PROCESSES]
    return judge(
        f"{len(running)} Ray daemon(s) on this machine.",
        "If they are not this site's own, end them by process id (never `ray stop`, which ends "
        "everybody's): a Ray without a token runs anybody's code.",
        warns=bool(running),
    )


def _clock(host: Host) -> Outcome:
    now = host.clock.now()
    return judge(
        f"It is {now.isoformat(timespec='seconds')}.",
        "Set the clock and keep it set (chrony, systemd-timesyncd): stamps and the ledger need it.",
        fails=now < _RELEASED,
    )


def _kept_clock(host: Host) -> Outcome:
    if host.is_synchronised is None:
        return skipped("The kernel does not tell.")
    return judge(
        f"The kernel's clock is {'' if host.is_synchronised else 'not '}synchronised.",
        "Let chrony or systemd-timesyncd follow a time server of the hospital's own "
        "(`chronyc tracking`, `timedatectl`): hosts of a cluster and heads kept elsewhere need it.",
        warns=not host.is_synchronised,
    )


def _telemetry(host: Host) -> Outcome:
    wrong = [name for name, values in _SWITCHES.items() if host.environment.get(name) in values]
    return judge(
        f"Switched on: {', '.join(wrong)}." if wrong else "No switch of a library is on.",
        "Unset them: the appliance sets every one to off by itself.",
        fails=bool(wrong),
    )


def _ways_out(host: Host) -> Outcome:
    found = sorted(name for name in host.environment if name.lower() in _REACHES_OUT)
    return judge(
        f"Set in this process: {', '.join(found)}." if found else "No proxy, no provider's key.",
        "Unset them here: they belong, if anywhere, to the one process that may send.",
        warns=bool(found),
    )


def _graphics(host: Host) -> Outcome:
    driver = host.proc / "driver/nvidia/version"
    if not driver.is_file():
        return skipped("There is no NVIDIA driver; everything runs on the processor.")
    return passed(driver.read_text(encoding="utf-8").splitlines()[0].strip())


HOST_CHECKS: Final = (
    Check("HOST001", "Python is of a version that was tested", _python),
    Check("HOST002", "The processor has the instructions that vLLM needs", _processor),
    Check("HOST003", "There is memory enough", _memory),
    Check("HOST004", "There is disk enough", _disk),
    Check("HOST005", "Shared memory is large enough", _shared_memory),
    Check("HOST006", "No engine left prompts in shared memory", _leftover_memory),
    Check("HOST007", "Memory is not swapped to disk", _swap),
    Check("HOST008", "Memory is not dumped to disk", _core_dumps),
    Check("HOST009", "What this user makes is not for others to write", _umask),
    Check("HOST010", "The appliance has a user of its own", _user),
    Check("HOST011", "No other Ray runs here", _other_ray),
    Check("HOST012", "The clock is set", _clock),
    Check("HOST013", "No library reports to its makers", _telemetry),
    Check("HOST014", "No way out is configured in this process", _ways_out),
    Check("HOST015", "The graphics driver, where there is one, answers", _graphics),
    Check("HOST016", "The clock is kept by a time server", _kept_clock),
)


def _is_synchronised() -> bool | None:
    """As adjtimex(2) says, which any user may ask."""
    # struct timex; 208 bytes on every 64-bit Linux, and the answer does not need them.
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _CLOCK_IS_NOT_SYNCHRONISED


def _list(names: list[str]) -> str:
    return ", ".join(names)


def _segments(host: Host) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, size and owner."""
    for path in host.shm.glob("psm_*"):
        with suppress(OSError):  # It went while we looked.
            found = path.stat()
            yield path.name, (found.st_size, found.st_uid)


def _is_hidden(host: Host, owner: int, closed: set[int]) -> bool:
    """Whether another user runs programs into which we may not look, or may run some."""
    # Else other users' processes are not shown at all: hidepid= of proc(5).
    shows_everybody = (host.proc / "1").exists()
    return owner != os.geteuid() and (owner in closed or not shows_everybody)


def _kib(path: Path, field: str) -> int:
    match = re.search(rf"^{field}:\s*(\d+) kB", path.read_text(encoding="utf-8"), re.MULTILINE)
    return int(match[1]) if match else 0


def _processes(host: Host) -> Iterator[Path]:
    yield from (path for path in host.proc.iterdir() if path.name.isdigit())


def _names(host: Host) -> Iterator[str]:
    for process in _processes(host):
        with suppress(OSError):  # It ended while we looked.
            yield (process / "comm").read_text(encoding="utf-8").strip()


def _maps(host: Host) -> tuple[list[str], set[int]]:
    """What each process maps, and the users of those that we may not look into."""
    maps, closed = [], set()
    for process in _processes(host):
        try:
            maps.append((process / "maps").read_text(encoding="utf-8", errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended while we looked.
        except OSError:
            with suppress(OSError):
                closed.add(process.stat().st_uid)
    return maps, closed
