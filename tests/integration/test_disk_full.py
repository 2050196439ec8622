"""A disk that is really full while notes are imported: a clear end, nothing lost, on it goes."""

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
COUNT = 6_000
# A file system of its own, in a mount namespace that ends with the shell.
SCRIPT = """
set -u
mount -t tmpfs -o size=6m,mode=700 none "$1" || exit 77
site="$1/site"; python="$2"; notes="$3"
$python -m appliance init "$site" --profile air-gapped >&2 || exit 78
$python -m appliance notes import "$notes" --site "$site" >&2; echo "first $?"
$python -m appliance notes count --site "$site" --json | tr -d '\\n '; echo
mount -o remount,size=200m "$1" || exit 79
$python -m appliance notes import "$notes" --site "$site" --json | tr -d '\\n '; echo
$python -m appliance ledger verify --site "$site" >&2; echo "ledger $?"
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_an_import_onto_a_full_disk_ends_clearly_and_goes_on(tmp_path):
    """Exit code 10; the vault opens with what was committed; with space, the rest comes in."""
    notes = tmp_path / "notes.jsonl"
    with notes.open("w") as file:
        for number in range(COUNT):
            text = f"Quillfeather {number}: " + f"seen on day {number}, no fever. " * 60
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    disk = tmp_path / "disk"
    disk.mkdir()

    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", SCRIPT, "sh", str(disk), sys.executable, str(notes)],
        capture_output=True,
        text=True,
        check=False,
    )

    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    first, counted, again, ledger = done.stdout.splitlines()
    assert first == "first 10", done.stderr
    assert "No space left" in done.stderr or "full" in done.stderr
    assert "Quillfeather" not in done.stderr
    kept = json.loads(counted)["total"]
    assert 0 < kept < COUNT
    report = json.loads(again)
    assert (report["new"], report["known"]) == (COUNT - kept, kept)
    assert ledger == "ledger 0"
