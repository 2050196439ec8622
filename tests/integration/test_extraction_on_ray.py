"""Extraction over the real vault with real workers: the same bytes, whatever happens to them."""

import subprocess
from contextlib import suppress
from functools import partial

import pytest

from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.parts import Plan
from appliance.clinical.extraction.run import extract
from appliance.clinical.vault.store import Vault
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.errors import ApplianceError
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.site_file import RaySettings
from tests.lib import workers
from tests.lib.memory_vault import EventList

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    vault = Vault.open(directory / "vault", b"k" * 32, b"p" * 32, EventList())
    vault.seal(
        SourceNote(f"{workers.CANARY}-{n}", None, "", "", f"{workers.CANARY} {n} has fever.")
        for n in range(60)
    )
    yield directory, vault
    vault.close()


@pytest.fixture(scope="module")
def cluster(site):
    with connected(RaySettings("", 2, 0, 100), site[0] / "run") as cluster:
        yield cluster


def run(site, cluster, name, make_worker, actors):
    directory, vault = site
    plan = Plan("a", "d", "128", vault.digest(), 60, 5, 20, OutputFormat.PARQUET)
    return extract(
        partial(map_blocks, cluster, make_worker=make_worker, actors=actors),
        vault.note_ids(),
        directory / "findings" / name,
        plan,
        recorder=EventList(),
        policy_digest="p",
        made_at="2026-03-01T06:00:00+00:00",
        progress=Silent(),
    )


def parts(site, name):
    return [path.read_bytes() for path in sorted((site[0] / "findings" / name).glob("part-*"))]


def test_one_worker_or_two_write_the_same_bytes(site, cluster):
    """The number of actors is nobody's business."""
    make_worker = partial(workers.vault_labelling, site[0] / "vault")

    card = run(site, cluster, "one", make_worker, actors=1)
    run(site, cluster, "two", make_worker, actors=2)

    assert card.findings == 60
    assert len(parts(site, "one")) == 3
    assert parts(site, "one") == parts(site, "two")


def test_a_killed_worker_changes_nothing(site, cluster, tmp_path):
    """Another takes its blocks over, or the next run does; the bytes are the same."""
    make_worker = partial(workers.deadly_labelling, site[0] / "vault", tmp_path / "killed")

    with suppress(ApplianceError):
        run(site, cluster, "killed", make_worker, actors=2)
    run(site, cluster, "killed", make_worker, actors=2)

    assert (tmp_path / "killed").exists()
    assert parts(site, "killed") == parts(site, "one")


def test_no_text_of_a_note_is_outside_the_vault_in_clear(site, cluster):
    """Site, Ray's session and shared memory, after the runs above."""
    found = subprocess.run(
        ["grep", "-rlaE", "Zebedee|Quillfeather", str(site[0]), "/dev/shm"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout == ""
    del cluster
