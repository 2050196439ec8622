"""A name server on loopback that answers nobody and keeps what it was asked."""

import socket
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

_ADDRESS = ("127.0.0.1", 53)
_HEADER = 12  # bytes, RFC 1035 section 4.1.1
_LONGEST = 4096


class NameServer:
    """Where every process of this network and mount namespace asks for names.

    Raises:
        OSError: The port can't be had here.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(_ADDRESS)
        self._socket.setblocking(False)

    def asked(self) -> list[str]:
        """The names that were asked for since the last call."""
        names = []
        with suppress(BlockingIOError):
            while True:
                names.append(_name(self._socket.recv(_LONGEST)))
        return names


def name_server_of(directory: Path) -> NameServer:
    """The one of this namespace, whose processes are told of it from now on.

    Args:
        directory: For the file that is seen as `/etc/resolv.conf`.

    Raises:
        OSError: The port can't be had here.
    """
    server = NameServer()
    # Without the file the C library asks 127.0.0.1 too, resolv.conf(5).
    if Path("/etc/resolv.conf").exists():
        told = directory / "resolv.conf"
        told.write_text(f"nameserver {_ADDRESS[0]}\n")
        subprocess.run(["mount", "--bind", str(told), "/etc/resolv.conf"], check=True)
    return server


def _name(question: bytes) -> str:
    labels, at = [], _HEADER
    with suppress(struct.error):
        while length := struct.unpack_from("B", question, at)[0]:
            labels.append(question[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    return ".".join(labels)
