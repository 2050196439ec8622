"""Makes `tests/fixtures/backups/`: `python -m tests.lib.backup_fixture`. Once for each format.

A backup of a format that is in use out there must stay what it was: this is run when a new format
comes, with its number, and never again for an old one. The identity beside it opens invented notes
only, and nothing else was ever encrypted to it.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from appliance.backups.format import FORMAT
from appliance.records.progress import Silent
from appliance.workflows.restore import verify
from tests.lib.backed_up_site import NOTES, make_backed_up
from tests.lib.house import REPOSITORY

FIXTURES = REPOSITORY / "tests/fixtures/backups"


def main() -> int:
    """The fixture of this format is there; one that is there already stays."""
    target = FIXTURES / f"format-{FORMAT}.age"
    if target.exists():
        sys.stderr.write(f"{target.name} is there, and has to stay as it is.\n")
        return 2
    with tempfile.TemporaryDirectory() as place:
        made = make_backed_up(Path(place))
        # Large, and of no interest here.
        for path in made.site.paths.labels.glob("*"):
            path.unlink()
        backup = made.backup()
        seen = verify(backup.path, made.identity, Silent())
        shutil.copyfile(backup.path, target)
        shutil.copyfile(made.identity, FIXTURES / "identity.txt")
    told = {"entries": seen.entries, "root": seen.root, "text": NOTES[1].text}
    (FIXTURES / f"format-{FORMAT}.json").write_text(f"{json.dumps(told, indent=1)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
