"""The units, installed from a bundle, run by systemd as their users and behind their walls."""

import json
import re
import time

import pytest

from tests.lib.booted import NoMachine, booted
from tests.lib.bundles import pip_wheel
from tests.lib.product_bundles import make_product_bundles
from tests.unit.test_deploy_units import SERVICES

pytestmark = pytest.mark.slow
SITE = "/srv/appliance"
USB = "/media/usb"
SERVED = ("appliance-gateway", "appliance-console")
# As the README of the units has it.
SEAL = """
set -e
for key in vault pseudonym patient-index clearance ledger gateway; do
  systemd-creds encrypt --name=$key.key /srv/appliance/keys/$key.key \
    /etc/credstore.encrypted/appliance.$key.key
done
printf sk-invented-0123456789 | systemd-creds encrypt --name=provider-key - \
  /etc/credstore.encrypted/appliance.provider-key
install -D -m 644 /opt/appliance/current/deploy/systemd/examples/egress.env \
  /etc/appliance/egress.env
sed -i s/^PROVIDER=.*/PROVIDER=127.0.0.1/ /etc/appliance/egress.env
"""
PRICES = """
[models."invented"]
usd_per_million_input_tokens = 1.0
usd_per_million_output_tokens = 1.0
max_output_tokens = 100
"""
ASK = """
import http.client, socket, sys
link = http.client.HTTPConnection("gateway")
link.sock = socket.socket(socket.AF_UNIX); link.sock.connect(sys.argv[1])
link.request("GET", "/readyz"); print(link.getresponse().read().decode())
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Release 1 is installed, with a site, its keys sealed to this machine."""
    if pip_wheel() is None:
        pytest.skip("this Python came without a wheel of pip")
    bundles = tmp_path_factory.mktemp("bundles")
    make_product_bundles(bundles)
    try:
        with booted(bundles) as made:
            first = made.install(f"{USB}/1", "--allowed-signers", f"{USB}/allowed")
            assert first.returncode == 0, first.stderr
            made.sure("appliance", "init", SITE, "--profile", "cloud-allowed", user="appliance")
            made.sure("sh", "-c", SEAL)
            change(made, "gateway.toml", "[models]\n", f"[models]\n{PRICES}")
            change(made, "roles.toml", 'mode = "owner"', 'mode = "roles"')
            change(
                made,
                "roles.toml",
                "[holders.installer]\nusers = []",
                '[holders.installer]\nusers = ["appliance"]',
            )
            change(
                made,
                "roles.toml",
                "[holders.operator]\nusers = []",
                '[holders.operator]\nusers = ["appliance", "nobody"]',
            )
            yield made
    except NoMachine as reason:
        pytest.skip(str(reason))


def change(machine, name, before, after):
    path = f"{SITE}/policies/{name}"
    script = (
        "import pathlib, sys; path = pathlib.Path(sys.argv[1]); text = path.read_text();"
        "assert sys.argv[2] in text; path.write_text(text.replace(sys.argv[2], sys.argv[3]))"
    )
    machine.sure("python", "-c", script, path, before, after, user="appliance")


def start(machine, unit):
    machine.sure("systemctl", "start", unit)


def served_by(machine, service):
    """The process of a service that is up, and the release that it runs."""
    shown = machine.sure("systemctl", "show", "-P", "MainPID", "-P", "ActiveState", service)
    number, state = shown.split()
    assert state == "active", machine.journal()
    program = machine.sure("cat", f"/proc/{number}/cmdline").split("\0")[0]
    return number, program.removeprefix("/opt/appliance/releases/")[0]


def lay_wire(machine):
    """An interface between the hosts, named as the cluster's network wants it."""
    lines = "INTERFACE=wire\nADDRESS=10.0.0.1/24\nHOSTS=10.0.0.1, 10.0.0.2\n"
    machine.sure("sh", "-c", 'printf "%s" "$1" > /etc/appliance/cluster.env', "sh", lines)
    if machine.run("ip", "link", "show", "far").returncode:
        machine.sure("ip", "link", "add", "wire", "type", "veth", "peer", "far")


def test_systemd_takes_every_unit_as_it_is(machine):
    """Where it is installed, users and programs there: no word of complaint."""
    names = [name.replace("@.", "@appliance-gateway.") for name in SERVICES]

    done = machine.run("systemd-analyze", "verify", "--man=no", *names)

    ours = [line for line in done.stderr.splitlines() if "appliance" in line]
    assert not [line for line in ours if "-failed@" not in line and "char-nvidia" not in line]


def test_the_rules_are_loaded_for_the_three_users(machine):
    start(machine, "appliance-egress")

    rules = machine.sure("nft", "--numeric", "list", "table", "inet", "appliance_users")

    numbers = [machine.sure("id", "-u", user).strip() for user in ("appliance", "appliance-vllm")]
    for number in numbers:
        assert re.search(rf"meta skuid {number} jump (clinical|model)\n", rules)


def test_the_web_page_gives_a_token_to_everybody_of_this_machine(machine):
    """Its socket can be reached; what somebody may do there, roles.toml says."""
    start(machine, "appliance-console")

    words = ("console", "token", "--socket", "/run/appliance-console/console.sock")
    said = machine.sure("appliance", *words, "--json", user="nobody")

    assert json.loads(said)["token"]


def test_the_gateway_is_ready_and_sees_no_key_of_the_vault(machine):
    """Ready means that the gate stopped a canary; the site is shown to it as its own."""
    start(machine, "appliance-gateway")

    said = machine.sure("python", "-c", ASK, "/run/appliance-gateway/gateway.sock")

    assert json.loads(said) == {"ready": True, "latched": False}
    number = machine.sure("systemctl", "show", "-P", "MainPID", "appliance-gateway").strip()
    seen = machine.sure("ls", "-A", f"/proc/{number}/root{SITE}/keys")
    assert seen.split() == []
    owners = machine.sure("find", SITE, "!", "-user", "appliance")
    assert owners == ""


def test_a_release_that_fails_its_doctor_disturbs_nothing_that_runs(machine):
    """It brings a package that breaks another; what ran goes on, the same process."""
    start(machine, "appliance-console")
    before = served_by(machine, "appliance-console")

    done = machine.install(f"{USB}/2")

    assert done.returncode == 3
    assert "PACK002" in done.stderr
    assert served_by(machine, "appliance-console") == before
    assert before[1] == "1"


def test_after_an_upgrade_what_ran_runs_from_the_new_release(machine):
    """Ready again before the installer ends, behind its rules; what did not run still does not."""
    for unit in SERVED:
        start(machine, unit)
    machine.sure("nft", "delete", "table", "inet", "appliance_users")

    done = machine.install(f"{USB}/3")

    assert (done.returncode, json.loads(done.stdout)["before"]) == (0, "1"), done.stderr
    assert [served_by(machine, unit)[1] for unit in SERVED] == ["3", "3"]
    asked = machine.sure("python", "-c", ASK, "/run/appliance-gateway/gateway.sock")
    assert json.loads(asked) == {"ready": True, "latched": False}
    machine.sure("nft", "list", "table", "inet", "appliance_users")
    assert machine.run("systemctl", "is-active", "-q", "appliance-vllm").returncode != 0
    # The view of the site, which is mounted for the gateway, was left alone.
    assert machine.sure("stat", "-c", "%a %U", SITE).split() == ["700", "appliance"]


def test_after_a_rollback_it_runs_from_the_old_one(machine):
    machine.sure("systemctl", "stop", "appliance-gateway")

    done = machine.install("--rollback")

    assert done.returncode == 0, done.stderr
    assert served_by(machine, "appliance-console")[1] == "1"
    assert machine.run("systemctl", "is-active", "-q", "appliance-gateway").returncode != 0


def test_a_backup_is_made_and_rehearsed(machine):
    """Each with the keys it needs, and no network."""
    name = machine.sure("appliance", "backup", "recovery", "make", "--out", "/root/identity")
    sealed = "/etc/credstore.encrypted/rehearsal"
    machine.sure("systemd-creds", "encrypt", "--name=rehearsal", "/root/identity", sealed)
    change(machine, "backup.toml", "recipients = []", f'recipients = ["{name.strip()}"]')

    for unit in ("appliance-backup", "appliance-rehearsal"):
        start(machine, unit)

    assert machine.sure("ls", "/mnt/backup").strip().endswith(".age")


def test_the_network_of_a_cluster_comes_and_goes(machine):
    """And the interface is the host's again, a VLAN too."""
    lay_wire(machine)

    for verb in ("start", "restart"):
        machine.sure("systemctl", verb, "appliance-cluster-network")
    inside = machine.sure("ip", "-n", "appliance-cluster", "-br", "address")
    machine.sure("systemctl", "stop", "appliance-cluster-network")

    assert "10.0.0.1/24" in inside
    assert "wire" in machine.sure("ip", "-br", "link")


def test_a_host_without_a_place_in_a_cluster_is_not_started_in_silence(machine):
    done = machine.run("systemctl", "start", "appliance-ray-head")

    assert done.returncode != 0
    assert "ssertion" in done.stderr + machine.journal()


def test_the_head_of_a_cluster_is_counted_in_and_ends_well(machine):
    """Ready means that Ray answers, with token and TLS, in the cluster's network alone."""
    lay_wire(machine)
    machine.sure(
        *("appliance", "cluster", "init", "--host", "10.0.0.1", "--site", SITE), user="appliance"
    )
    script = 'mkdir "$1" && printf "[Service]\\nIPAddressAllow=10.0.0.1\\n" > "$1/hosts.conf"'
    place = "/etc/systemd/system/appliance-ray-head.service.d"
    machine.sure("sh", "-c", f"{script} && systemctl daemon-reload", "sh", place)

    start(machine, "appliance-ray-head")
    listening = machine.sure("ip", "netns", "exec", "appliance-cluster", "ss", "-ltnH")
    machine.sure("systemctl", "stop", "appliance-ray-head")

    assert ":6379 " in listening
    shown = machine.sure("systemctl", "show", "-P", "Result", "appliance-ray-head")
    assert shown.strip() == "success"


def test_root_sees_that_the_users_are_held(machine):
    """The doctor, run by root, judges as the site's user, and finds the rules."""
    start(machine, "appliance-egress")

    done = machine.run("appliance", "doctor", "--site", SITE, "--json")

    found = {one["check_id"]: one for one in json.loads(done.stdout)["checks"]}
    bad = [one for one in found.values() if one["status"] in {"fail", "error"}]
    assert not bad
    assert found["SITE003"]["status"] == found["SITE025"]["status"] == "pass"


def test_the_rules_are_back_when_the_hosts_own_were_stopped_and_started(machine):
    """What stops the host's rules flushes all there are, and these with them."""
    table = ("nft", "list", "table", "inet", "appliance_users")
    machine.sure("systemctl", "enable", "appliance-egress")
    start(machine, "nftables")
    start(machine, "appliance-egress")

    machine.sure("systemctl", "stop", "nftables")
    assert machine.run(*table).returncode != 0
    start(machine, "nftables")

    # Started with it and after it: nobody waits for that job.
    until = time.monotonic() + 120
    while machine.run(*table).returncode and time.monotonic() < until:
        time.sleep(0.1)
    machine.sure(*table)


def test_where_other_rules_hold_the_users_the_unit_of_ours_asks_for_no_file(machine):
    """By the drop-in among the examples: what the gateway requires is then there at once."""
    examples = "/opt/appliance/current/deploy/systemd/examples"
    place = "/etc/systemd/system/appliance-egress.service.d"
    machine.sure("systemctl", "stop", "appliance-egress")
    machine.sure("mv", "/etc/appliance/egress.env", "/etc/appliance/egress.env.away")
    assert machine.run("systemctl", "start", "appliance-egress").returncode != 0

    machine.sure("install", "-D", f"{examples}/egress-by-other-rules.conf", f"{place}/other.conf")
    machine.sure("systemctl", "daemon-reload")
    machine.sure("systemctl", "start", "appliance-egress")

    machine.sure("rm", f"{place}/other.conf")
    machine.sure("mv", "/etc/appliance/egress.env.away", "/etc/appliance/egress.env")
    machine.sure("systemctl", "daemon-reload")
