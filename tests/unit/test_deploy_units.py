"""The units that ship: systemd takes them, they are shut in, and the commands in them exist."""

import configparser
import os
import re
import shutil
import subprocess

import click
import pytest

from appliance.cli.main import cli
from offline.machine import USERS
from tests.lib.house import REPOSITORY

UNITS = REPOSITORY / "deploy/systemd"
PROGRAM = "/opt/appliance/current/.venv/bin/appliance"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
# What runs our own code; the others make a mount, a network and rules, as root, and end.
OTHERS = {
    *("appliance-cluster-network.service", "appliance-site-view@.service"),
    "appliance-egress.service",
}
OURS = [name for name in SERVICES if name not in OTHERS]
MOST = {"appliance-gateway.service": 15}
CLUSTER_KEYS = ("vault", "pseudonym", "patient-index", "clearance")
LONG_RUNNING = [
    *("appliance-gateway.service", "appliance-ray-head.service"),
    *("appliance-ray-worker.service", "appliance-vllm.service"),
    "appliance-console.service",
]


class _Unit:
    """A unit file: every value of every key, in order."""

    def __init__(self, name):
        self.text = (UNITS / name).read_text()
        lines = self.text.replace("\\\n", " ").splitlines()
        pairs = [line.partition("=") for line in lines if re.match(r"[A-Za-z]+=", line)]
        self.values = {}
        for key, _, value in pairs:
            self.values.setdefault(key, []).append(value)

    def last(self, key):
        return self.values.get(key, [""])[-1]

    def words(self, key):
        return " ".join(self.values.get(key, [])).split()


def _commands():
    for name in OURS:
        text = (UNITS / name).read_text()
        for line in re.findall(r"^Exec\w+=-?(.+)$", text, re.MULTILINE):
            yield pytest.param(name, line.split(), id=f"{name}: {line}")


def _analyze(*words):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def test_every_service_of_the_issue_is_there():
    """Gateway, model, Ray's two, and what the timers start."""
    timers = {path.name for path in UNITS.glob("*.timer")}

    assert set(LONG_RUNNING) <= set(OURS)
    assert timers == {
        *("appliance-audit.timer", "appliance-backup.timer", "appliance-rehearsal.timer"),
    }
    assert all(name.replace(".timer", ".service") in OURS for name in timers)


@pytest.mark.parametrize("name", OURS)
def test_every_path_of_the_program_is_where_the_installer_puts_it(name):
    """Below `current`: the release that runs, never a place that is nobody's."""
    paths = set(re.findall(r"/opt/appliance/\S+", _Unit(name).text))

    assert PROGRAM in paths
    assert all(path.startswith("/opt/appliance/current/") for path in paths)


@pytest.mark.parametrize(("name", "words"), _commands())
def test_every_command_of_a_unit_is_a_whole_one_of_ours(name, words, monkeypatch, tmp_path):
    """The line as it stands, with the unit's variables: nothing lacks, nothing is unknown."""
    monkeypatch.delenv("APPLIANCE_SITE", raising=False)
    given = dict(pair.partition("=")[::2] for pair in _Unit(name).words("Environment"))
    for variable, value in {**given, "CREDENTIALS_DIRECTORY": "/run/credentials/it"}.items():
        place = tmp_path / value.lstrip("/")
        place.mkdir(parents=True)
        monkeypatch.setenv(variable, str(place))
    program, *rest = [re.sub(r"\$\{(\w+)\}", lambda it: os.environ[it[1]], one) for one in words]
    assert program == PROGRAM

    command = cli
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
        assert command is not None, words
    command.make_context("appliance", rest)


@pytest.mark.parametrize("name", [*OURS, "appliance-egress.service"])
def test_a_unit_is_shut_in(name):
    """As systemd itself judges it, which needs no running systemd: 1.5 and 2.5 of 10."""
    most = MOST.get(name, 25)

    done = _analyze(
        *("security", "--offline=yes", f"--threshold={most}", "--no-pager", str(UNITS / name))
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.mark.parametrize("name", OURS)
def test_a_unit_has_no_way_out_but_the_gateways(name):
    """A network of its own with loopback only, or the cluster's; addresses by name or none."""
    unit = _Unit(name)

    assert unit.values["IPAddressDeny"] == ["any"]
    allowed = set(unit.words("IPAddressAllow"))
    if name == "appliance-gateway.service":
        assert allowed == set()
    elif name == "appliance-console.service":
        # Browsers of this machine reach it on the host's own loopback.
        assert allowed == {"localhost"}
    elif "ray" in name:
        assert unit.last("NetworkNamespacePath") == "/run/netns/appliance-cluster"
        assert allowed == {"localhost"}
    else:
        assert unit.last("PrivateNetwork") == "yes"
        assert allowed <= {"localhost"}


def test_the_rules_are_loaded_before_the_gateway_runs_and_again_with_the_hosts_own():
    """Every value that users.nft asks for is given, each user by its name."""
    unit, gateway = _Unit("appliance-egress.service"), _Unit("appliance-gateway.service")
    wanted = set(re.findall(r"\$([A-Z]+)", (REPOSITORY / "deploy/egress/users.nft").read_text()))
    example = (UNITS / "examples/egress.env").read_text()
    left = set(re.findall(r"^([A-Z]+)=", example, re.MULTILINE))

    given = dict(re.findall(r"-D ([A-Z]+)=(\S+)", unit.last("ExecStart")))
    users = {name for name, value in given.items() if value in USERS}

    assert set(given) == wanted
    assert len(users) == len(USERS)
    assert left == wanted - users
    assert unit.last("ExecReload") == unit.last("ExecStart")
    assert unit.last("PartOf") == unit.last("ReloadPropagatedFrom") == "nftables.service"
    assert "nftables.service" in unit.words("WantedBy")
    for key in ("Requires", "After"):
        assert "appliance-egress.service" in gateway.words(key)


@pytest.mark.parametrize("name", OURS)
def test_a_unit_has_a_user_limits_and_no_core_dumps(name):
    unit = _Unit(name)

    assert unit.last("User") in {"appliance", "appliance-gateway", "appliance-vllm"}
    assert unit.last("MemoryMax")
    assert unit.last("MemorySwapMax") == "0"
    assert unit.last("TasksMax")
    assert unit.last("LimitCORE") == "0"
    assert unit.last("UMask") == "0077"
    assert unit.last("PrivateDevices") == "yes" or unit.last("DevicePolicy") == "closed"


@pytest.mark.parametrize("name", [name for name in OURS if "ray" in name or "vllm" in name])
def test_processes_that_find_each_other_may_ask_for_interfaces(name):
    """Run under systemd without it, vLLM's engine ended before it was ready."""
    assert "AF_NETLINK" in _Unit(name).words("RestrictAddressFamilies")


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_service_is_watched_and_started_again(name):
    """It says itself when it is ready, and for how long it is alive."""
    unit = _Unit(name)

    assert unit.last("Type") == "notify"
    assert unit.last("NotifyAccess") == "main"
    assert int(unit.last("WatchdogSec")) >= 30
    assert unit.last("Restart") == "on-failure"
    assert unit.last("PartOf") == unit.last("WantedBy") == "appliance.target"


@pytest.mark.parametrize("name", ["appliance-ray-head.service", "appliance-ray-worker.service"])
def test_a_host_of_the_cluster_gets_the_keys_that_its_document_has_made(name):
    """On every host, for vault and gate; it signs nothing and asks no gateway."""
    given = {word.partition(":")[0] for word in _Unit(name).words("LoadCredentialEncrypted")}

    assert given == {f"{key}.key" for key in CLUSTER_KEYS}
    text = (REPOSITORY / "deploy/cluster/README.md").read_text()
    assert f"for key in {' '.join(CLUSTER_KEYS)}; do" in text


def test_only_the_gateway_gets_the_providers_key_and_no_key_of_the_vault():
    """By systemd's encrypted credentials; none lies in a unit or a variable."""
    given = {
        name: {word.partition(":")[0] for word in _Unit(name).words("LoadCredentialEncrypted")}
        for name in OURS
    }

    assert [name for name, keys in given.items() if "provider-key" in keys] == [
        "appliance-gateway.service"
    ]
    assert "vault.key" not in given["appliance-gateway.service"]
    assert given["appliance-vllm.service"] == {"ledger.key"}
    assert given["appliance-console.service"] == {"ledger.key", "pseudonym.key"}


def test_the_gateway_and_the_model_see_no_more_of_the_site_than_they_need():
    for name in ("appliance-gateway.service", "appliance-vllm.service"):
        hidden = {path.lstrip("-") for path in _Unit(name).words("InaccessiblePaths")}
        hidden |= {path.partition(":")[0] for path in _Unit(name).words("TemporaryFileSystem")}
        written = set(_Unit(name).words("ReadWritePaths"))

        assert {f"/srv/appliance/{part}" for part in ("keys", "corpora", "findings")} <= hidden
        assert not hidden & written
        assert "/srv/appliance" not in written


@pytest.mark.parametrize("name", [one for one in OURS if "/mnt/" in (UNITS / one).read_text()])
def test_nothing_is_written_where_another_medium_is_not_mounted(name):
    """Else it would lie on the disk of the site, which it is to outlive, and nobody would see."""
    unit = _Unit(name)
    media = {
        "/".join(word.split("/")[:3])
        for word in re.split(r"[\s=]", unit.last("Environment"))
        if word.startswith("/mnt/")
    }

    assert media
    assert media | {"/srv/appliance"} == set(unit.words("RequiresMountsFor"))
    assert media == set(unit.words("AssertPathIsMountPoint"))


def test_a_rehearsal_has_an_identity_of_its_own():
    """By an encrypted credential, as runbooks/restore.md has it made."""
    unit = _Unit("appliance-rehearsal.service")

    [credential] = unit.words("LoadCredentialEncrypted")
    name, _, place = credential.partition(":")
    assert unit.last("ExecStart").endswith(f"--identity ${{CREDENTIALS_DIRECTORY}}/{name}")
    made = (REPOSITORY / "deploy/runbooks/restore.md").read_text()
    assert re.search(rf"systemd-creds encrypt --name={name} \S+ {place}\n", made)


def test_the_audit_has_no_network_and_writes_only_where_it_must():
    unit = _Unit("appliance-audit.service")

    assert unit.words("ReadWritePaths") == ["/srv/appliance", "/mnt/witness"]


def test_nothing_calls_ray_stop():
    """It ends every Ray on a machine."""
    for path in UNITS.rglob("*"):
        if path.is_file() and path.suffix != ".md":
            assert "ray stop" not in path.read_text()


def test_systemd_reads_every_unit_without_complaint(tmp_path):
    """Unknown keys and values are told by name; what only a target machine has is left aside."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        text = path.read_text()
        # Programs and users are there once it is installed.
        text = re.sub(r"^(Exec\w+=-?)\S+", r"\1/bin/true", text, flags=re.MULTILINE)
        text = re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE)
        path.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))

    names = [str(folder / name) for name in (*SERVICES, "appliance.target") if "@" not in name]
    done = _analyze("verify", "--man=no", "--generators=no", *names)

    ours = [line for line in done.stderr.splitlines() if "appliance" in line]
    assert not [line for line in ours if "-failed@" not in line], done.stderr


def test_users_and_directories_are_those_of_the_units():
    """sysusers.d and tmpfiles.d name them; what a unit runs as is made."""
    made = re.findall(r"^u (\S+)", (UNITS / "appliance.sysusers").read_text(), re.MULTILINE)
    homes = re.findall(
        r"^u (\S+) +- +\"[^\"]+\" *(\S*)$", (UNITS / "appliance.sysusers").read_text(), re.MULTILINE
    )
    folders = re.findall(r"^d (\S+)", (UNITS / "appliance.tmpfiles").read_text(), re.MULTILINE)

    assert {_Unit(name).last("User") for name in OURS} == set(made) == set(USERS)
    assert {user: home or "/" for user, home in homes} == USERS
    assert "/run/appliance-view" in folders
    # At an upgrade the view is mounted there: its owner is not to be changed.
    assert not [folder for folder in folders if folder.startswith("/run/appliance-view/")]


def test_examples_are_drop_ins_of_known_keys():
    known = {key for name in SERVICES for key in _Unit(name).values}
    for path in sorted((UNITS / "examples").glob("*.conf")):
        parsed = configparser.ConfigParser(strict=False, allow_no_value=True)
        parsed.optionxform = str
        parsed.read_string(path.read_text())

        assert set(parsed.sections()) <= {"Unit", "Service"}
        assert {key for part in parsed.sections() for key in parsed[part]} <= known, path.name
