# ruff: noqa: T201 - what a benchmark prints is its result
"""What a note costs, from export to finding, and whether that grows: `make bench-clinical`.

Public notes (APPLIANCE_CORPORA/notes) are multiplied with variations to each of the counts that
are named, and every step runs in a process of its own, so that its memory is its own. Times are
CPU seconds of that process: rates are per core, on however busy a machine; but for `extract-by-N`,
where N workers of Ray's do the work, and which is timed by the clock.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.clinical.extraction.run import RunBlocks
from appliance.clinical.vault.store import Vault
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.records.progress import Silent
from appliance.settings.assertion import load_assertion
from appliance.settings.tasks import load_task
from appliance.workflows.ingest import import_notes, opened_vault
from appliance.workflows.search import search
from appliance.workflows.site import init, open_site
from tests.lib.read_site import extract_by

COUNTS = (1_000, 10_000, 100_000)
STEPS = (
    *("import", "import-again", "scan", "unseal", "index", "search", "search-within"),
    *("label", "extract", "extract-by-1", "extract-by-2"),
)
# What a large hospital group has, and what it may run on.
PROJECTED_NOTES = 100_000_000
PROJECTED_CORES = 16 * 32


def write_notes(path: Path, count: int) -> None:
    """The public notes over and over, each time with sentences left out and a line of its own."""
    folder = Path(os.environ["APPLIANCE_CORPORA"]) / "notes"
    texts = [
        json.loads(line)["text"]
        for name in ("notes-ccby.jsonl", "mtsamples_200.jsonl")
        for line in (folder / name).read_text(encoding="utf-8").splitlines()
    ]
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            sentences = re.split(r"(?<=[.\n])", texts[number % len(texts)])
            kept = [one for one in sentences if chance.random() < 0.9] or sentences
            text = f"{''.join(kept)}\nSeen on day {number} in room {chance.randrange(900)}."
            fields = {"id": f"b-{number}", "patient": f"p-{number // 7}", "text": text}
            file.write(json.dumps(fields) + "\n")


def step_import(root: Path) -> int:
    """The export is in the vault, and fingerprinted."""
    report = import_notes(root, [root.parent / "notes.jsonl"], Silent())
    return report.new + report.known


def step_scan(root: Path) -> int:
    """Every row of the catalogue is read through SQLCipher."""
    with opened_vault(open_site(root)) as vault:
        vault.digest()
        return sum(vault.count().values())


def step_unseal(root: Path) -> int:
    """Every note is opened."""
    with opened_vault(open_site(root)) as vault:
        ids = iter(vault.note_ids())
        count = 0
        while chunk := list(islice(ids, 256)):
            count += len(vault.read_identified(chunk, "benchmark"))
        return count


def step_index(root: Path) -> int:
    """Every note can be found by its words."""
    with opened_vault(open_site(root)) as vault:
        count = 0
        while done := vault.index_some("benchmark"):
            count += done
        return count


def step_search(root: Path) -> int:
    """The worst word to look for: it stands in every note; all of them are kept as a cohort."""
    return search(root, "seen", "benchmark", Silent(), cohort="seen").notes


def step_search_within(root: Path) -> int:
    """The same word, in that cohort."""
    return search(root, "seen", "benchmark", Silent(), within="seen").notes


def _labeller(root: Path) -> DictionaryLabeller:
    return DictionaryLabeller(load_task(open_site(root).paths.labels, "disease")[1])


def step_label(root: Path) -> int:
    """The labeller alone, on every note's text: what extraction is measured by."""
    labeller = _labeller(root)
    with opened_vault(open_site(root)) as vault:
        ids = iter(vault.note_ids())
        count, spent = 0, 0.0
        while chunk := list(islice(ids, 16)):
            texts = [note.text for note in vault.read_identified(chunk, "benchmark")]
            before = time.process_time()
            labeller.label(texts)
            spent += time.process_time() - before
            count += len(texts)
    print(json.dumps({"labeller_cpu_s": round(spent, 2)}), file=sys.stderr)
    return count


def step_extract(root: Path) -> int:
    """Findings of every note, with their meaning, in parts on disk; in this process."""
    with opened_vault(open_site(root)) as vault:
        worker = _worker(root, vault)
        return _extract(root, "here", lambda blocks: map(worker, blocks))


def step_extract_by_ray(root: Path, actors: int) -> int:
    """The same as `appliance extract` does it: by workers of Ray's, started and ended with it."""
    site = open_site(root)
    with connected(site.settings.ray, site.paths.run) as cluster:
        make = partial(make_worker, root)
        run = partial(map_blocks, cluster, make_worker=make, actors=actors)
        return _extract(root, f"by-{actors}", run)


def make_worker(root: Path) -> NoteLabelling:
    """Dictionary and rules with a vault of their own, in a process of Ray's."""
    from appliance.workflows.extract import open_worker_vault

    return _worker(root, open_worker_vault(root))


def _worker(root: Path, vault: Vault) -> NoteLabelling:
    engine = ContextEngine(load_assertion(open_site(root).paths.policies))
    return NoteLabelling(vault, _labeller(root), engine)


def _extract(root: Path, name: str, run: RunBlocks) -> int:
    site = open_site(root)
    return extract_by(run, site, name, notes_per_part=2048, notes_per_block=16).notes


RUN: dict[str, Callable[[Path], int]] = {
    "import": step_import,
    "import-again": step_import,
    "scan": step_scan,
    "unseal": step_unseal,
    "index": step_index,
    "search": step_search,
    "search-within": step_search_within,
    "label": step_label,
    "extract": step_extract,
    "extract-by-1": partial(step_extract_by_ray, actors=1),
    "extract-by-2": partial(step_extract_by_ray, actors=2),
}
# Their work is done in other processes: rates are by the clock.
CLOCKED = {"extract-by-1", "extract-by-2"}


def one_step(name: str, root: Path) -> None:
    """Run a step here and print what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = RUN[name](root)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(
        json.dumps(
            {
                "step": name,
                "notes": count,
                "cpu_s": round(cpu, 2),
                "wall_s": round(wall, 2),
                "notes_per_s": round(count / (wall if name in CLOCKED else cpu)),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


def measure(count: int) -> Iterator[dict[str, float]]:
    """Every step on that many notes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "site"
        init(root, "air-gapped")
        write_notes(root.parent / "notes.jsonl", count)
        for name in STEPS:
            done = subprocess.run(
                [sys.executable, "-m", __spec__.name, "--step", name, "--root", str(root)],
                stdout=subprocess.PIPE,
                check=True,
            )
            row = json.loads(done.stdout)
            assert row["notes"] == count
            yield row


def main() -> None:
    """Measure, and say what the figures mean for many notes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", nargs="*", type=int, default=list(COUNTS))
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--root", type=Path)
    options = parser.parse_args()
    if options.step:
        with suppress(BrokenPipeError):
            one_step(options.step, options.root)
        return
    cost = 0.0
    for count in options.counts:
        print(f"{count:,} notes")
        for row in measure(count):
            kind = "clock" if row["step"] in CLOCKED else "CPU"
            print(
                f"  {row['step']:13} {row['notes_per_s']:>9,} notes per {kind} second,"
                f" {row['cpu_s']:>8} s of CPU, {row['wall_s']:>8} s, peak {row['peak_mb']:>5} MB",
                flush=True,
            )
            if row["step"] in {"import", "extract"}:
                cost = cost * (row["step"] == "extract") + row["cpu_s"] / count
    hours = PROJECTED_NOTES * cost / 3_600
    print(
        f"Projected, without a model: {PROJECTED_NOTES:,} notes imported and read by dictionary and"
        f" rules take {hours:,.0f} hours of one such core, {hours / PROJECTED_CORES:.2f} hours of"
        f" {PROJECTED_CORES}; a model's own time per note comes on top."
    )


if __name__ == "__main__":
    main()
