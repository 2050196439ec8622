"""Show the site to a second user as if it were that user's own.

    site_view.py SITE OWNER USER PLACE

Run as root. At PLACE every file of OWNER below SITE belongs to USER, and what USER makes there
belongs, on the disk, to OWNER: an idmapped mount (mount_setattr(2), Linux 5.12; the file system has
to know them, as ext4, XFS and btrfs do). The kernel is asked itself: `mount -o X-mount.idmap` came
with util-linux 2.39, which is newer than what Debian 12 and RHEL 9 have.
"""

import ctypes
import grp
import os
import pwd
import struct
import sys
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
# The numbers are the same on every architecture (asm-generic/unistd.h).
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_HERE: Final = -100
_CLONE, _CLOEXEC = 1, 0o2000000
_EMPTY_PATH: Final = 0x1000
_FROM_EMPTY_PATH: Final = 4
# An idmapped mount on which nothing is a program of root's, a device, or a program at all.
_ATTRIBUTES: Final = 0x00100000 | 0x2 | 0x4 | 0x8
_NEW_USER_NAMESPACE: Final = 0x10000000


class NotHere(Exception):
    """This kernel or file system can't map owners."""


def mount_view(site: Path, place: Path, users: tuple[int, int], groups: tuple[int, int]) -> None:
    """At `place` the files below `site` of the first user and group are those of the second.

    Raises:
        NotHere: It can't be done here; nothing is mounted.
    """
    tree = _call(_OPEN_TREE, _HERE, os.fsencode(site), _CLONE | _CLOEXEC)
    namespace = _user_namespace(users, groups)
    # struct mount_attr: set, clear, propagation, user namespace.
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", _ATTRIBUTES, 0, 0, namespace), 32)
    # Before it is anywhere: at no moment is there a view that maps nobody.
    _call(_MOUNT_SETATTR, tree, b"", _EMPTY_PATH, attributes, 32)
    _call(_MOVE_MOUNT, tree, b"", _HERE, os.fsencode(place), _FROM_EMPTY_PATH)


def _call(number: int, *arguments: object) -> int:
    result: int = _LIBC.syscall(number, *arguments)
    if result < 0:
        raise NotHere(os.strerror(ctypes.get_errno()))
    return result


def _user_namespace(users: tuple[int, int], groups: tuple[int, int]) -> int:
    """A handle of a new user namespace with that mapping; nobody lives in it."""
    ready, made = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.write(made[1], b"1" if not _LIBC.unshare(_NEW_USER_NAMESPACE) else b"0")
        os.read(ready[0], 1)
        os._exit(0)
    try:
        if os.read(made[0], 1) != b"1":
            raise NotHere("no user namespace can be made: see user.max_user_namespaces")
        for name, (before, after) in (("uid_map", users), ("gid_map", groups)):
            Path(f"/proc/{child}/{name}").write_text(f"{before} {after} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.write(ready[1], b"1")
        os.waitpid(child, 0)


def main(words: list[str]) -> int:
    """The command line has run; returns the exit code."""
    if len(words) != 4:  # noqa: PLR2004 - as many as the first lines say
        print(__doc__, file=sys.stderr)
        return 2
    site, owner, user, place = Path(words[0]), words[1], words[2], Path(words[3])
    try:
        users = pwd.getpwnam(owner).pw_uid, pwd.getpwnam(user).pw_uid
        groups = grp.getgrnam(owner).gr_gid, grp.getgrnam(user).gr_gid
        place.mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(place):
            mount_view(site, place, users, groups)
    except KeyError:
        print(f"site-view: there is no user or group {owner}, or none {user}", file=sys.stderr)
    except NotHere as error:
        print(
            f"site-view: {site} can't be shown to {user}: {error} (Linux 5.12; ext4, XFS, btrfs)",
            file=sys.stderr,
        )
    except OSError as error:
        print(f"site-view: {error.filename}: {error.strerror}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
