"""An extraction in a process of its own, slow enough to be shot at: `python -m tests.lib.chaos`.

Arguments: a site, a name of findings; for a cluster of several hosts HOST:PORT, a place in it.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.records.notes import SourceNote
from appliance.records.spans import ScoredSpan
from appliance.settings.assertion import load_assertion
from appliance.settings.policies import shipped_policies
from appliance.settings.site_file import RaySettings
from appliance.workflows.extract import open_worker_vault
from appliance.workflows.site import open_site
from tests.lib.read_site import ListLabeller, extract_by

CANARY: Final = "Quillfeather"
_TEXTS: Final = ("no fever", "has asthma", "history of gout", "nothing")


def canary_notes(count: int = 240) -> Iterator[SourceNote]:
    """Notes of seven patients, each with the canary in its id and in its text."""
    for n in range(count):
        text = f"{CANARY} {n}: {_TEXTS[n % 4]}."
        yield SourceNote(f"{CANARY}-{n}", f"p-{n % 7}", "x", "", text)


class SlowLabeller(ListLabeller):
    """Takes its time, as a model does.

    Args:
        delay_s: How long, for each text.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """As `ListLabeller`, a little later."""
        time.sleep(self._delay_s * len(texts))
        return super().label(texts)


def make_worker(root: Path, delay_s: float = 0.03) -> NoteLabelling:
    """A worker over the site's vault; that it is there, and on which host, shows in the site."""
    import ray

    worker = NoteLabelling(
        open_worker_vault(root),
        SlowLabeller(delay_s),
        ContextEngine(load_assertion(shipped_policies())),
    )
    (root / "run" / "a-worker-is-there").touch()
    if ray.is_initialized():
        (root / "run" / f"a-worker-is-at-{ray.util.get_node_ip_address()}").touch()
    return worker


LOCAL = RaySettings("", 2, 0, 100)


def extract_in_ray(
    root: Path, name: str, settings: RaySettings = LOCAL, delay_s: float = 0.03
) -> None:
    """The findings of every note are at `SITE/findings/NAME`."""
    with connected(settings, root / "run") as cluster:
        run = partial(
            map_blocks,
            cluster,
            make_worker=partial(make_worker, root, delay_s),
            actors=settings.cpus,
        )
        extract_by(run, open_site(root), name, notes_per_part=20)


def extract_alone(root: Path, name: str) -> None:
    """The same findings, by this process alone, without Ray."""
    worker = make_worker(root, 0.0)
    extract_by(lambda blocks: map(worker, blocks), open_site(root), name, notes_per_part=20)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        several = RaySettings(sys.argv[3], 3, 0, 100, node=sys.argv[4])
        extract_in_ray(Path(sys.argv[1]), sys.argv[2], several, delay_s=0.08)
    else:
        extract_in_ray(Path(sys.argv[1]), sys.argv[2])
