"""What every SQLite file of a site keeps: no connection takes the log from under another."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.artifacts.wal import open_wal
from appliance.clinical.vault.database import FILE, open_database

KEY = b"k" * 32


def _plain(place):
    return open_wal(place / "plain.db", 10.0)


def _vault(place):
    return open_database(place, KEY)


OPENERS = {"plain": _plain, "vault": _vault}


def _numbers(place, kind):
    """What another process finds; its connection is closed like that of one that ends well."""
    said = subprocess.run(
        [sys.executable, __file__, kind, str(place)], capture_output=True, text=True, check=True
    )
    return said.stdout.split()


@pytest.mark.parametrize("kind", OPENERS)
def test_a_second_connection_of_a_process_leaves_the_locks_of_its_first(tmp_path, kind):
    """Else the next process that ends deletes the log, and with it what the first one commits."""
    first = OPENERS[kind](tmp_path)
    first.execute("CREATE TABLE numbers (number INTEGER)")
    first.execute("INSERT INTO numbers VALUES (1)")
    OPENERS[kind](tmp_path).close()
    assert _numbers(tmp_path, kind) == ["1"]

    first.execute("INSERT INTO numbers VALUES (2)")

    assert _numbers(tmp_path, kind) == ["1", "2"]
    first.close()


@pytest.mark.parametrize(("kind", "name"), [("plain", "plain.db"), ("vault", FILE)])
def test_a_new_file_is_its_owners_alone(tmp_path, kind, name):
    OPENERS[kind](tmp_path).close()

    assert (tmp_path / name).stat().st_mode & 0o077 == 0


if __name__ == "__main__":
    connection = OPENERS[sys.argv[1]](Path(sys.argv[2]))
    found = connection.execute("SELECT number FROM numbers ORDER BY 1").fetchall()
    sys.stdout.write(" ".join(str(number) for (number,) in found))
    connection.close()
