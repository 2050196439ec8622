"""`deploy/install.sh`: what the command line says, done, and told."""

import argparse
import errno
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from offline import steps
from offline.commands import SETTINGS
from offline.refusal import BAD_INPUT, NO_SPACE, WARNS, Refused
from offline.releases import Prefix

PREFIX: Final = Path("/opt/appliance")
SITE: Final = Path("/srv/appliance")
_FEWEST: Final = 2
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_EPILOG: Final = """\
examples:
  deploy/install.sh /media/usb/bundle --allowed-signers /root/appliance-signers
  /opt/appliance/current/deploy/install.sh /media/usb/bundle --dry-run
  /opt/appliance/current/deploy/install.sh --rollback

exit codes: 0 done, 2 bad input, 3 the new release's doctor failed and the old one goes on, 4 the
first release is installed and its doctor complains, 8 the bundle is not what was signed, or older
than what was installed, 10 no space, 130 interrupted
"""


def main(arguments: list[str]) -> int:
    """The command line has run; returns the exit code."""
    # Everything that is installed is to be read by services of other users.
    os.umask(0o022)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = _parse(arguments)
    try:
        done = _carry_out(given)
    except Refused as refusal:
        print(f"install.sh: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except KeyboardInterrupt:
        print("install.sh: Interrupted. Run the same command to go on.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"install.sh: {error.strerror}: {error.filename or 'no file'}.", file=sys.stderr)
        return NO_SPACE if error.errno in _FULL else BAD_INPUT
    _tell(done, as_json=given.json)
    complains = done.doctor not in {None, 0, 4}
    return WARNS if complains else 0


def _carry_out(given: argparse.Namespace) -> steps.Done:
    wish = steps.Wish(
        prefix=Prefix(given.prefix.absolute()),
        bundle=(given.bundle or Path()).absolute(),
        signers=given.allowed_signers.absolute() if given.allowed_signers else None,
        site=_site(given),
        keep=given.keep,
        with_services=_has_services(given),
    )
    if given.rollback:
        return steps.roll_back(wish, given.to or "", _talk, dry_run=given.dry_run)
    if given.dry_run:
        manifest = steps.check(wish, _talk)
        running = wish.prefix.running() if wish.prefix.root.is_dir() else None
        return steps.Done(manifest.release, running.name if running else "", is_dry_run=True)
    return steps.install(wish, _talk)


def _site(given: argparse.Namespace) -> Path | None:
    site: Path | None = given.site
    if site is None:
        is_usual = given.prefix == PREFIX and (SITE / SETTINGS).is_file()
        return SITE if is_usual else None
    if not (site / SETTINGS).is_file():
        raise Refused(f"There is no site at {site}.", "Name its directory.", BAD_INPUT)
    return site.absolute()


def _has_services(given: argparse.Namespace) -> bool:
    # The units name the usual prefix.
    return bool(os.geteuid() == 0 and given.prefix == PREFIX and not given.no_services)


def _talk(message: str) -> None:
    print(f"{message} ...", file=sys.stderr, flush=True)


def _tell(done: steps.Done, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(done), indent=2))
        return
    verb = "Would run" if done.is_dry_run else "Runs"
    print(f"{verb}: {done.release}{f' (before: {done.before})' if done.before else ''}")
    if done.complaints:
        print(f"The doctor complains: {', '.join(done.complaints)}")
    for name in ("removed", "users", "units"):
        if found := getattr(done, name):
            print(f"{name}: {', '.join(found)}")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.rollback == (given.bundle is not None):
        parser.error("name a bundle, or --rollback")
    if given.to and not given.rollback:
        parser.error("--to goes with --rollback")
    if given.keep < _FEWEST:
        parser.error("--keep must be 2 or more: a rollback needs the one before")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.sh",
        description="Install, upgrade or roll back the appliance from a signed bundle, offline.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bundle", nargs="?", type=Path, help="the bundle's directory")
    parser.add_argument(
        "--prefix", type=Path, default=PREFIX, help="where to install (%(default)s)"
    )
    parser.add_argument(
        "--allowed-signers",
        type=Path,
        metavar="FILE",
        help="whose bundles are taken (ssh-keygen(1)); needed once, kept from then on",
    )
    parser.add_argument(
        "--site",
        type=Path,
        metavar="DIR",
        help=f"the site that is checked and migrated ({SITE} where that is one)",
    )
    parser.add_argument(
        "--keep", type=int, default=3, metavar="N", help="releases that stay (%(default)s)"
    )
    parser.add_argument(
        "--no-services", action="store_true", help="make no users and no systemd units"
    )
    parser.add_argument("--rollback", action="store_true", help="run the release before")
    parser.add_argument("--to", metavar="RELEASE", help="with --rollback: run that one")
    parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    return parser
