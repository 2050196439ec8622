"""A disk that is really full, or read-only: a clear end, nothing lost, and it can be looked at."""

import json
import shutil
import subprocess
import sys
import zipfile

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


# `dd` fills a disk to its last block. The second half: nothing at all can be written any more.
LOOKING = """
set -u
mount -t tmpfs -o size=6m,mode=700 none "$1" || exit 77
site="$1/site"; python="$2"; notes="$3"
$python -m appliance init "$site" --profile air-gapped >&2 || exit 78
$python -m appliance notes import "$notes" --site "$site" >&2 || exit 78
dd if=/dev/zero of="$1/filler" bs=4k 2> /dev/null
$python -m appliance status --site "$site" --json | tr -d '\\n '; echo
$python -m appliance support-bundle --site "$site" --out "$1/facts.zip" --json; echo "here $?"
ls -A "$1" | tr '\\n' ' '; echo
$python -m appliance support-bundle --site "$site" --out "$notes.zip" >&2; echo "elsewhere $?"
rm "$1/filler"; mount -o remount,ro "$1" || exit 79
$python -m appliance status --site "$site" --json | tr -d '\\n '; echo
$python -m appliance notes erase --patient 1 --yes --site "$site" >&2; echo "erased $?"
"""


def _on_a_disk_of_its_own(script, disk, notes):
    disk.mkdir()
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(disk), sys.executable, str(notes)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    return done


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_a_full_or_read_only_disk_can_be_looked_at_and_told_of(tmp_path):
    """Whoever has to find out why nothing works needs just these two commands."""
    notes = tmp_path / "notes.jsonl"
    notes.write_text(json.dumps({"id": "1", "text": "Invented: asthma."}))

    done = _on_a_disk_of_its_own(LOOKING, tmp_path / "disk", notes)

    full, here, kept, elsewhere, read_only, erased = done.stdout.splitlines()
    assert (json.loads(full)["notes"], json.loads(full)["disk_free"]) == (1, 0)
    assert here == "here 10", done.stderr
    assert kept == "filler site "
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"error"')]
    assert [one["error"]["kind"] for one in told] == ["NoSpace"]
    assert "--out" in told[0]["error"]["next_step"]
    assert elsewhere == "elsewhere 0", done.stderr
    assert zipfile.is_zipfile(f"{notes}.zip")
    assert json.loads(read_only)["notes"] == 1
    assert erased == "erased 2", done.stderr


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_an_import_onto_a_full_disk_ends_clearly_and_goes_on(tmp_path):
    """Exit code 10; the vault opens with what was committed; with space, the rest comes in."""
    notes = tmp_path / "notes.jsonl"
    with notes.open("w") as file:
        for number in range(COUNT):
            text = f"Quillfeather {number}: " + f"seen on day {number}, no fever. " * 60
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    disk = tmp_path / "disk"

    done = _on_a_disk_of_its_own(SCRIPT, disk, notes)

    first, counted, again, ledger = done.stdout.splitlines()
    assert first == "first 10", done.stderr
    assert "No space left" in done.stderr or "full" in done.stderr
    assert "Quillfeather" not in done.stderr
    kept = json.loads(counted)["total"]
    assert 0 < kept < COUNT
    report = json.loads(again)
    assert (report["new"], report["known"]) == (COUNT - kept, kept)
    assert ledger == "ledger 0"
