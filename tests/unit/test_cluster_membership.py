"""A host joins a cluster once, with a token; who has another token or authority does not."""

import ipaddress
import json
import ssl
import stat
import threading
from datetime import timedelta

import pytest

from appliance.cluster.certificates import (
    is_issued_by,
    issue,
    make_authority,
    read_address,
    read_expiry,
)
from appliance.cluster.invitations import accept, clear_expired, invite
from appliance.cluster.membership import Admission, read_membership, write_membership
from appliance.errors import BadInput, KeyMismatch
from tests.lib.frozen_clock import FrozenClock

NOW = FrozenClock().now()
DAY = timedelta(days=1)
HOST = ipaddress.ip_address("10.0.0.2")
SECRET = "f" * 64


def admission(token=SECRET):
    authority = make_authority(NOW)
    made = issue(authority, HOST, NOW, 365)
    return Admission(
        "worker",
        str(HOST),
        "10.0.0.1:6379",
        token,
        authority.certificate.decode(),
        made.certificate.decode(),
        made.key.decode(),
    )


def test_a_certificate_is_of_its_authority_and_of_no_other():
    ours, theirs = make_authority(NOW), make_authority(NOW)

    made = issue(ours, HOST, NOW, 30)

    assert is_issued_by(made.certificate, ours.certificate)
    assert not is_issued_by(made.certificate, theirs.certificate)
    assert not is_issued_by(b"", ours.certificate)
    assert read_expiry(made.certificate) == NOW + timedelta(days=30)


def test_a_certificate_names_the_host_and_can_sign_nothing():
    """Checked by OpenSSL's own reading: address, purposes, no authority."""
    from cryptography import x509

    made = issue(make_authority(NOW), HOST, NOW, 30)

    certificate = x509.load_pem_x509_certificate(made.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert names.get_values_for_type(x509.IPAddress) == [HOST, ipaddress.ip_address("127.0.0.1")]
    assert not limits.ca


def test_both_ends_of_a_connection_see_each_other_proved(tmp_path):
    """A handshake in memory between two hosts of one cluster; a third of another is refused."""
    ours, theirs = make_authority(NOW), make_authority(NOW)

    assert _handshake(tmp_path, ours, ours, ours)
    assert not _handshake(tmp_path, ours, theirs, ours)
    assert not _handshake(tmp_path, ours, ours, theirs)


def _handshake(tmp_path, trusted, of_server, of_client):
    """Whether both get through, with the authorities that signed server and client."""
    from datetime import UTC, datetime

    (tmp_path / "ca.pem").write_bytes(trusted.certificate)
    contexts = []
    for authority, purpose in ((of_server, ssl.PROTOCOL_TLS_SERVER),
                               (of_client, ssl.PROTOCOL_TLS_CLIENT)):  # fmt: skip
        made = issue(authority, HOST, datetime.now(UTC), 2)
        (tmp_path / "host.pem").write_bytes(made.certificate + made.key)
        context = ssl.SSLContext(purpose)
        context.load_cert_chain(tmp_path / "host.pem")
        context.load_verify_locations(tmp_path / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        contexts.append(context)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = contexts[0].wrap_bio(to_server, to_client, server_side=True)
    client = contexts[1].wrap_bio(to_client, to_server, server_hostname=str(HOST))
    waiting = {server, client}
    for _ in range(10):
        for end in tuple(waiting):
            try:
                end.do_handshake()
                waiting.discard(end)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return not waiting


@pytest.mark.parametrize("text", ["127.0.0.1", "0.0.0.0", "head.example", "", "224.0.0.1", "::1"])
def test_a_host_is_named_by_an_address_that_others_can_reach(text):
    with pytest.raises(BadInput):
        read_address(text)


def test_an_invitation_works_once(tmp_path):
    given = admission()
    made = invite(tmp_path / "i", given, NOW, DAY)

    assert accept(tmp_path / "i", made.token, NOW) == (made.number, given)
    with pytest.raises(BadInput, match="used, or never given"):
        accept(tmp_path / "i", made.token, NOW)
    assert list((tmp_path / "i").iterdir()) == []


def test_of_many_that_come_at_once_one_gets_in(tmp_path):
    """The file is gone before anything is handed out."""
    made = invite(tmp_path / "i", admission(), NOW, DAY)
    got, start = [], threading.Barrier(8)

    def come():
        start.wait()
        try:
            got.append(accept(tmp_path / "i", made.token, NOW))
        except BadInput:
            got.append(None)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 8
    assert sum(one is not None for one in got) == 1


def test_a_late_token_is_refused_and_used_up(tmp_path):
    made = invite(tmp_path / "i", admission(), NOW, DAY)

    with pytest.raises(BadInput, match="too old"):
        accept(tmp_path / "i", made.token, NOW + 2 * DAY)

    with pytest.raises(BadInput, match="used, or never given"):
        accept(tmp_path / "i", made.token, NOW)


def test_what_nobody_can_use_any_more_is_cleared(tmp_path):
    old = invite(tmp_path / "i", admission(), NOW, DAY)
    new = invite(tmp_path / "i", admission(), NOW, 3 * DAY)

    assert clear_expired(tmp_path / "i", NOW + 2 * DAY) == 1
    assert [path.name for path in (tmp_path / "i").iterdir()] == [new.number]
    assert old.number != new.number


def test_another_token_opens_nothing_and_uses_nothing_up(tmp_path):
    made, other = (invite(tmp_path / "i", admission(), NOW, DAY) for _ in range(2))
    mixed = f"{made.number}.{other.token.partition('.')[2]}"

    with pytest.raises(KeyMismatch, match="doesn't open"):
        accept(tmp_path / "i", mixed, NOW)

    assert accept(tmp_path / "i", made.token, NOW)[0] == made.number


@pytest.mark.parametrize("field", ["expires", "number", "sealed"])
def test_a_changed_invitation_is_refused(tmp_path, field):
    """Nobody gives himself more time, or another host's certificate."""
    made = invite(tmp_path / "i", admission(), NOW, DAY)
    path = tmp_path / "i" / made.number
    content = json.loads(path.read_text())
    changed = {"expires": (NOW + 9 * DAY).isoformat(), "number": "0" * 16, "sealed": "QUJD"}
    path.write_text(json.dumps(content | {field: changed[field]}))

    with pytest.raises(KeyMismatch):
        accept(tmp_path / "i", made.token, NOW)


@pytest.mark.parametrize("token", ["", ".", "abc", "../../x.y", f"{'0' * 16}.AAAA", "0" * 90])
def test_what_is_no_token_is_bad_input(tmp_path, token):
    with pytest.raises(BadInput):
        accept(tmp_path, token, NOW)


def test_an_invitation_shows_nothing_of_what_it_holds(tmp_path):
    given = admission()
    made = invite(tmp_path / "i", given, NOW, DAY)

    text = (tmp_path / "i" / made.number).read_text()

    assert SECRET not in text
    assert "PRIVATE KEY" not in text
    assert SECRET not in repr(given)
    assert stat.S_IMODE((tmp_path / "i" / made.number).stat().st_mode) == 0o600


def test_a_hosts_place_is_private_and_says_how_to_speak(tmp_path):
    place = tmp_path / "node"
    write_membership(place, admission())

    found = read_membership(place)

    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert (found.role, found.host, found.head) == ("worker", "10.0.0.2", "10.0.0.1:6379")
    variables = found.variables()
    assert variables["RAY_USE_TLS"] == "1"
    assert variables["RAY_AUTH_MODE"] == "token"
    assert (place / "ray.token").read_text() == SECRET
    assert SECRET not in json.dumps(variables)


def test_a_place_that_others_can_read_is_not_used(tmp_path):
    write_membership(tmp_path / "node", admission())
    (tmp_path / "node/host.key").chmod(0o640)

    with pytest.raises(KeyMismatch, match=r"host\.key"):
        read_membership(tmp_path / "node")


def test_a_certificate_of_another_authority_is_not_used(tmp_path):
    write_membership(tmp_path / "node", admission())
    (tmp_path / "node/authority.pem").write_bytes(make_authority(NOW).certificate)

    with pytest.raises(KeyMismatch, match="authority"):
        read_membership(tmp_path / "node")


def test_a_host_without_a_place_is_told_how_to_get_one(tmp_path):
    with pytest.raises(BadInput, match="no cluster") as refusal:
        read_membership(tmp_path / "node")
    assert "cluster join" in refusal.value.next_step
