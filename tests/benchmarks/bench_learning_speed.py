# ruff: noqa: T201 - what a benchmark prints is its result
"""Training and inference beside the usual tools, in the same run, in CPU seconds of one thread.

    APPLIANCE_CORPORA=DIR python -m pytest tests/benchmarks/bench_learning_speed.py -s

DIR holds ner/ncbi-disease/{train,devel}.tsv (IOB2) and notes/notes-ccby.jsonl; the test file is not
read here. APPLIANCE_BENCH_SENTENCES=N trains on the first N sentences, APPLIANCE_BENCH_NOTES=N
reads about N notes of all, APPLIANCE_BENCH_EPOCHS=N (3). Ratios hold on a busy machine too, within
the noise that is printed with them: rounds alternate, and medians are shown.
"""

import copy
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.score import score
from appliance.learning.inference.labeller import AdapterLabeller, Limits, _ask
from appliance.learning.lora import add_lora, load_classifier
from appliance.learning.tokens.batches import padding_waste, plan_batches
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import UNCOVERED, Encoder
from appliance.learning.tokens.windows import cut_windows
from appliance.learning.tuning.checkpoints import Checkpoint
from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.loop import train
from appliance.learning.tuning.losses import word_loss
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import IGNORED, make_rows
from appliance.learning.tuning.worker import InProcessWorker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(14400),
    pytest.mark.skipif(
        "APPLIANCE_CORPORA" not in os.environ, reason="APPLIANCE_CORPORA names no public corpora"
    ),
]
TYPES = ("Disease",)
LABELS = bio_labels(TYPES)
EPOCHS = int(os.environ.get("APPLIANCE_BENCH_EPOCHS", "3"))
SENTENCES = int(os.environ.get("APPLIANCE_BENCH_SENTENCES", "0")) or None
NOTES = int(os.environ.get("APPLIANCE_BENCH_NOTES", "0")) or None
ROUNDS = 3
RECIPE = Recipe(epochs=EPOCHS, threads=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    torch.set_num_threads(1)
    return ModelStore(tmp_path_factory.mktemp("models")).resolve("embedded-encoder").path


@pytest.fixture(scope="module")
def encoder(base):
    return Encoder.load(base)


@pytest.fixture(scope="module")
def gold():
    corpus = Path(os.environ["APPLIANCE_CORPORA"]) / "ner" / "ncbi-disease"
    return read_gold(corpus / "train.tsv", TYPES)[:SENTENCES], read_gold(
        corpus / "devel.tsv", TYPES
    )


@pytest.fixture(scope="module")
def rows(gold, encoder):
    texts = [LabelledText(document.text, document.spans) for document in gold[0]]
    return make_rows(texts, encoder, TYPES, RECIPE.max_tokens)


def new_model(base):
    torch.manual_seed(0)
    model = load_classifier(base, LABELS)
    return add_lora(model, rank=RECIPE.lora_rank, alpha=RECIPE.lora_alpha, dropout=RECIPE.dropout)


def dev_f1(model, encoder, documents):
    labeller = AdapterLabeller(model.eval(), encoder, LABELS, Limits(128, 32, 2048))
    found = labeller.label([document.text for document in documents])
    return score(documents, [[one.span for one in document] for document in found])


def ours(model, rows, encoder, recipe):
    """CPU seconds of training; dev is not looked at on the way."""
    began = time.process_time()
    train(
        model, rows, encoder, recipe, InProcessWorker(), word_loss, lambda _: 0.0, lambda _: None,
        Checkpoint(None, ""),
    )  # fmt: skip
    return time.process_time() - began


def huggingface(model, rows, encoder, tmp_path, rate):
    """CPU seconds of `Trainer` with its defaults, but for our learning rate and epochs."""
    from transformers import Trainer, TrainingArguments

    def collate(batch):
        longest = max(len(row.ids) for row in batch) + encoder.specials
        ids = torch.full((len(batch), longest), encoder.pad)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
        for number, row in enumerate(batch):
            whole = [*encoder.prefix, *row.ids.tolist(), *encoder.suffix]
            ids[number, : len(whole)] = torch.tensor(whole)
            mask[number, : len(whole)] = 1
            at = len(encoder.prefix)
            labels[number, at : at + len(row.targets)] = torch.from_numpy(row.targets)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "trainer"),
        num_train_epochs=EPOCHS,
        learning_rate=rate,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=0,
    )
    trainer = Trainer(model, arguments, data_collator=collate, train_dataset=list(rows))
    began = time.process_time()
    trainer.train()
    return time.process_time() - began


@pytest.fixture(scope="module")
def adapter(base, rows, encoder):
    model = new_model(base)
    return model, ours(model, rows, encoder, RECIPE)


def test_training_beside_the_usual_trainer(base, gold, rows, encoder, adapter, tmp_path):
    model, mine = adapter
    other = new_model(base)
    theirs = huggingface(other, rows, encoder, tmp_path, RECIPE.learning_rate)

    done = EPOCHS * len(rows)
    one, two = dev_f1(model, encoder, gold[1]), dev_f1(other, encoder, gold[1])
    print(
        f"training, {len(rows)} rows x {EPOCHS}: {done / mine:.1f} examples a CPU second at devel "
        f"F1 {100 * one.f1:.1f} ({100 * one.ci_low:.1f} to {100 * one.ci_high:.1f}); Trainer "
        f"{done / theirs:.1f} at {100 * two.f1:.1f} ({100 * two.ci_low:.1f} to "
        f"{100 * two.ci_high:.1f}); {theirs / mine:.2f} x"
    )


@pytest.fixture(scope="module")
def texts():
    path = Path(os.environ["APPLIANCE_CORPORA"]) / "notes" / "notes-ccby.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")
    notes = [json.loads(line)["text"] for line in lines if line]
    # Long and short ones lie together in the file: the first N would be of one kind.
    return notes[:: max(1, len(notes) // (NOTES or len(notes)))]


@pytest.fixture(scope="module")
def merged(adapter):
    return copy.deepcopy(adapter[0]).merge_and_unload().eval()


def test_inference_beside_the_usual_pipeline(base, encoder, merged, texts):
    """On the notes that a pipeline reads whole; longer ones it would cut, and we do not."""
    from transformers import AutoTokenizer, pipeline

    short = [text for text, one in zip(texts, encoder.encode(texts), strict=True)
             if len(one.ids) + encoder.specials <= 512]  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
    usual = pipeline("token-classification", model=merged, tokenizer=tokenizer, device="cpu")
    usual(short[:4], ignore_labels=[])

    dtypes = ("float32", "bfloat16")
    labellers = {
        dtype: AdapterLabeller(merged, encoder, LABELS, Limits(512, 32, 4096, dtype))
        for dtype in dtypes
    }
    rounds = {dtype: [] for dtype in ("pipeline", *dtypes)}
    for _ in range(ROUNDS):
        seconds, labels = _pipeline(usual, short)
        rounds["pipeline"].append(seconds)
        for dtype, labeller in labellers.items():
            began = time.process_time()
            labeller.label(short)
            rounds[dtype].append(time.process_time() - began)
    theirs = statistics.median(rounds["pipeline"])
    for dtype, labeller in labellers.items():
        encoded = encoder.encode(short)
        weights = labeller._weigh(encoded)
        same = np.concatenate(
            [
                np.equal(one.argmax(axis=-1), other)[text.first[text.first != UNCOVERED]]
                for text, one, other in zip(encoded, weights, labels, strict=True)
            ]
        )
        times, mine = rounds[dtype], statistics.median(rounds[dtype])
        print(
            f"inference, {dtype}: {len(short) / mine:.1f} notes a CPU second "
            f"({min(times):.1f} to {max(times):.1f} s); pipeline one by one "
            f"{len(short) / theirs:.1f}; {theirs / mine:.2f} x; {100 * same.mean():.3f} % of "
            f"{len(same)} words' labels equal"
        )
        assert same.mean() > 0.99


def _pipeline(usual, texts):
    """CPU seconds, and the label of every token."""
    began = time.process_time()
    found = [usual(text, ignore_labels=[]) for text in texts]
    seconds = time.process_time() - began
    index = {label: number for number, label in enumerate(LABELS)}
    return seconds, [np.array([index[one["entity"]] for one in note]) for note in found]


def test_useful_work_beside_the_peak_of_the_machine(encoder, merged, texts):
    """Useful: of real tokens alone, matrix products alone; padding and all else are loss."""
    body = merged.config
    layers, hidden, inner = body.num_hidden_layers, body.hidden_size, body.intermediate_size
    limits = Limits(128, 32, 2048)
    asked = [
        one
        for text in encoder.encode(texts)
        for one in _ask(0, text, cut_windows(len(text.ids), 128 - encoder.specials, 32))
    ]
    lengths = np.array([one.window.end - one.window.start + encoder.specials for one in asked])
    # What follows the last layer's attention is for the tokens that decide words.
    left_out = lengths.sum() - sum(len(one.tokens) for one in asked)
    useful = float(
        lengths.sum() * layers * (8 * hidden**2 + 4 * hidden * inner)
        - left_out * (2 * hidden**2 + 4 * hidden * inner)
        + (4 * layers * lengths**2 * hidden).sum()
    )
    labeller = AdapterLabeller(merged, encoder, LABELS, limits)
    labeller.label(texts[:8])
    shares = []
    for _ in range(ROUNDS):
        peak = _peak()
        began = time.process_time()
        labeller.label(texts)
        shares.append(useful / (time.process_time() - began) / peak)

    waste = padding_waste(lengths, plan_batches(lengths, 2048))
    print(
        f"useful FLOP/s over the matmul peak, whole way, float32: {statistics.median(shares):.2f} "
        f"({min(shares):.2f} to {max(shares):.2f}); peak {peak / 1e9:.0f} GFLOP/s; padding waste "
        f"{100 * waste:.1f} %"
    )
    assert waste <= 0.10


def _peak(size=1536, times=12):
    one, two = torch.randn(size, size), torch.randn(size, size)
    torch.mm(one, two)
    began = time.process_time()
    for _ in range(times):
        torch.mm(one, two)
    return 2 * size**3 * times / (time.process_time() - began)
