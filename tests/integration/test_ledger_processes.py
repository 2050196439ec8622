"""Several processes, some of them killed, and one ledger that stays whole."""

import os
import signal
import subprocess
import sys
import time

from appliance.ledger.examination import examine
from tests.lib.ledgers import KEY, open_ledger

WRITER = """
import sys
from pathlib import Path
from tests.lib.ledgers import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    print(ledger.record("thing.done", {"writer": sys.argv[3], "number": number}), flush=True)
"""


def _write(directory, count, name):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(count), name],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_append_at_once_lose_and_repeat_nothing(tmp_path):
    """Each acknowledged index is one entry, whoever wrote it."""
    open_ledger(tmp_path)
    writers = [_write(tmp_path, 40, f"w{number}") for number in range(3)]

    indices = [int(line) for writer in writers for line in writer.communicate()[0].split()]

    assert sorted(indices) == list(range(120))
    found = examine(tmp_path, KEY)
    assert found.is_intact
    assert found.head.size == 120


def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path):
    """SIGKILL at any moment: what `record` returned for is there, and the ledger goes on."""
    acknowledged = []
    for attempt in range(4):
        writer = _write(tmp_path, 1_000_000, f"w{attempt}")
        acknowledged.append(int(writer.stdout.readline()))
        time.sleep(0.03 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.communicate()[0].split("\n")[:-1]]

    size = open_ledger(tmp_path).head().size

    assert acknowledged == sorted(set(acknowledged))
    assert size > max(acknowledged)
    assert examine(tmp_path, KEY).is_intact


def test_a_forked_child_and_its_parent_append_in_turn(tmp_path):
    """The lock holds across fork, too."""
    ledger = open_ledger(tmp_path)
    child = os.fork()
    if child == 0:
        for _ in range(20):
            ledger.record("thing.done", {})
        os._exit(0)
    for _ in range(20):
        ledger.record("thing.done", {})
    os.waitpid(child, 0)

    assert ledger.head().size == 40
    assert examine(tmp_path, KEY).is_intact
