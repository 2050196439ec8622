# ruff: noqa: T201 - what a benchmark prints is its result
"""How long an audit takes, attack by attack, and whether that grows: `make bench-audit`.

Public notes (APPLIANCE_CORPORA/notes) are multiplied with variations to each of the counts that are
named, beside an invented hospital with its registry, a corpus with its journal, and an adapter that
learned from some of the notes. The whole audit then runs, report and all, in a process of its own.
Times are CPU seconds of that process: they hold on a busy machine too.

    make bench-audit NOTES="1000 5000 10000"    NOTES=100000 is the size that is asked for
    APPLIANCE_BENCH_OWN=N (60) notes that the adapter learns from; 0 makes none
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.artifacts.manifest import read_manifest
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.progress import Silent
from appliance.synthesis.curation.corpus import KIND
from appliance.workflows.audit import audit
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.ingest import import_notes
from appliance.workflows.self_training import (
    Teaching,
    begin_lesson,
    fit_on_notes,
    prepare_lesson,
)
from appliance.workflows.site import Site
from tests.benchmarks.bench_clinical import write_notes
from tests.lib.audited_site import make_audited_site

COUNTS = (1_000, 5_000, 10_000)
OWN = int(os.environ.get("APPLIANCE_BENCH_OWN", "60"))
EXAMPLES = 200
TYPES = ("Disease",)
# One patient of the invented hospital, registered with all identifiers, for so many notes.
NOTES_OF_ONE = 50


class Timed:
    """Keeps the CPU time of each attack; what comes before the first is gathering."""

    def __init__(self) -> None:
        self.rows: dict[str, float] = {}
        self._began, self._mark = "gathering", time.process_time()

    def begin(self, stage: str, total: int | None = None) -> None:
        """An attack has begun, or counts its steps."""
        del total
        if stage != self._began:
            self._note()
            self._began = stage

    def advance(self, count: int = 1, note: str = "") -> None:
        """Nothing is drawn."""

    def end(self, summary: str = "") -> None:
        """The attack is over; what comes next is the report, or the next one."""
        del summary
        self._note()
        self._began = "report"

    def finish(self) -> dict[str, float]:
        """All of them, in order."""
        self._note()
        last = {"report": self.rows.pop("report")}
        return {name: round(spent, 2) for name, spent in (self.rows | last).items()}

    def _note(self) -> None:
        now = time.process_time()
        self.rows[self._began] = self.rows.get(self._began, 0.0) + now - self._mark
        self._mark = now


def build(root: Path, count: int) -> None:
    """A site with that many public notes."""
    site = make_audited_site(root, notes=max(48, count // NOTES_OF_ONE), examples=EXAMPLES)
    export = root.parent / "notes.jsonl"
    write_notes(export, count)
    import_notes(root, [export], Silent())
    if OWN:
        learn(site)


def learn(site: Site) -> None:
    """Adapter `teacher` of the corpus, and adapter `ours` of that and of some notes."""
    base = ModelStore(site.paths.models).resolve("embedded-encoder")
    corpus = site.paths.corpora / "first"
    digest = read_manifest(corpus, KIND).digest

    def config(name: str, epochs: int) -> dict[str, object]:
        return {
            "corpus": str(corpus), "base": str(base.path), "out": str(site.paths.adapters / name),
            "name": name, "task": "disease", "corpus_name": "first", "base_name": base.name,
            "base_digest": base.digest, "types": list(TYPES), "metrics": "", "epochs": epochs,
            "made_at": "2026-11-27T00:00:00+00:00", "threads": 1, "device": "cpu",
            "dtype": "float32", "batch_tokens": 1024,
        }  # fmt: skip

    def record(name: str) -> None:
        made = read_manifest(site.paths.adapters / name, "adapter").digest
        facts = {"name": name, "adapter_digest": made, "corpus_digest": digest}
        site.ledger.record("adapter.trained", facts)

    fit(config("teacher", 3), InProcessWorker())
    record("teacher")
    lesson = prepare_lesson(site, "disease", TYPES, Teaching(("teacher",), OWN, 0.0), 0.0)
    assert lesson is not None
    fit_on_notes({**config("ours", 1), **begin_lesson(site, lesson)}, InProcessWorker())
    record("ours")


def run_here(root: Path) -> None:
    """The audit of that site; what each part cost is printed."""
    timed, began = Timed(), time.perf_counter()
    done = audit(root, root.parent / "report", AuditOrder(), timed)
    rows = timed.finish()
    standings = {one.attack: one.standing.value for one in done.report.results}
    print(
        json.dumps(
            {
                "cpu_s": rows,
                "standings": standings,
                "wall_s": round(time.perf_counter() - began, 1),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


def measure(counts: list[int]) -> Iterator[tuple[int, dict[str, dict[str, float]]]]:
    """Each count with what its audit cost."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "site"
            build(root, count)
            done = subprocess.run(
                [sys.executable, "-m", __spec__.name, "--root", str(root)],
                stdout=subprocess.PIPE,
                check=True,
            )
            yield count, json.loads(done.stdout)


def main() -> None:
    """Measure, and say what grows faster than the notes do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", nargs="*", type=int, default=list(COUNTS))
    parser.add_argument("--root", type=Path)
    options = parser.parse_args()
    if options.root:
        run_here(options.root)
        return
    before: tuple[int, dict[str, float]] | None = None
    for count, found in measure(options.counts):
        rows = found["cpu_s"]
        print(f"{count:,} notes: {sum(rows.values()):.1f} s of CPU, {found['wall_s']} s, "
              f"peak {found['peak_mb']} MB", flush=True)  # fmt: skip
        for name, spent in rows.items():
            grown = ""
            if before and before[1].get(name, 0) > 1:
                grown = f"  x {spent / before[1][name]:.1f} for x {count / before[0]:.1f} notes"
            print(f"  {name:22} {spent:>8.2f} s  {found['standings'].get(name, ''):10}{grown}")
        before = count, rows


if __name__ == "__main__":
    main()
