"""Ray for real: private, quiet, in order, and gone afterwards."""

import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.cluster.directories import ensure_token, private_directory
from appliance.cluster.training import train
from appliance.errors import ApplianceError, KeyMismatch
from appliance.settings.site_file import RaySettings
from tests.lib import workers

pytestmark = pytest.mark.slow

SETTINGS = RaySettings(address="", cpus=2, gpus=0, object_store_mb=100)
BLOCKS = [[f"n-{block}-{item}" for item in range(3)] for block in range(6)]


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory):
    """As deep as a site's path may be: Ray's sockets would not fit under it."""
    return tmp_path_factory.mktemp("site-with-a-very-long-name-of-a-very-large-hospital") / "run"


@pytest.fixture(scope="module")
def cluster(run_directory):
    with connected(SETTINGS, run_directory) as cluster:
        yield cluster


def own_processes():
    """Pids of this process's descendants, to the last generation."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [os.getpid()]
    while queue:
        queue += (below := children.get(queue.pop(), []))
        found += below
    return found


def listeners(pids):
    """Local addresses on which any of the processes listens, as the kernel tells it."""
    inodes = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                match = re.fullmatch(r"socket:\[(\d+)\]", str(handle.readlink()))
            except OSError:
                continue
            if match:
                inodes.add(match[1])
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                yield fields[1].rpartition(":")[0]


def is_loopback(address):
    return address == "0100007F" or address in {
        "0000000000000000FFFF00000100007F",
        "00000000000000000000000001000000",
    }


def test_blocks_come_back_in_order_from_two_workers(cluster):
    """However fast each worker is; numbers to the last bit; offline and with a token."""
    answers = list(map_blocks(cluster, BLOCKS, workers.echo, actors=2))

    assert [[record["id"] for record in answer] for answer in answers] == BLOCKS
    records = [record for answer in answers for record in answer]
    assert len({record["pid"] for record in records}) == 2
    assert {record["number"] for record in records} == {0.1 + 0.2}
    assert records[0]["env"] == {
        "HF_HUB_OFFLINE": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def test_many_blocks_come_back_in_order_too(cluster):
    """More than a task for each: the last task is a smaller one."""
    many = [[f"n-{number}"] for number in range(261)]

    answers = list(map_blocks(cluster, many, workers.naming, actors=2))

    assert [[record["id"] for record in answer] for answer in answers] == many


def test_no_blocks_need_no_worker(cluster):
    """An empty piece of work is done."""
    assert list(map_blocks(cluster, [], workers.not_starting, actors=2)) == []


@pytest.mark.parametrize(
    ("make_worker", "name"),
    [(workers.failing, "ValueError"), (workers.not_starting, "RuntimeError")],
)
def test_a_failing_worker_leaves_its_words_behind(cluster, make_worker, name):
    """The type and the block come out, and nothing hangs from the exception."""
    with pytest.raises(ApplianceError, match=f"block 0: {name}") as caught:
        list(map_blocks(cluster, BLOCKS, make_worker, actors=1))

    assert workers.CANARY not in repr(caught.value)
    assert caught.value.__context__ is None


def test_the_products_own_errors_come_out_as_they_are(cluster):
    """With their exit code and their next step."""
    with pytest.raises(KeyMismatch, match="opens none of 3") as caught:
        list(map_blocks(cluster, BLOCKS, workers.refusing, actors=1))

    assert caught.value.next_step == "Restore it."


def test_two_training_workers_share_their_gradients(cluster, tmp_path):
    """Ray Train and DDP: the mean of 1 and 2 is 1.5; rank 0's figures come out."""
    figures = train(
        cluster, workers.gradient_loop, {"given": 7}, workers=2, gpu=False, storage=tmp_path
    )

    assert figures == {"rank": 0, "world_size": 2, "gradient": 1.5, "given": 7}


@pytest.mark.parametrize("count", [1, 2])
def test_a_training_opens_no_port_to_others(cluster, tmp_path, count):
    """Nor while it runs: torch's own way to meet would listen on every interface."""
    place = tmp_path / "what? #1"
    figures = train(
        cluster, workers.listening_loop, {"given": 7}, workers=count, gpu=False, storage=place
    )

    assert figures["loopback"] > 0
    assert figures["others"] == 0


def test_a_failing_loop_leaves_its_words_behind(cluster, tmp_path):
    """Type only; the product's own as they are."""
    with pytest.raises(ApplianceError, match="training: ValueError") as caught:
        train(cluster, workers.failing_loop, {}, workers=1, gpu=False, storage=tmp_path)
    assert workers.CANARY not in repr(caught.value)

    with pytest.raises(KeyMismatch, match="No key for 0 of rank 0"):
        train(cluster, workers.refusing_loop, {}, workers=1, gpu=False, storage=tmp_path)


def test_every_port_is_on_loopback(cluster):
    """Of the driver, the head, the raylet, the agents and the workers."""
    assert cluster.is_local

    addresses = set(listeners([os.getpid(), *own_processes()]))

    assert addresses
    assert all(is_loopback(address) for address in addresses), addresses


JOIN = """
import sys
from pathlib import Path
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.errors import ApplianceError
from appliance.settings.site_file import RaySettings
from tests.lib import workers
try:
    with connected(RaySettings(sys.argv[1], 2, 0, 100), Path(sys.argv[2])) as cluster:
        answers = list(map_blocks(cluster, [["a"], ["b"]], workers.echo, actors=2))
        print(cluster.is_local, [answer[0]["id"] for answer in answers])
except ApplianceError as error:
    print(type(error).__name__, error)
"""


def join(address, run_directory, **variables):
    """What a second process says that joins the cluster at `address`; it has a new environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    outcome = subprocess.run(
        [sys.executable, "-c", JOIN, address, str(run_directory)],
        env={**own, "PYTHONPATH": str(Path.cwd()), **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    return outcome.stdout.strip()


def test_no_cloud_is_asked_whether_this_is_one_of_its_machines(cluster):
    """Ray's head does so as it starts, usage statistics or not; `conftest` hears what it asks."""
    from ray._common.usage.usage_lib import get_cluster_config_to_report

    log = cluster.directory / "session_latest" / "logs" / "dashboard.log"
    deadline = time.monotonic() + 60
    while "Usage reporting is disabled" not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < deadline, "the head has not come so far"
        time.sleep(0.1)

    told = get_cluster_config_to_report(str(cluster.directory / "home/ray_bootstrap_config.yaml"))
    assert told.cloud_provider == "on-premises"


def test_a_process_with_the_token_may_join(cluster, run_directory):
    """An address in the settings leads to a cluster that is there, and leaves it running."""
    import ray

    assert join(ray.get_runtime_context().gcs_address, run_directory) == "False ['a', 'b']"
    [[answer]] = map_blocks(cluster, [["c"]], workers.echo, actors=1)
    assert answer["id"] == "c"


def test_nobody_without_the_token_is_served(cluster, tmp_path):
    """A wrong token, whatever the environment says about authentication."""
    import ray

    address = ray.get_runtime_context().gcs_address
    ensure_token(private_directory(tmp_path / "run"))

    for variables in ({}, {"RAY_AUTH_MODE": "disabled"}):
        said = join(address, tmp_path / "run", **variables)
        assert said.startswith("KeyMismatch")
        assert "does not take this site's token" in said
    del cluster


@pytest.mark.parametrize("mode", [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token"}])
def test_ray_itself_asks_for_the_token(cluster, tmp_path, mode):
    """A stranger's client, without our code, is turned away as well."""
    import ray

    script = """
import sys
from ray._raylet import GcsClient
print(GcsClient(address=sys.argv[1]).get_all_node_info(timeout=60))
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script, ray.get_runtime_context().gcs_address],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RAY_AUTH_TOKEN": "0" * 64, **mode},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert outcome.returncode != 0
    assert "Unauthenticated" in outcome.stderr or "AuthenticationError" in outcome.stderr
    del cluster


def test_a_cluster_that_is_not_there_is_said_so(tmp_path):
    """First the token is missed, then the cluster; an address that is none is bad input."""
    assert join("127.0.0.1:1", tmp_path / "run").startswith("BadInput The token")
    ensure_token(tmp_path / "run")

    assert join("127.0.0.1:1", tmp_path / "run").startswith("BackendUnavailable No Ray cluster")
    assert join("ray://127.0.0.1:1", tmp_path / "run").startswith("BadInput The cluster's address")


def test_what_ray_writes_is_inside_the_site_and_shut(cluster, run_directory):
    """Session, logs and spilled objects lie under a directory of this user alone."""
    assert cluster.directory == run_directory / "ray"
    assert stat.S_IMODE(run_directory.stat().st_mode) == 0o700
    assert (run_directory / "ray" / "session_latest").exists()
    assert not list(Path("/tmp").glob(f"ray/session_*_{os.getpid()}"))


def test_no_token_is_in_a_process_list(cluster, run_directory):
    """Neither arguments nor environment of any of Ray's processes hold it."""
    token = (run_directory / "ray.token").read_bytes()
    for pid in own_processes():
        for name in ("cmdline", "environ"):
            try:
                assert token not in Path(f"/proc/{pid}/{name}").read_bytes()
            except OSError:
                continue
    del cluster


def test_nothing_a_worker_said_is_on_disk(cluster, run_directory):
    """After all of the above: session, logs, spill, train storage and /tmp/ray."""
    places = [str(run_directory), "/dev/shm"]

    found = subprocess.run(
        ["grep", "-rlaE", workers.CANARY.replace(" ", "|"), *places],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout == ""
    del cluster


@pytest.mark.parametrize("how", ["end", "interrupt", "kill"])
def test_afterwards_every_process_is_gone_and_the_terminal_is_clean(tmp_path, how):
    """At the end, at Ctrl-C and when the driver is killed; and nothing was on stderr."""
    script = textwrap.dedent(
        """
        import signal, sys, time
        # A shell that started the tests in its background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from pathlib import Path
        from appliance.cluster.batches import map_blocks
        from appliance.cluster.connect import connected
        from appliance.settings.site_file import RaySettings
        from tests.lib import workers
        try:
            with connected(RaySettings("", 2, 0, 100), Path(sys.argv[1])) as cluster:
                blocks = [[str(n)] for n in range(4 if sys.argv[2] == "end" else 2_000)]
                for number, _ in enumerate(map_blocks(cluster, blocks, workers.echo, actors=2)):
                    if number == 0:
                        print("going", flush=True)
        except KeyboardInterrupt:
            sys.exit(130)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run"), how],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "going\n"
    if how == "interrupt":
        # As a terminal does it: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
    elif how == "kill":
        process.kill()
    _, errors = process.communicate(timeout=300)

    assert process.returncode == {"end": 0, "interrupt": 130, "kill": -9}[how]
    if how != "kill":
        assert errors == ""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and (left := processes_naming(tmp_path)):
        time.sleep(0.5)
    assert left == []


def processes_naming(directory):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(directory).encode() in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found
