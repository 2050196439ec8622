"""An extraction in a process of its own, slow enough to be shot at: `python -m tests.lib.chaos`."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.clinical.extraction.parts import Plan
from appliance.clinical.extraction.run import extract
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.records.identifiers import Digest
from appliance.records.progress import Silent
from appliance.records.spans import ScoredSpan
from appliance.settings.assertion import load_assertion
from appliance.settings.policies import shipped_policies
from appliance.settings.site_file import RaySettings
from appliance.workflows.extract import open_worker_vault
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import open_site
from tests.lib.read_site import ListLabeller


class SlowLabeller(ListLabeller):
    """Takes its time, as a model does."""

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """As `ListLabeller`, a little later."""
        time.sleep(0.03 * len(texts))
        return super().label(texts)


def make_worker(root: Path) -> NoteLabelling:
    """A worker over the site's vault; that it is there shows in the site."""
    worker = NoteLabelling(
        open_worker_vault(root), SlowLabeller(), ContextEngine(load_assertion(shipped_policies()))
    )
    (root / "run" / "a-worker-is-there").touch()
    return worker


def extract_in_ray(root: Path, name: str) -> None:
    """The findings of every note are at `SITE/findings/NAME`."""
    site = open_site(root)
    with opened_vault(site) as vault:
        note_ids, digest = vault.note_ids(), vault.digest()
    plan = Plan(
        "reader", Digest("d" * 64), "128", digest, len(note_ids), 4, 20, OutputFormat.PARQUET
    )
    with connected(RaySettings("", 2, 0, 100), root / "run") as cluster:
        extract(
            partial(map_blocks, cluster, make_worker=partial(make_worker, root), actors=2),
            note_ids,
            site.paths.findings / name,
            plan,
            recorder=site.ledger,
            policy_digest=site.policy_digest,
            made_at="2026-03-01T06:00:00+00:00",
            progress=Silent(),
        )


if __name__ == "__main__":
    extract_in_ray(Path(sys.argv[1]), sys.argv[2])
