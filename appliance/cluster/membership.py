"""What makes a host one of a cluster: token, certificate and key, in one folder of that host."""

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.artifacts.writing import check_writable, disk_errors, folder_atomically
from appliance.cluster.certificates import is_issued_by, read_expiry
from appliance.cluster.environment import ray_variables, refresh_configuration, variables_set
from appliance.errors import BadInput, KeyMismatch

ZONE: Final = "clinical"
"""The label of every host that may hold notes; work with notes goes to no other."""

_CARD: Final = "membership.json"
_TOKEN: Final = "ray.token"  # noqa: S105 - a file's name
_AUTHORITY, _CERTIFICATE, _KEY = "authority.pem", "host.pem", "host.key"
_NO_PORT: Final = "65536"
_JOIN: Final = (
    "Run `appliance cluster join` on this host, with a token of `appliance cluster token`; on the "
    "head itself `appliance cluster init --host ADDRESS`, also after a restore."
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a host is given to belong to a cluster; it travels sealed.

    Attributes:
        role: "head" or "worker".
        host: The host's own address.
        head: HOST:PORT of the cluster.
        token: What every caller of the cluster shows.
        authority: Whose certificates count, PEM.
        certificate: The host's, PEM.
        key: The certificate's private key, PEM.
    """

    role: str
    host: str
    head: str
    token: str = field(repr=False)
    authority: str
    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """A host's place in a cluster.

    Attributes:
        directory: Where its files are, 0700.
        role: "head" or "worker".
        host: The host's own address.
        head: HOST:PORT of the cluster.
        expires: Until when its certificate counts.
    """

    directory: Path
    role: str
    host: str
    head: str
    expires: datetime

    def variables(self) -> dict[str, str]:
        """What Ray reads: TLS in both directions, the token, no telemetry."""
        return {
            **ray_variables(self.directory / _TOKEN, loopback=False),
            "RAY_USE_TLS": "1",
            "RAY_TLS_SERVER_CERT": str(self.directory / _CERTIFICATE),
            "RAY_TLS_SERVER_KEY": str(self.directory / _KEY),
            "RAY_TLS_CA_CERT": str(self.directory / _AUTHORITY),
            # The head's own figures, for anybody who asks: no switch, but no such port either.
            "DASHBOARD_METRIC_PORT": _NO_PORT,
        }

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Inside the block this process speaks to the cluster as this host."""
        with variables_set(self.variables(), without=("RAY_ADDRESS",)):
            refresh_configuration(loopback=False)
            yield


def write_membership(
    directory: Path, given: Admission, before: Callable[[], object] | None = None
) -> None:
    """The host belongs to the cluster; what it belonged to before is forgotten.

    Args:
        directory: The host's place.
        given: What it is given.
        before: Called once all of it is on the disk, before it counts; what it raises ends this,
            and the host is as it was.

    Raises:
        NoSpace, BadInput: The folder can't be written; the host is as it was.
    """
    card = {"version": 1, "role": given.role, "host": given.host, "head": given.head}
    files = {
        _TOKEN: given.token,
        _AUTHORITY: given.authority,
        _CERTIFICATE: given.certificate,
        _KEY: given.key,
        _CARD: json.dumps(card),
    }
    with disk_errors(directory):
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.exists() and not directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    check_writable(directory)
    with folder_atomically(directory, 0o700) as draft:
        for name, content in files.items():
            handle = os.open(draft / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(content)
        if before is not None:
            before()
        shutil.rmtree(directory, ignore_errors=True)


def read_membership(directory: Path) -> Membership:
    """The host's place, as its folder says.

    Raises:
        BadInput: It has none.
        KeyMismatch: Others may read its files, or certificate and authority don't fit.
    """
    try:
        card = json.loads((directory / _CARD).read_bytes())
        files = {name: (directory / name).read_bytes() for name in (_AUTHORITY, _CERTIFICATE)}
        secrets = [directory / name for name in (_TOKEN, _KEY)]
        open_ = [path.name for path in secrets if stat.S_IMODE(path.stat().st_mode) & 0o077]
        place = Membership(
            directory,
            str(card["role"]),
            str(card["host"]),
            str(card["head"]),
            read_expiry(files[_CERTIFICATE]),
        )
    except FileNotFoundError:
        raise BadInput(f"This host belongs to no cluster: {directory}.", _JOIN) from None
    except OSError as error:
        raise BadInput(f"{directory} can't be read: {error.strerror}.", _JOIN) from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{directory} holds no host's place in a cluster.", _JOIN) from None
    if open_:
        raise KeyMismatch(
            f"{', '.join(open_)} in {directory} can be read by others.",
            "Take that host out, change the cluster's token, and let it join again.",
        )
    if not is_issued_by(files[_CERTIFICATE], files[_AUTHORITY]):
        raise KeyMismatch("This host's certificate is not of its cluster's authority.", _JOIN)
    return place


def as_plain(given: Admission) -> dict[str, str]:
    """The admission as it is sealed."""
    return asdict(given)
