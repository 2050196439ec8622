"""A small process that stands between us and the engine, and ends it when we are gone.

Run as `python -m appliance.synthesis.backends.vllm.watchdog STATE COMMAND...`. Its standard input
is a pipe that only the owner holds open: when the owner closes it, or dies in any way, `kill -9`
included, the pipe ends and so does the whole engine. It imports nothing heavy.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from appliance.synthesis.backends.vllm.processes import (
    MARK,
    SOCKETS_PLACE,
    Traces,
    started_at,
)

GRACE_S: Final = 8.0
_LOOK_EVERY_S: Final = 1.0
_PR_SET_PDEATHSIG: Final = 1


def watch(state: Path, command: list[str]) -> int:
    """The engine ran until it ended or the owner went; nothing of it is left.

    Args:
        state: Where it is written what a later start would have to clean up.
        command: The engine's command line; holds no secret.

    Returns:
        The engine's exit code, or 0 where it was ended on request.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Ctrl-C reaches the whole terminal; the owner decides, by closing the pipe.
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    traces = Traces(os.environ[MARK], sockets=os.environ.get(SOCKETS_PLACE, ""))
    _write_state(state, traces)
    engine = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
    )
    # It leads a session of its own, and stays our child until we have waited for it.
    traces.session = engine.pid
    try:
        while _runs(engine) and not _owner_is_gone():
            if traces.look():
                _write_state(state, traces)
    finally:
        traces.erase(GRACE_S)
        code = engine.wait()
        state.unlink(missing_ok=True)
    # Ended by our signal, on request: that is no failure.
    return max(0, code)


def clean_up(run_directory: Path) -> int:
    """Engines whose watchdog was killed are ended and cleaned up; returns how many there were."""
    count = 0
    for state in sorted(run_directory.glob("engine-*.json")):
        try:
            raw = json.loads(state.read_bytes())
            seen = {int(pid): int(birth) for pid, birth in raw["seen"].items()}
            segments, sockets = set(map(str, raw["segments"])), str(raw.get("sockets", ""))
            traces = Traces(str(raw["engine"]), 0, seen, segments, sockets)
            watchdog, birth = int(raw["watchdog"]), int(raw["started_at"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if started_at(watchdog) == birth:
            # Another run of this site has its engine up, and its own watchdog minds it.
            continue
        traces.erase(GRACE_S)
        state.unlink(missing_ok=True)
        count += 1
    return count


def _runs(engine: subprocess.Popen[bytes]) -> bool:
    """Whether it runs, without taking its exit code: until then its id can't be used again."""
    return os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _owner_is_gone() -> bool:
    readable, _, _ = select.select([sys.stdin.buffer], [], [], _LOOK_EVERY_S)
    # Nobody ever writes into the pipe: readable means closed.
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def _end_with_parent() -> None:
    # prctl(2): should the watchdog itself be killed, the engine's first process gets SIGTERM.
    # Signals ignored by the parent stay ignored over exec: give the engine the defaults.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _write_state(state: Path, traces: Traces) -> None:
    body = {
        "engine": traces.engine_id,
        "watchdog": os.getpid(),
        "started_at": started_at(os.getpid()),
        "seen": traces.seen,
        "segments": sorted(traces.segments),
        "sockets": traces.sockets,
    }
    temporary = state.with_suffix(".part")
    temporary.write_text(json.dumps(body))
    temporary.replace(state)


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[1]), sys.argv[2:]))
