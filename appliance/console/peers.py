"""Who is at the other end of a connection within this machine, as the kernel says.

Browsers send a cookie to every port of a host, so another user's server on this machine can get one
from a person who looks at it. The cookie alone is therefore no proof of who comes with it.

Source: proc(5), /proc/net/tcp: each socket's own address, its peer's, and the uid of its owner.
"""

import ipaddress
from pathlib import Path
from typing import Final

from starlette.requests import Request

_TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_OWN, _OTHER, _UID = 1, 2, 7
_WORD: Final = 4


def find_uid(request: Request) -> int | None:
    """The user whose socket the request came from; None where it is of another machine, or gone."""
    server = request.scope.get("server")
    if request.client is None or not server or server[1] is None:
        return None
    try:
        theirs = _spell(request.client.host, request.client.port)
        ours = _spell(server[0], server[1])
    except ValueError:
        return None
    for table in _TABLES:
        for line in _lines(table):
            fields = line.split()
            if fields[_OWN] in theirs and fields[_OTHER] in ours:
                return int(fields[_UID])
    return None


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []


def _spell(host: str, port: int) -> set[str]:
    """An address as the kernel's tables have it, an IPv4 one in both."""
    address = ipaddress.ip_address(host.partition("%")[0])
    forms = [address.packed]
    if isinstance(address, ipaddress.IPv4Address):
        forms.append(ipaddress.IPv6Address(f"::ffff:{address}").packed)
    elif address.ipv4_mapped is not None:
        forms.append(address.ipv4_mapped.packed)
    return {f"{_swap(form)}:{port:04X}" for form in forms}


def _swap(packed: bytes) -> str:
    """Words of four bytes, each as this machine (little-endian) keeps it."""
    words = (packed[at : at + _WORD] for at in range(0, len(packed), _WORD))
    return "".join(word[::-1].hex() for word in words).upper()
