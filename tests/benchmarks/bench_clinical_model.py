# ruff: noqa: T201 - what a benchmark prints is its result
"""What extraction costs beside its model alone: `python -m tests.benchmarks.bench_clinical_model`.

Public notes (APPLIANCE_CORPORA/notes) lie in a vault; an adapter of the embedded encoder learns
from sentences that the dictionary labelled, so that it finds about as much as a good one. Then by
turns, in one process: the adapter on the texts, in the blocks that extraction makes, and the worker
of `extract` on the same notes, which opens, labels, interprets and writes. Last the command itself,
with Ray, by the clock.
"""

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from appliance.artifacts.manifest import read_manifest, write_manifest
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.parts import Plan
from appliance.clinical.extraction.run import extract
from appliance.learning.adapters import read_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.identifiers import Digest
from appliance.records.progress import Silent
from appliance.settings.tasks import load_task
from appliance.workflows.extract import extract as extract_by_ray
from appliance.workflows.extract import make_labelling
from appliance.workflows.extract_sources import choose_sources, open_labeller
from appliance.workflows.ingest import import_notes, opened_vault
from appliance.workflows.site import Site, init, open_site
from tests.benchmarks.bench_clinical import write_notes

NOTES, SENTENCES, ROUNDS = 400, 400, 3
ADAPTER = "reader"


def learn(site: Site, texts: list[str]) -> None:
    """Adapter `reader`, of the first sentences with the names that the dictionary finds in them."""
    labeller = DictionaryLabeller(load_task(site.paths.labels, "disease")[1])
    sentences = [one.strip() for text in texts for one in re.split(r"(?<=[.\n])", text)]
    sentences = [one for one in dict.fromkeys(sentences) if 20 < len(one) < 300][:SENTENCES]
    rows = [
        {
            "text": text,
            "spans": [
                {"start": one.span.start, "end": one.span.end, "label": one.span.label}
                for one in spans
            ],
            "weight": 1.0,
        }
        for text, spans in zip(sentences, labeller.label(sentences), strict=True)
    ]
    corpus = site.paths.corpora / "dictionary"
    corpus.mkdir(parents=True)
    cut = len(rows) // 10
    for split, part in (("train", rows[cut:]), ("dev", rows[:cut])):
        pq.write_table(pa.Table.from_pylist(part), corpus / f"{split}.parquet")
    write_manifest(corpus, "corpus")
    base = ModelStore(site.paths.models).resolve("embedded-encoder")
    config = {
        "corpus": str(corpus), "base": str(base.path), "out": str(site.paths.adapters / ADAPTER),
        "name": ADAPTER, "task": "disease", "corpus_name": corpus.name, "base_name": base.name,
        "base_digest": base.digest, "types": ["Disease"], "metrics": "", "epochs": 2,
        "made_at": "2026-11-28T00:00:00+00:00", "device": "cpu", "dtype": "float32",
        "batch_tokens": 1024,
    }  # fmt: skip
    fit(config, InProcessWorker())
    facts = {"name": ADAPTER, "corpus_digest": read_manifest(corpus, "corpus").digest}
    made = read_manifest(site.paths.adapters / ADAPTER, "adapter").digest
    site.ledger.record("adapter.trained", facts | {"adapter_digest": made})


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of this process, and seconds by the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    job()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Both by turns, and the command."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "site"
        init(root, "air-gapped")
        write_notes(root.parent / "notes.jsonl", NOTES)
        import_notes(root, [root.parent / "notes.jsonl"], Silent())
        site = open_site(root)
        with opened_vault(site) as vault:
            ids, version = vault.note_ids(), vault.digest()
            texts = [note.text for note in vault.read_identified(ids, "benchmark")]
        learn(site, texts)
        directory = site.paths.adapters / ADAPTER
        card, digest = read_adapter(directory)
        sources = choose_sources(site, directory, card, (), None)
        size = site.settings.extraction.notes_per_block
        alone = open_labeller(sources, site.settings, site.settings.learning.dtype)
        worker = make_labelling(root, sources, site.settings)

        def label() -> None:
            left = iter(texts)
            while block := list(islice(left, size)):
                alone.label(block)

        def read(turn: int) -> None:
            plan = Plan(
                *(ADAPTER, digest, "", Digest(version), len(ids), size, 2048),
                OutputFormat.PARQUET,
            )
            extract(
                lambda blocks: map(worker, blocks),
                ids,
                site.paths.findings / f"turn-{turn}",
                plan,
                recorder=site.ledger,
                policy_digest=site.policy_digest,
                made_at="2026-11-28T00:00:00+00:00",
                progress=Silent(),
            )

        alone.label(texts[:size])
        taken = [(timed(label), timed(lambda turn=turn: read(turn))) for turn in range(ROUNDS)]
        for kind, which in (("CPU", 0), ("clock", 1)):
            model = statistics.median(one[0][which] for one in taken)
            whole = statistics.median(one[1][which] for one in taken)
            ratios = [one[1][which] / one[0][which] for one in taken]
            print(
                f"{NOTES} notes by {kind}, median of {ROUNDS}: model alone {model:.1f} s"
                f" ({NOTES / model:.1f} notes/s), extraction {whole:.1f} s;"
                f" {statistics.median(ratios):.3f} x ({min(ratios):.3f} to {max(ratios):.3f})",
                flush=True,
            )
        _, wall = timed(lambda: extract_by_ray(root, adapter=ADAPTER, out="ray", progress=Silent()))
        print(f"`appliance extract`, Ray started and ended with it: {wall:.1f} s by the clock")


if __name__ == "__main__":
    sys.exit(main())
