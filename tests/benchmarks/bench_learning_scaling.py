# ruff: noqa: T201 - what a benchmark prints is its result
"""Notes read by one and by two of Ray's actors, of one thread each. Needs two idle cores.

    APPLIANCE_CORPORA=DIR python -m pytest tests/benchmarks/bench_learning_scaling.py -s

DIR holds ner/ncbi-disease/{train,devel}.tsv and notes/notes-ccby.jsonl; APPLIANCE_BENCH_NOTES=N
reads the first N. Time runs from the first block that is there, so that the start of the actors
is left out.
"""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import connected
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.settings.site_file import RaySettings
from tests.benchmarks.bench_learning import write_gold_corpus
from tests.lib.note_counting import Counting, read_notes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        "APPLIANCE_CORPORA" not in os.environ, reason="APPLIANCE_CORPORA names no public corpora"
    ),
]
NOTES = int(os.environ.get("APPLIANCE_BENCH_NOTES", "0")) or None
BLOCK = 16


def test_two_workers_read_about_twice_as_fast(tmp_path):
    corpora = Path(os.environ["APPLIANCE_CORPORA"])
    notes = corpora / "notes" / "notes-ccby.jsonl"
    base = ModelStore(tmp_path / "models").resolve("embedded-encoder")
    write_gold_corpus(corpora / "ner" / "ncbi-disease", tmp_path / "ncbi", 300)
    config = {
        "corpus": str(tmp_path / "ncbi"), "base": str(base.path), "out": str(tmp_path / "reader"),
        "name": "reader", "task": "disease", "corpus_name": "ncbi", "base_name": base.name,
        "base_digest": base.digest, "types": ["Disease"], "epochs": 1, "threads": 1,
        "made_at": "2026-11-27T00:00:00+00:00",
    }  # fmt: skip
    fit(config, InProcessWorker())
    ids = [str(number) for number in range(len(read_notes(notes, NOTES)))]
    blocks = [ids[start : start + BLOCK] for start in range(0, len(ids), BLOCK)]
    make_worker = partial(Counting, tmp_path / "reader", base.path, notes)
    rates, found = {}, {}
    with connected(RaySettings("", 2, 0, 100), tmp_path / "run") as cluster:
        for actors in (1, 2):
            times, records = [], []
            for some in map_blocks(cluster, blocks, make_worker, actors=actors):
                times.append(time.perf_counter())
                records += some
            rates[actors] = (len(blocks) - actors) / (times[-1] - times[actors - 1])
            found[actors] = records

    print(f"inference, Ray actors: 1 -> 2 gives {rates[2] / rates[1]:.2f} x")
    assert found[1] == found[2]
