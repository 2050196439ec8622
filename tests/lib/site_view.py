"""An idmapped mount of a site, and an event written through it by another user.

`unshare --mount python -m tests.lib.site_view SITE PLACE OWNER USER` does by the kernel itself
what deploy/systemd/site-view.sh asks `mount` for, whose version here may be too old.
"""

import ctypes
import json
import os
import struct
import sys
from pathlib import Path
from typing import Final

from appliance.ledger import entry, examination, proofs  # noqa: F401 - before the user changes
from appliance.settings.clock import SystemClock
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import SITE_CHECKS, view
from appliance.workflows.site import open_site

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_HERE: Final = -100
_CLONE, _CLOEXEC = 1, 0o2000000
_EMPTY_PATH: Final = 0x1000
_FROM_EMPTY_PATH: Final = 4
_IDMAP: Final = 0x00100000
_NEW_USER_NAMESPACE: Final = 0x10000000
CANNOT: Final = 77


class NotHere(Exception):
    """This kernel or file system knows no idmapped mounts."""


def mount_view(site: Path, place: Path, owner: int, user: int) -> None:
    """At `place` the files of `owner` below `site` are those of `user`.

    Raises:
        NotHere: It can't be done here.
    """
    tree = _call(_OPEN_TREE, _HERE, os.fsencode(site), _CLONE | _CLOEXEC)
    namespace = _user_namespace(f"{owner} {user} 1")
    # struct mount_attr: set, clear, propagation, user namespace; mount_setattr(2).
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", _IDMAP, 0, 0, namespace), 32)
    _call(_MOUNT_SETATTR, tree, b"", _EMPTY_PATH, attributes, 32)
    _call(_MOVE_MOUNT, tree, b"", _HERE, os.fsencode(place), _FROM_EMPTY_PATH)


def _call(number: int, *arguments: object) -> int:
    result: int = _LIBC.syscall(number, *arguments)
    if result < 0:
        raise NotHere(os.strerror(ctypes.get_errno()))
    return result


def _user_namespace(mapping: str) -> int:
    """A handle of a new user namespace with that mapping."""
    ready, made = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.write(made[1], b"1" if not _LIBC.unshare(_NEW_USER_NAMESPACE) else b"0")
        os.read(ready[0], 1)
        os._exit(0)
    try:
        if os.read(made[0], 1) != b"1":
            raise NotHere("no user namespace")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(mapping)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.write(ready[1], b"1")
        os.waitpid(child, 0)


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
    try:
        mount_view(root, there, whose, who)
    except NotHere as reason:
        sys.stdout.write(f"{reason}\n")
        sys.exit(CANNOT)
    sys.stdout.write(json.dumps(write_as(there, who)))
