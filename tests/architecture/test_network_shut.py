"""The tests' own wall: what `tests/conftest.py` promises."""

import socket

import pytest


def test_a_connection_beyond_loopback_is_refused(network_attempts):
    """No test can reach a real host."""
    with socket.socket() as tried, pytest.raises(OSError, match="shut in tests"):
        tried.connect(("192.0.2.1", 443))

    assert network_attempts == ["socket.connect"]
    network_attempts.clear()


def test_a_name_is_not_looked_up(network_attempts):
    """No test asks a name server, which would be a way out of its own."""
    with pytest.raises(OSError, match="shut in tests"):
        socket.getaddrinfo("example.invalid", 443)

    assert network_attempts == ["socket.getaddrinfo"]
    network_attempts.clear()


def test_a_packet_beyond_loopback_is_refused(network_attempts):
    """Nor can it leave by datagram."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried,
        pytest.raises(OSError, match="shut in tests"),
    ):
        tried.sendto(b"x", ("192.0.2.1", 53))

    assert network_attempts == ["socket.sendto"]
    network_attempts.clear()


def test_loopback_is_open():
    """Servers of the tests themselves are reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
