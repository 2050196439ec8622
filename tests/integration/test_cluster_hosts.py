"""Three hosts, one Ray, token and TLS: strangers are refused, a host that dies costs nothing."""

import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from appliance.cluster.certificates import issue, make_authority, read_address
from tests.lib.chaos import CANARY, canary_notes, extract_alone
from tests.lib.hosts import NoNamespaces, hosts_on_one_wire
from tests.lib.read_site import make_site

pytestmark = pytest.mark.slow
LONGEST_S = 300
# Speaks TLS and HTTP/2 to a port, with a certificate or without.
KNOCK = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
if len(sys.argv) > 3:
    context.load_cert_chain(sys.argv[3] + "/host.pem", sys.argv[3] + "/host.key")
try:
    link = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
except OSError:
    print("no door"); sys.exit()
try:
    link.settimeout(60); door = context.wrap_socket(link)
    door.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    print("open" if door.recv(100) else "shut")
except OSError as error:
    print("shut")
"""
# Asks every port that is given, in clear and without a token.
ASK = """
import socket, sys
for port in sys.argv[2:]:
    for path in ("/", "/metrics", "/logs/"):
        try:
            link = socket.create_connection((sys.argv[1], int(port)), timeout=3); link.settimeout(3)
            link.sendall(f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
            print(port, path, link.recv(100).partition(b"\\r\\n")[0].decode("latin-1"))
        except OSError:
            continue
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("world") / "site", canary_notes())


class Attempt:
    """A `cluster serve` on host 3 by somebody who has all that it has, but for what is `changed`.

    It is begun at once and asked for later: to be refused takes its time.
    """

    def __init__(self, hosts, site, folder, **changed):
        self.place = folder / "node"
        shutil.copytree(hosts["3"].node, self.place)
        for name, content in changed.items():
            (self.place / name.replace("_", ".")).write_bytes(content)
        self._process = hosts["3"].appliance(
            *("cluster", "serve", "--site", str(site.paths.root), "--node", str(self.place)),
            *("--run", str(folder / "r"), "--cpus", "1", "--object-store-mb", "80"),
            stderr=subprocess.PIPE,
        )

    def outcome(self):
        """Its exit code, and what it complained of."""
        complaint = self._process.communicate(timeout=LONGEST_S)[1]
        return self._process.returncode, complaint


@pytest.fixture(scope="module")
def attempts(hosts, site, tmp_path_factory):
    """One with another token, one with a certificate of another authority."""
    now = datetime.now(UTC)
    theirs = make_authority(now)
    made = issue(theirs, read_address(hosts["3"].address), now, 30)
    return {
        "token": Attempt(hosts, site, tmp_path_factory.mktemp("t"), ray_token=b"0" * 64),
        "certificate": Attempt(
            hosts,
            site,
            tmp_path_factory.mktemp("c"),
            authority_pem=theirs.certificate,
            host_pem=made.certificate,
            host_key=made.key,
        ),
    }


@pytest.fixture(scope="module")
def hosts(site, tmp_path_factory):
    """Three hosts that have joined by tokens and serve; and a stranger on the same wire."""
    try:
        with hosts_on_one_wire(3, tmp_path_factory.mktemp("h")) as hosts:
            root = str(site.paths.root)
            head = hosts["1"]
            asked = head.appliance("cluster", "init", "--host", head.address, "--site", root)
            assert asked.wait(LONGEST_S) == 0
            for name in ("2", "3"):
                asked = head.appliance(
                    *("cluster", "token", "--host", hosts[name].address),
                    *("--site", root, "--json"),
                )
                token = json.loads(asked.communicate(timeout=LONGEST_S)[0])["token"]
                joined = hosts[name].appliance(
                    *("cluster", "join", "--site", root), stdin=subprocess.PIPE
                )
                joined.communicate(token, timeout=LONGEST_S)
                assert joined.returncode == 0
            try:
                for name in ("1", "2", "3"):
                    hosts[name].serve(site.paths.root)
                yield hosts
            finally:
                for name in ("3", "2", "1"):
                    hosts[name].stop()
    except NoNamespaces as reason:
        pytest.skip(str(reason))


def alive(hosts, site):
    asked = hosts["1"].appliance("cluster", "status", "--site", str(site.paths.root), "--json")
    said = json.loads(asked.communicate(timeout=LONGEST_S)[0])
    return {one["address"]: one["zone"] for one in said["hosts"] if one["is_alive"]}


def all_of(hosts, *names):
    return {hosts[name].address: "clinical" for name in names}


def parts(site, name):
    folder = site.paths.findings / name
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def test_three_hosts_are_one_cluster(hosts, site):
    assert alive(hosts, site) == all_of(hosts, "1", "2", "3")


def test_whoever_shows_no_certificate_of_the_cluster_is_not_spoken_to(hosts, attempts):
    """The head's door opens to one of its hosts, and to nobody else; Ray has no second door."""
    head = hosts["1"].address

    def knock(port, *place):
        process = hosts["3"].popen(sys.executable, "-c", KNOCK, head, str(port), *map(str, place))
        return process.communicate(timeout=LONGEST_S)[0].strip()

    assert knock(6379, hosts["3"].node) == "open"
    assert knock(6379, attempts["certificate"].place) == "shut"
    assert knock(6379) == "shut"
    assert knock(10001, hosts["3"].node) == "no door"
    assert knock(8265, hosts["3"].node) == "no door"


def test_no_port_of_the_head_tells_anything_without_the_token(hosts):
    """Whatever listens beyond loopback, asked by another host in clear."""
    table = "print(open('/proc/net/tcp').read(), open('/proc/net/tcp6').read())"
    lines = hosts["1"].popen(sys.executable, "-c", table).communicate(timeout=LONGEST_S)[0]
    # proc(5), net/tcp: local address, state 0A for who listens.
    fields = [line.split() for line in lines.splitlines()]
    listening = [one[1].rpartition(":") for one in fields if len(one) > 3 and one[3] == "0A"]
    ports = {str(int(port, 16)) for address, _, port in listening if address != "0100007F"}

    asked = hosts["3"].popen(sys.executable, "-c", ASK, hosts["1"].address, *sorted(ports))
    said = asked.communicate(timeout=LONGEST_S)[0].splitlines()

    assert {"6379", "6380", "6382"} <= ports
    answers = [line for line in said if " HTTP/" in line]
    assert answers
    assert all(" 401 " in line for line in answers), answers


def test_a_stranger_on_the_wire_gets_no_answer(hosts):
    """The rules let in the cluster's hosts, whatever the stranger has."""
    process = hosts["stranger"].popen(sys.executable, "-c", KNOCK, hosts["1"].address, "6379")

    assert process.communicate(timeout=LONGEST_S)[0].strip() == "no door"


def test_a_host_without_the_token_is_refused(hosts, site, attempts):
    """It has a certificate of the cluster's authority, and is on the wire."""
    code, complaint = attempts["token"].outcome()

    assert code == 8, complaint
    assert "does not take this site's token" in complaint
    assert alive(hosts, site) == all_of(hosts, "1", "2", "3")


def test_a_host_with_another_authoritys_certificate_is_refused(hosts, site, attempts):
    """It has the token, and is on the wire."""
    code, complaint = attempts["certificate"].outcome()

    assert code == 6, complaint
    assert alive(hosts, site) == all_of(hosts, "1", "2", "3")


def test_a_host_that_dies_costs_nothing(hosts, site):
    """The findings are those of one process without Ray, to the byte; and nothing leaks."""
    extract_alone(site.paths.root, "alone")
    driver = hosts["1"].popen(
        *(sys.executable, "-m", "tests.lib.chaos", str(site.paths.root), "together"),
        *(f"{hosts['1'].address}:6379", str(hosts["1"].node)),
        stderr=subprocess.DEVNULL,
    )
    marks = [site.paths.run / f"a-worker-is-at-{hosts[name].address}" for name in "123"]
    deadline = time.monotonic() + LONGEST_S
    while not all(mark.exists() for mark in marks) and driver.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    at_work = [mark.exists() for mark in marks]
    time.sleep(1)

    hosts["3"].die()
    driver.communicate(timeout=LONGEST_S)

    assert at_work == [True, True, True]
    assert driver.returncode == 0
    assert len(parts(site, "alone")) == 12
    assert parts(site, "together") == parts(site, "alone")
    found = subprocess.run(
        ["grep", "-rla", CANARY, *(str(host.run) for host in hosts.values()), "/dev/shm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_a_drained_host_leaves_and_may_come_back(hosts, site):
    """Rolling restart: drained, its service ends well; started again, it is counted in."""
    host, root = hosts["2"], str(site.paths.root)

    asked = hosts["1"].appliance("cluster", "drain", host.address, "--site", root)
    assert asked.wait(LONGEST_S) == 0
    assert host.service.wait(LONGEST_S) == 0
    assert host.address not in alive(hosts, site)
    host.serve(site.paths.root)

    assert host.address in alive(hosts, site)


def test_a_rolling_restart_waits_until_the_host_is_back(hosts, site):
    """The worker finds itself in the plan, and ends so that its unit starts it again."""
    host, root = hosts["2"], str(site.paths.root)

    asked = hosts["1"].appliance(
        *("cluster", "restart", host.address, "--wait", str(LONGEST_S), "--site", root, "--json"),
        stderr=subprocess.DEVNULL,
    )
    # What Restart=on-failure takes for one.
    assert host.service.wait(LONGEST_S) == 6
    host.serve(site.paths.root)

    said = json.loads(asked.communicate(timeout=LONGEST_S)[0])
    assert (asked.returncode, said["restarted"]) == (0, [host.address])
    assert host.address in alive(hosts, site)
