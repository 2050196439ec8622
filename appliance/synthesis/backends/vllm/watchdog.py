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
    end_all,
    marked,
    remove_segments,
    shared_segments,
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
    engine_id = os.environ[MARK]
    segments: set[str] = set()
    _write_state(state, engine_id, segments)
    engine = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
    )
    try:
        while engine.poll() is None and not _owner_is_gone():
            seen = shared_segments(marked(engine_id))
            if seen - segments:
                segments |= seen
                _write_state(state, engine_id, segments)
        code = engine.poll()
    finally:
        segments |= shared_segments(marked(engine_id))
        end_all(engine_id, GRACE_S)
        engine.wait()
        remove_segments(segments)
        state.unlink(missing_ok=True)
    return code or 0


def clean_up(run_directory: Path) -> int:
    """Engines whose watchdog was killed are ended and cleaned up; returns how many there were."""
    count = 0
    for state in sorted(run_directory.glob("engine-*.json")):
        try:
            raw = json.loads(state.read_bytes())
            engine_id, segments = str(raw["engine"]), {str(name) for name in raw["segments"]}
            watchdog, birth = int(raw["watchdog"]), int(raw["started_at"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if started_at(watchdog) == birth:
            # Another run of this site has its engine up, and its own watchdog minds it.
            continue
        segments |= shared_segments(marked(engine_id))
        end_all(engine_id, GRACE_S)
        remove_segments(segments)
        state.unlink(missing_ok=True)
        count += 1
    return count


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


def _write_state(state: Path, engine_id: str, segments: set[str]) -> None:
    body = {
        "engine": engine_id,
        "watchdog": os.getpid(),
        "started_at": started_at(os.getpid()),
        "segments": sorted(segments),
    }
    temporary = state.with_suffix(".part")
    temporary.write_text(json.dumps(body))
    temporary.replace(state)


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[1]), sys.argv[2:]))
