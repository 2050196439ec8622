"""`appliance cluster`: begun, invited, joined; no secret on record, on screen only the token."""

import json
import shutil

import pytest

from appliance.cli.main import run
from appliance.cluster.membership import read_membership
from appliance.errors import BadInput
from appliance.settings.site_file import RaySettings
from appliance.workflows import cluster as workflow
from appliance.workflows.site import find_entries, init, open_site


@pytest.fixture
def site(tmp_path):
    return init(tmp_path / "site", "air-gapped").paths


def command(*words):
    return run(["cluster", *map(str, words)])


def begin(site, node, *more):
    return command("init", "--host", "10.0.0.1", "--node", node, "--site", site.root, *more)


def test_a_host_joins_by_a_token(site, tmp_path, capsys):
    """The head begins, invites; the other host reads the token from its standard input."""
    assert begin(site, tmp_path / "head", "--json") == 0
    begun = json.loads(capsys.readouterr().out)
    assert command("token", "--host", "10.0.0.2", "--site", site.root, "--json") == 0
    token = json.loads(capsys.readouterr().out)["token"]
    (tmp_path / "token").write_text(f"{token}\n")
    place = ("--node", tmp_path / "worker", "--site", site.root)

    assert command("join", "--token", tmp_path / "token", *place, "--dry-run") == 0
    assert not (tmp_path / "worker").exists()
    assert command("join", "--token", tmp_path / "token", *place, "--json") == 0

    joined = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert begun["address"] == joined["head"] == "10.0.0.1:6379"
    head, worker = read_membership(tmp_path / "head"), read_membership(tmp_path / "worker")
    assert (head.role, worker.role) == ("head", "worker")
    token_of = [(place.directory / "ray.token").read_text() for place in (head, worker)]
    assert token_of[0] == token_of[1]
    assert command("join", "--token", tmp_path / "token", *place) == 2


def test_the_ledger_tells_who_was_let_in_and_no_secret(site, tmp_path, capsys):
    begin(site, tmp_path / "head")
    capsys.readouterr()
    command("token", "--host", "10.0.0.2", "--site", site.root, "--json")
    token = json.loads(capsys.readouterr().out)["token"]
    workflow.join(site.root, token, node=tmp_path / "worker")

    entries = list(find_entries(open_site(site.root), '"kind":"cluster.'))

    assert [entry["kind"] for entry in entries] == [
        "cluster.begun",
        "cluster.invited",
        "cluster.joined",
    ]
    written = json.dumps(entries)
    assert token not in written
    assert token.partition(".")[2] not in written
    assert (tmp_path / "head/ray.token").read_text() not in written


def test_a_second_cluster_is_refused_and_a_renewed_one_shuts_the_hosts_out(site, tmp_path, capsys):
    begin(site, tmp_path / "head")
    token, authority = (
        (tmp_path / "head" / name).read_text() for name in ("ray.token", "authority.pem")
    )

    assert begin(site, tmp_path / "head") == 2
    assert "has a cluster already" in capsys.readouterr().err
    assert begin(site, tmp_path / "head", "--renew") == 0

    assert (tmp_path / "head/ray.token").read_text() != token
    assert (tmp_path / "head/authority.pem").read_text() != authority


@pytest.mark.parametrize("more", [(), ("--renew",)])
def test_a_place_that_cannot_be_written_leaves_the_cluster_as_it_was(site, tmp_path, capsys, more):
    """No key, no entry; the same command with a better place goes on."""
    if more:
        begin(site, tmp_path / "head")
    (tmp_path / "file").write_text("")
    keys = {path: path.read_bytes() for path in site.keys.iterdir()}
    size = open_site(site.root).ledger.head().size

    for place in (tmp_path / "file", tmp_path / "file/node"):
        assert begin(site, place, *more) == 2
    assert "can't be written" in capsys.readouterr().err

    assert {path: path.read_bytes() for path in site.keys.iterdir()} == keys
    assert open_site(site.root).ledger.head().size == size
    assert begin(site, tmp_path / "head", *more) == 0


def test_what_takes_a_clusters_keys_is_on_record(site, tmp_path):
    """Where they can't be written the ledger tells of the try, and it can be made again."""
    (site.keys / workflow.AUTHORITY).mkdir()

    assert begin(site, tmp_path / "head") == 2

    [entry] = find_entries(open_site(site.root), '"kind":"cluster.begun"')
    assert entry["facts"]["head"] == "10.0.0.1:6379"
    (site.keys / workflow.AUTHORITY).rmdir()
    assert begin(site, tmp_path / "head") == 0


def test_a_token_is_not_used_up_where_the_host_cannot_keep_its_place(site, tmp_path):
    begin(site, tmp_path / "head")
    token = workflow.invite_host(site.root, "10.0.0.2", hours=1, days=1).token
    (tmp_path / "file").write_text("")

    for place in (tmp_path / "file", tmp_path / "file/node"):
        with pytest.raises(BadInput, match="can't be written"):
            workflow.join(site.root, token, node=place)

    assert workflow.join(site.root, token, node=tmp_path / "worker").host == "10.0.0.2"


def test_a_host_that_is_not_let_in_again_stays_what_it_was(site, tmp_path):
    begin(site, tmp_path / "head")
    token = workflow.invite_host(site.root, "10.0.0.2", hours=1, days=1).token
    workflow.join(site.root, token, node=tmp_path / "worker")
    before = (tmp_path / "worker/host.pem").read_bytes()

    with pytest.raises(BadInput, match="was used"):
        workflow.join(site.root, token, node=tmp_path / "worker")

    assert (tmp_path / "worker/host.pem").read_bytes() == before
    assert not list(tmp_path.glob(".worker*"))


def test_dry_runs_make_nothing(site, tmp_path):
    def files():
        return {path: path.read_bytes() for path in site.root.rglob("*") if path.is_file()}

    before = files()
    assert begin(site, tmp_path / "head", "--dry-run") == 0
    assert files() == before
    assert not (tmp_path / "head").exists()
    begin(site, tmp_path / "head")
    assert command("token", "--host", "10.0.0.2", "--site", site.root, "--dry-run", "--json") == 0

    assert not site.invitations.exists()


def test_the_head_does_not_take_a_helpers_port(site, tmp_path, capsys):
    assert begin(site, tmp_path / "head", "--port", "6381") == 2
    assert "another --port" in capsys.readouterr().err


def test_without_a_cluster_nobody_is_invited(site, capsys):
    assert command("token", "--host", "10.0.0.2", "--site", site.root) == 2
    assert "cluster init" in capsys.readouterr().err


def test_a_hosts_key_never_lies_in_the_shared_site(site, tmp_path, capsys):
    begin(site, tmp_path / "head")
    capsys.readouterr()
    token = workflow.invite_host(site.root, "10.0.0.2", hours=1, days=1).token

    with pytest.raises(BadInput, match="must not lie in the site"):
        workflow.join(site.root, token, node=site.root / "node")

    assert workflow.join(site.root, token, node=tmp_path / "worker").host == "10.0.0.2"


def test_a_cluster_beyond_this_machine_is_not_spoken_to_without_a_place_in_it(site, tmp_path):
    """Neither token nor TLS can be left out."""
    from appliance.cluster.connect import connected

    settings = RaySettings("10.0.0.1:6379", 2, 0, 100, node=str(tmp_path / "nowhere"))

    with pytest.raises(BadInput, match="belongs to no cluster"), connected(settings, site.run):
        pytest.fail("it was spoken to")


@pytest.mark.parametrize("verb", ["status", "serve", ("drain", "10.0.0.2")])
def test_a_host_that_never_joined_is_told_so(site, tmp_path, capsys, verb):
    words = [verb] if isinstance(verb, str) else verb

    assert command(*words, "--node", tmp_path / "nowhere", "--site", site.root) == 2
    assert "cluster join" in capsys.readouterr().err


def test_a_restored_head_gets_its_place_again_and_no_other_host_has_to_join(site, tmp_path, capsys):
    """From a backup come the cluster's keys, and not what lay outside of the site."""
    begin(site, tmp_path / "head")
    keys = {path.name: path.read_bytes() for path in site.keys.iterdir()}
    old = (tmp_path / "head/host.pem").read_bytes()
    shutil.rmtree(tmp_path / "head")

    assert command("serve", "--node", tmp_path / "head", "--site", site.root) == 2
    assert "`appliance cluster init --host ADDRESS`" in capsys.readouterr().err
    assert begin(site, tmp_path / "head", "--dry-run") == 0
    assert not (tmp_path / "head").exists()
    assert begin(site, tmp_path / "head") == 0

    place = read_membership(tmp_path / "head")
    assert (place.role, place.head) == ("head", "10.0.0.1:6379")
    assert (tmp_path / "head/host.pem").read_bytes() != old
    assert {path.name: path.read_bytes() for path in site.keys.iterdir()} == keys
    assert begin(site, tmp_path / "head") == 2


def test_a_head_at_another_address_is_told_what_that_costs(site, tmp_path, capsys):
    begin(site, tmp_path / "head")
    shutil.rmtree(tmp_path / "head")
    capsys.readouterr()

    words = ("--node", tmp_path / "head", "--site", site.root)
    assert command("init", "--host", "10.0.0.9", *words) == 2

    said = capsys.readouterr().err
    assert "its head is 10.0.0.1:6379" in said
    assert "--renew" in said
    assert not (tmp_path / "head").exists()
