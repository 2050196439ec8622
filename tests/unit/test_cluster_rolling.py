"""A rolling restart: one after the other, stopped by the first that is not back, taken up again."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from appliance.cluster.hosts import HostState
from appliance.errors import BackendUnavailable, BadInput, IntegrityError
from appliance.records.progress import Silent
from appliance.workflows import cluster, rolling, rolling_plan
from appliance.workflows.rolling import forget, is_to_start_again, restart
from appliance.workflows.site import find_entries, init, open_site

HEAD, FIRST, SECOND, THIRD = (f"10.0.0.{number}" for number in (1, 2, 3, 4))


class Hosts:
    """What a head would tell of its hosts; one that is drained asks the plan, as it does itself.

    Attributes:
        drained: Addresses, in order.
        slow: Those that do not come back.
        busy: Those whose work takes longer than anybody waits.
    """

    def __init__(self, paths):
        self._paths = paths
        self._lives = dict.fromkeys((HEAD, FIRST, SECOND, THIRD), 1)
        self._away = set()
        self.drained = []
        self.slow = set()
        self.busy = set()

    def list_hosts(self, _place):
        return tuple(
            HostState(
                address=address,
                role="head" if address == HEAD else "worker",
                is_alive=address not in self._away,
                cpus=1,
                gpus=0,
                zone="clinical",
                node_id=f"{address}-{life}",
            )
            for address, life in self._lives.items()
        )

    def drain(self, _place, host, _patience_s):
        self.drained.append(host)
        if host in self.busy:
            raise BackendUnavailable(f"{host} is still at work.", "Wait.")
        self.leave(host)

    def leave(self, host):
        """Its work has ended: it asks the plan."""
        comes_back = is_to_start_again(self._paths, host, f"{host}-{self._lives[host]}")
        if comes_back and host not in self.slow:
            self.start(host)
        else:
            self._away.add(host)

    def is_away(self, host):
        return host in self._away

    def start(self, host):
        self._away.discard(host)
        self._lives[host] += 1


@pytest.fixture
def site(tmp_path):
    made = init(tmp_path / "site", "air-gapped")
    node = tmp_path / "node"
    cluster.init(made.paths.root, HEAD, port=6379, days=9, node=node)
    text = made.paths.settings.read_text()
    made.paths.settings.write_text(
        text.replace('node = "/var/lib/appliance/node"', f'node = "{node}"')
    )
    return made.paths


@pytest.fixture
def hosts(site, monkeypatch):
    found = Hosts(site)
    monkeypatch.setattr(rolling.cluster_hosts, "list_hosts", found.list_hosts)
    monkeypatch.setattr(rolling.cluster_hosts, "drain", found.drain)
    monkeypatch.setattr(rolling, "_LOOK_EVERY_S", 0.001)
    return found


def roll(site, *wanted, **more):
    return restart(site.root, wanted, Silent(), patience_s=1, wait_s=0.01, **more)


def cut_off(site, hosts):
    """A restart of all that ended at the second, and what it left in the plan."""
    hosts.slow.add(SECOND)
    with pytest.raises(BackendUnavailable):
        roll(site)
    path = site.run / "cluster-restart.json"
    return path, json.loads(path.read_text())


def test_every_worker_is_restarted_and_the_head_is_left_alone(site, hosts):
    done = roll(site)

    assert done.restarted == (FIRST, SECOND, THIRD) == tuple(hosts.drained)
    assert not (site.run / "cluster-restart.json").exists()
    told = find_entries(open_site(site.root), '"kind":"cluster.restarted"')
    assert [entry["facts"]["host"] for entry in told] == [FIRST, SECOND, THIRD]


def test_the_first_that_is_not_back_ends_it_and_the_same_command_goes_on_there(site, hosts):
    """Those after it were left alone; those before it are not drained again."""
    hosts.slow.add(SECOND)

    with pytest.raises(BackendUnavailable, match=SECOND) as refusal:
        roll(site)
    assert "systemctl" in refusal.value.next_step
    assert hosts.drained == [FIRST, SECOND]

    hosts.slow.clear()
    hosts.start(SECOND)
    done = roll(site)

    assert done.before == (FIRST, SECOND)
    assert done.restarted == (THIRD,)
    assert hosts.drained == [FIRST, SECOND, THIRD]


def test_one_that_is_still_away_is_waited_for_and_not_drained_again(site, hosts):
    hosts.slow.add(FIRST)

    for _ in range(2):
        with pytest.raises(BackendUnavailable, match=FIRST):
            roll(site)

    assert hosts.drained == [FIRST]


def test_only_those_that_are_named(site, hosts):
    assert roll(site, THIRD).restarted == (THIRD,)
    assert hosts.drained == [THIRD]


@pytest.mark.parametrize("host", [HEAD, "10.0.0.99"])
def test_a_host_that_is_no_worker_is_refused(site, hosts, host):
    with pytest.raises(BadInput, match=host):
        roll(site, host)

    assert hosts.drained == []


def test_a_dry_run_drains_nobody_and_leaves_no_plan(site, hosts):
    done = roll(site, dry_run=True)

    assert done == replace(done, restarted=(FIRST, SECOND, THIRD), is_dry_run=True)
    assert hosts.drained == []
    assert not (site.run / "cluster-restart.json").exists()


def test_a_host_that_is_taken_out_stays_away_whatever_was_left_undone(site, hosts):
    """By `cluster drain`: it is struck from the plan first."""
    hosts.slow.add(FIRST)
    with pytest.raises(BackendUnavailable):
        roll(site)
    assert is_to_start_again(site, SECOND, f"{SECOND}-1")

    forget(site, SECOND)

    assert not is_to_start_again(site, SECOND, f"{SECOND}-1")
    assert is_to_start_again(site, THIRD, f"{THIRD}-1")
    assert not is_to_start_again(site, THIRD, f"{THIRD}-2")


def test_a_plan_of_another_day_is_begun_anew(site, hosts):
    """Whoever restarts a cluster a week later means all of it."""
    path, content = cut_off(site, hosts)
    begun = open_site(site.root).clock.now() - timedelta(days=7)
    content["commands"][0]["begun"] = begun.isoformat()
    path.write_text(json.dumps(content))
    hosts.slow.clear()
    hosts.start(SECOND)

    assert roll(site).restarted == (FIRST, SECOND, THIRD)


def test_a_damaged_plan_is_no_plan(site, hosts):
    (site.run / "cluster-restart.json").write_text("{")

    with pytest.raises(IntegrityError, match="damaged"):
        roll(site)

    assert hosts.drained == []


def test_a_host_that_is_still_at_work_comes_back_though_another_was_restarted_meanwhile(
    site, hosts
):
    """Each command keeps its own hosts, and takes back no more than them."""
    hosts.busy.add(FIRST)
    with pytest.raises(BackendUnavailable, match="still at work"):
        roll(site, FIRST)

    assert roll(site, SECOND).restarted == (SECOND,)
    hosts.leave(FIRST)

    assert not hosts.is_away(FIRST)
    assert hosts.drained == [FIRST, SECOND]
    # It is found done, and nobody is drained twice.
    assert roll(site, FIRST).before == (FIRST,)
    assert not (site.run / "cluster-restart.json").exists()


def test_all_are_all_whatever_was_left_undone_of_one(site, hosts):
    """And then nothing is left undone but what was of the other command."""
    hosts.busy.add(FIRST)
    with pytest.raises(BackendUnavailable):
        roll(site, FIRST)
    hosts.busy.clear()

    assert roll(site).restarted == (FIRST, SECOND, THIRD)

    assert roll(site, FIRST).before == (FIRST,)


def test_two_at_the_same_time_are_one_too_many(site, hosts):
    """The second is refused before it drains anybody, and can be run when the first has ended."""
    with rolling_plan.alone(site.run), pytest.raises(BadInput, match="under way"):
        roll(site, SECOND)
    assert hosts.drained == []

    assert roll(site, SECOND).restarted == (SECOND,)


def test_releases_side_by_side_read_each_others_plan(site, hosts):
    """A restart is what brings a new release to the hosts: half of them still run the old one."""
    path, content = cut_off(site, hosts)
    assert content["hosts"] == {host: f"{host}-1" for host in (FIRST, SECOND, THIRD)}

    del content["commands"]
    path.write_text(json.dumps(content))
    hosts.start(SECOND)

    assert is_to_start_again(site, THIRD, f"{THIRD}-1")
    assert roll(site).restarted == (THIRD,)
    assert not path.exists()
