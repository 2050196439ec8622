# ruff: noqa: T201 - what a benchmark prints is its result
"""Training and inference on NCBI-Disease with the embedded encoder, beside the dictionary.

    APPLIANCE_CORPORA=DIR python -m pytest tests/benchmarks/bench_learning.py -s

DIR holds ner/ncbi-disease/{train,devel,test}.tsv (IOB2), vocab/diseases_mesh.tsv and
notes/notes-ccby.jsonl. About 25 CPU minutes. The adapter stays in APPLIANCE_BENCH, where set.
"""

import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from appliance.artifacts.manifest import is_finished, write_manifest
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.score import score
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.settings.tasks import load_vocabulary

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        "APPLIANCE_CORPORA" not in os.environ, reason="APPLIANCE_CORPORA names no public corpora"
    ),
]
LABELS = ("Disease",)
EPOCHS = 6


class Printing(InProcessWorker):
    def report(self, metrics):
        super().report(metrics)
        print({name: round(value, 4) for name, value in metrics.items()}, flush=True)


@pytest.fixture(scope="module")
def corpora():
    return Path(os.environ["APPLIANCE_CORPORA"])


@pytest.fixture(scope="module")
def trained(corpora, tmp_path_factory):
    """An adapter trained on NCBI-Disease's own training split: the ceiling of this encoder."""
    root = Path(os.environ.get("APPLIANCE_BENCH", tmp_path_factory.mktemp("bench")))
    base = ModelStore(root / "models").resolve("embedded-encoder")
    corpus, out = root / "ncbi", root / "gold-reader"
    if not is_finished(corpus):
        write_gold_corpus(corpora / "ner" / "ncbi-disease", corpus)
    if not is_finished(out):
        config = {
            "corpus": str(corpus),
            "base": str(base.path),
            "out": str(out),
            "name": "gold-reader",
            "task": "disease",
            "corpus_name": "ncbi",
            "base_name": base.name,
            "base_digest": base.digest,
            "types": list(LABELS),
            "made_at": "2026-11-23T00:00:00+00:00",
            "epochs": EPOCHS,
        }
        began, cpu = time.perf_counter(), time.process_time()
        fit(config, worker := Printing())
        rows = EPOCHS * read_adapter(out)[0].examples
        rate = sorted(m["examples_per_s"] for m in worker.reported)[EPOCHS // 2]
        print(
            f"training: {rate:.1f} examples/s (median epoch), "
            f"{rows / (time.process_time() - cpu):.1f} per CPU second with dev, "
            f"{time.perf_counter() - began:.0f} s"
        )
    return AdapterLabeller.load(
        out,
        base.path,
        device="cpu",
        max_tokens=128,
        stride_tokens=32,
        batch_tokens=2048,
        dtype="float32",
    )


def write_gold_corpus(source, directory, sentences=None):
    directory.mkdir(parents=True, exist_ok=True)
    for split, name in (("train", "train.tsv"), ("dev", "devel.tsv")):
        rows = [
            {
                "text": document.text,
                "spans": [
                    {"start": span.start, "end": span.end, "label": span.label}
                    for span in document.spans
                ],
                "weight": 1.0,
            }
            for document in read_gold(source / name, LABELS)[:sentences]
        ]
        pq.write_table(pa.Table.from_pylist(rows), directory / f"{split}.parquet")
    write_manifest(directory, "corpus")


def plain(found):
    return [[one.span for one in document] for document in found]


def test_supervised_lora_reaches_the_encoders_ceiling(corpora, trained):
    """Strict F1 82.3 was measured for this recipe; the dictionary alone has 46.15."""
    gold = read_gold(corpora / "ner" / "ncbi-disease" / "test.tsv", LABELS)
    texts = [document.text for document in gold]
    vocabulary = load_vocabulary(corpora / "vocab" / "diseases_mesh.tsv", LABELS, "MeSH")

    adapter = score(gold, plain(trained.label(texts)))
    dictionary = score(gold, plain(DictionaryLabeller(vocabulary).label(texts)))

    for name, result in (("adapter", adapter), ("dictionary", dictionary)):
        print(
            f"{name}: F1 {100 * result.f1:.2f} "
            f"({100 * result.ci_low:.2f} to {100 * result.ci_high:.2f}), "
            f"P {100 * result.precision:.2f}, R {100 * result.recall:.2f}"
        )
    assert adapter.f1 > 0.79
    assert round(100 * dictionary.f1, 2) == 46.15


def test_notes_are_read_at_a_measured_rate(corpora, trained):
    lines = (corpora / "notes" / "notes-ccby.jsonl").read_text(encoding="utf-8").split("\n")
    notes = [json.loads(line)["text"] for line in lines if line]
    trained.label(notes[:8])

    began, cpu = time.perf_counter(), time.process_time()
    found = trained.label(notes)
    seconds, busy = time.perf_counter() - began, time.process_time() - cpu

    print(
        f"inference: {len(notes) / seconds:.1f} notes/s, {len(notes) / busy:.1f} per CPU second; "
        f"{len(notes)} notes of {sum(map(len, notes)) / len(notes):.0f} characters"
    )
    assert len(found) == len(notes)
