"""Who gets out: the egress user to the provider's port, and nobody anything else. In namespaces."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from appliance.audits.kernel import Asked, judge_kernel
from appliance.workflows.audit_kernel import read_kernel
from tests.lib.house import REPOSITORY

pytestmark = pytest.mark.slow

EGRESS, APP, MODEL, SOMEBODY = 64_990, 64_991, 64_992, 64_993
HERE, THERE = "10.77.0.2", "10.77.0.1"

# Counts every IP packet that arrives from the other side, and answers on two ports.
SINK = """
    import json, select, socket, sys, time
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind((sys.argv[1], 0))
    doors = []
    for port in (443, 8080):
        door = socket.socket(); door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("0.0.0.0", port)); door.listen(); doors.append(door)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); names.bind(("0.0.0.0", 53))
    print("ready", flush=True)
    seen = {"packets": 0, "heard": []}
    while True:
        for one in select.select([raw, sys.stdin, names, *doors], [], [])[0]:
            if one is sys.stdin:
                # What arrived before the question is counted before it is answered.
                if select.select([raw, names, *doors], [], [], 0.3)[0]: continue
                if not sys.stdin.readline(): sys.exit()
                print(json.dumps(seen), flush=True)
                seen = {"packets": 0, "heard": []}
            elif one is raw:
                packet, address = raw.recvfrom(65535)
                # Outgoing ones, ARP and the kernel's own IPv6 chatter are not ours to count.
                if address[2] != socket.PACKET_OUTGOING and packet[12:14] == b"\\x08\\x00":
                    seen["packets"] += 1
            elif one is names:
                seen["heard"].append(names.recv(1000).decode())
            else:
                client, _ = one.accept(); client.settimeout(60)
                seen["heard"].append(client.recv(1000).decode())
                client.sendall(b"ok"); client.close()
"""
TRY = """
    import encodings.idna, os, socket, sys  # what the user itself may not be able to read
    uid, kind, host, port = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
    try:
        if kind == "name":
            socket.getaddrinfo("api.example.org", 443); print("out"); sys.exit()
        kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
        link = socket.socket(socket.AF_INET, kinds[kind])
        link.settimeout(10)
        link.connect((host, port)); link.sendall(b"hello")
        print("out" if kind == "udp" or link.recv(10) == b"ok" else "odd")
    except OSError:
        print("no")
"""
SERVE = """
    import os, socket, struct, sys
    path, uid = sys.argv[1], int(sys.argv[2])
    door = socket.socket(socket.AF_UNIX); door.bind(path); os.chmod(path, 0o666); door.listen()
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
    print("ready", flush=True)
    client, _ = door.accept()
    packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    client.sendall(str(struct.unpack("3i", packed)[1]).encode())
"""
CALL = """
    import os, socket, sys
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
    link = socket.socket(socket.AF_UNIX); link.connect(sys.argv[1]); print(link.recv(20).decode())
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def python(namespace, script, *arguments):
    """A process of the system's own Python, inside the namespace."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-I", "-c"]
    return subprocess.Popen(
        [*command, textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def attempt(namespace, uid, kind, host=THERE, port=443):
    done = python(namespace, TRY, uid, kind, host, port).communicate(timeout=300)[0]
    return done.strip()


@pytest.fixture
def names():
    """Three namespaces: applications (loopback only), the gateway's, the provider's."""
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and iproute2 to make network namespaces")
    tag = secrets.token_hex(3)
    made = {role: f"gw-{tag}-{role}" for role in ("apps", "egress", "provider")}
    try:
        for name in made.values():
            if ip("netns", "add", name, check=False).returncode != 0:
                pytest.skip("network namespaces can't be made here")
        out, far = f"o{tag}", f"f{tag}"
        ip("link", "add", out, "netns", made["egress"], "type", "veth", "peer", far, "netns",
           made["provider"])  # fmt: skip
        ip("-netns", made["apps"], "link", "set", "lo", "up")
        ip("-netns", made["provider"], "link", "set", "lo", "up")
        ip("-netns", made["provider"], "address", "add", f"{THERE}/24", "dev", far)
        ip("-netns", made["provider"], "link", "set", far, "up")
        yield made | {"out": out, "far": far}
    finally:
        for name in made.values():
            ip("netns", "del", name, check=False)


@pytest.fixture
def sink(names):
    """From nothing to what arrived since it was asked last."""
    process = python(names["provider"], SINK, names["far"])
    assert process.stdout.readline() == "ready\n"

    def ask():
        process.stdin.write("\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.wait(10)


def by_routes(names):
    script = REPOSITORY / "deploy/egress/routes.sh"
    words = [names["egress"], names["out"], f"{HERE}/24", THERE, THERE, str(EGRESS)]
    subprocess.run([script, *words], check=True)


def by_nftables(names):
    defines = {"EGRESS_UID": EGRESS, "PROVIDER": THERE, "PORT": 443}
    load_rules(names, "egress.nft", defines)


def for_users(names, hosts):
    """The rules for three users on a host's own network; the provider's machine resolves too."""
    users = {"CLINICAL": APP, "GATEWAY": EGRESS, "MODEL": MODEL}
    there = {"PROVIDER": THERE, "PORT": 443, "RESOLVER": THERE, "HOSTS": f"{{ {hosts} }}"}
    load_rules(names, "users.nft", users | there)


def load_rules(names, file, values):
    if not shutil.which("nft"):
        pytest.skip("nft is not installed")
    inside = ("-netns", names["egress"])
    ip(*inside, "link", "set", "lo", "up")
    ip(*inside, "address", "add", f"{HERE}/24", "dev", names["out"])
    ip(*inside, "link", "set", names["out"], "up")
    ip(*inside, "route", "add", "default", "via", THERE)
    defines = [f"-D{name}={value}" for name, value in values.items()]
    rules = REPOSITORY / "deploy/egress" / file
    nft = ["ip", "netns", "exec", names["egress"], "nft"]
    if subprocess.run([*nft, "list", "ruleset"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel has no nf_tables, or keeps it from us")
    subprocess.run([*nft, *defines, "-f", rules], check=True)


@pytest.mark.parametrize("shut", [by_routes, by_nftables])
def test_one_user_gets_to_one_port_and_nobody_anything_else(names, sink, shut):
    """Application user, root, other hosts and ports, DNS and UDP: not one packet."""
    shut(names)
    sink()

    assert attempt(names["egress"], EGRESS, "tcp") == "out"
    assert sink()["heard"] == ["hello"]

    refused = {
        "application user": attempt(names["egress"], APP, "tcp"),
        "root": attempt(names["egress"], 0, "tcp"),
        "another port": attempt(names["egress"], EGRESS, "tcp", port=8080),
        "another host": attempt(names["egress"], EGRESS, "tcp", host="10.77.0.9"),
        "UDP": attempt(names["egress"], EGRESS, "udp", port=443),
        "DNS": attempt(names["egress"], EGRESS, "udp", port=53),
        "a name": attempt(names["egress"], EGRESS, "name"),
        "DNS of root": attempt(names["egress"], 0, "udp", port=53),
    }

    assert set(refused.values()) == {"no"}, refused
    assert sink() == {"packets": 0, "heard": []}


def test_an_audit_knows_by_the_counters_what_went_past_the_gateway(names, sink, tmp_path):
    """As root hands them over; the same is nothing where it was asked for."""
    by_nftables(names)
    sink()
    assert attempt(names["egress"], EGRESS, "tcp") == "out"
    assert attempt(names["egress"], APP, "tcp") == "no"
    counters = tmp_path / "counters.json"
    words = ["ip", "netns", "exec", names["egress"], "nft", "-j", "list", "counters"]
    counters.write_bytes(subprocess.run(words, check=True, capture_output=True).stdout)

    kernel = read_kernel(counters, "")

    assert kernel.packets >= 3
    assert kernel.octets > 100
    assert kernel.refused >= 1
    unasked = [one.rule for one in judge_kernel(kernel, Asked(0, 0, 0))]
    assert unasked == ["replay.kernel-counted-unasked"]
    assert not list(judge_kernel(kernel, Asked(1, 5, 1)))


def test_each_of_the_three_users_reaches_what_it_is_for(names, sink):
    """The gateway its provider and a name server; the others nothing; nobody else is touched."""
    for_users(names, hosts="10.77.0.9")
    sink()

    reached = {
        "gateway": attempt(names["egress"], EGRESS, "tcp"),
        "gateway asks for a name": attempt(names["egress"], EGRESS, "udp", port=53),
        "somebody": attempt(names["egress"], SOMEBODY, "tcp", port=8080),
        "root": attempt(names["egress"], 0, "tcp"),
    }
    assert set(reached.values()) == {"out"}, reached
    assert sink()["heard"] == ["hello"] * 4

    refused = {
        f"{user} {kind} {port}": attempt(names["egress"], user, kind, port=port)
        for user in (APP, MODEL)
        for kind, port in (("tcp", 443), ("tcp", 8080), ("udp", 53), ("udp", 443), ("name", 0))
    }
    refused["gateway, another port"] = attempt(names["egress"], EGRESS, "tcp", port=8080)
    refused["gateway, QUIC"] = attempt(names["egress"], EGRESS, "udp", port=443)
    # A resolver on this machine would ask the world.
    for user in (APP, MODEL, EGRESS):
        refused[f"{user} local"] = attempt(names["egress"], user, "udp", "127.0.0.53", 53)

    assert set(refused.values()) == {"no"}, refused
    assert sink() == {"packets": 0, "heard": []}


def test_the_clinical_user_reaches_the_hosts_of_its_cluster_and_asks_them_for_no_name(names, sink):
    for_users(names, hosts=THERE)
    sink()

    assert attempt(names["egress"], APP, "tcp", port=8080) == "out"
    assert attempt(names["egress"], MODEL, "tcp", port=8080) == "no"
    assert attempt(names["egress"], APP, "udp", port=53) == "no"

    assert sink()["heard"] == ["hello"]


@pytest.mark.parametrize(
    ("load", "held"),
    [
        (by_nftables, {APP: "True", MODEL: "True", SOMEBODY: "True"}),
        (lambda names: for_users(names, THERE), {APP: "True", MODEL: "True", SOMEBODY: "False"}),
    ],
    ids=["egress.nft", "users.nft"],
)
def test_the_doctor_sees_whether_rules_hold_the_sites_user(names, load, held):
    """Before they are loaded nobody is held; those for three users hold nobody else."""

    def look(user):
        ask = f"from appliance.workflows.checks.network import has_rules; print(has_rules({user}))"
        command = ["ip", "netns", "exec", names["egress"], sys.executable, "-c", ask]
        done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    assert look(APP) == "False"
    load(names)

    assert {user: look(user) for user in held} == held


def test_applications_have_loopback_and_the_socket(names, sink):
    """Nothing of them arrives; the gateway's socket does not care, and knows who they are."""
    by_routes(names)
    path = Path(f"/tmp/{names['out']}.sock")
    sink()

    for uid in (0, APP, EGRESS):
        for kind, port in (("tcp", 443), ("tcp", 8080), ("udp", 53), ("name", 0)):
            assert attempt(names["apps"], uid, kind, port=port) == "no"
    assert sink() == {"packets": 0, "heard": []}

    server = python(names["egress"], SERVE, path, EGRESS)
    try:
        assert server.stdout.readline() == "ready\n"
        said = python(names["apps"], CALL, path, APP).communicate(timeout=300)[0]
    finally:
        server.kill()
        server.wait()
        path.unlink()
    assert said.strip() == str(APP)
