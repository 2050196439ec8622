"""The site's view that ships (deploy/systemd/site_view.py), and an event written through it.

`unshare --mount python -m tests.lib.site_view SITE PLACE OWNER USER`, users by number.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from appliance.ledger import entry, examination, proofs  # noqa: F401 - before the user changes
from appliance.settings.clock import SystemClock
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import SITE_CHECKS, view
from appliance.workflows.site import open_site
from tests.lib.house import REPOSITORY

CANNOT: Final = 77


def shipped() -> ModuleType:
    """The program that the unit runs, as a module."""
    spec = importlib.util.spec_from_file_location(
        "site_view", REPOSITORY / "deploy/systemd/site_view.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_as(place: Path, user: int) -> dict[str, object]:
    """What that user sees of the site, once it has written an event."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    site = open_site(place)
    size = site.ledger.record("gateway.started", {"listens": "socket"})
    checks = {check.check_id: check.run(view(site.paths, SystemClock())) for check in SITE_CHECKS}
    return {
        "entries": size,
        "owner": place.stat().st_uid,
        "failed": [name for name, seen in checks.items() if seen.status is Status.FAIL],
        "keys": os.access(site.paths.keys, os.R_OK | os.X_OK),
    }


if __name__ == "__main__":
    root, there, whose, who = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5])
    program = shipped()
    try:
        program.mount_view(root, there, (whose, who), (whose, who))
    except program.NotHere as reason:
        sys.stdout.write(f"{reason}\n")
        sys.exit(CANNOT)
    sys.stdout.write(json.dumps(write_as(there, who)))
