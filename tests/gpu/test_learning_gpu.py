"""On a CUDA device, in bfloat16, the same code learns the same rule."""

import os

import pytest
import torch

from appliance.learning.adapters import read_adapter
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from tests.lib.tiny_corpora import make_examples, write_tiny_corpus
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_trained_on_the_gpu_reads_on_both_devices(tmp_path, family):
    """bfloat16 on the GPU and float32 on the CPU find the same spans."""
    base = make_tiny_encoder(tmp_path / "base", family)
    corpus = write_tiny_corpus(tmp_path / "corpora" / "tiny")
    worker = InProcessWorker()
    config = {
        "corpus": str(corpus),
        "base": str(base),
        "out": str(tmp_path / "reader"),
        "name": "reader",
        "task": "disease",
        "corpus_name": "tiny",
        "base_name": family,
        "base_digest": "0" * 64,
        "types": ["Disease"],
        "made_at": "2026-11-23T00:00:00+00:00",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "epochs": 60,
        "batch_tokens": 128,
        "base_dropout": False,
        "device": "cuda",
        "dtype": "bfloat16",
    }

    fit(config, worker)

    assert worker.reported[-1]["loss"] < worker.reported[0]["loss"] / 2
    assert read_adapter(tmp_path / "reader")[0].dev_f1 > 0.3
    texts = [example.text for example in make_examples()]
    found = [
        AdapterLabeller.load(
            tmp_path / "reader",
            base,
            device=device,
            max_tokens=64,
            stride_tokens=8,
            batch_tokens=512,
            dtype=dtype,
        ).label(texts)
        for device, dtype in (("cuda", "bfloat16"), ("cpu", "float32"))
    ]
    spans = [[[one.span for one in text] for text in run] for run in found]
    same = sum(one == other for one, other in zip(*spans, strict=True))
    assert same >= len(texts) - 1


@pytest.mark.skipif(os.environ.get("CUDA_VISIBLE_DEVICES") == "", reason="devices are hidden")
def test_two_workers_are_not_needed_for_one_device(tmp_path):
    """One worker on one device trains without being wrapped."""

    class Refusing(InProcessWorker):
        def prepare_model(self, _model):
            raise AssertionError

    base = make_tiny_encoder(tmp_path / "base")
    corpus = write_tiny_corpus(tmp_path / "corpora" / "tiny")
    given = {"corpus": str(corpus), "base": str(base), "out": str(tmp_path / "r"), "name": "r"}

    figures = fit(
        {**given, "types": ["Disease"], "epochs": 1, "device": "cuda", "dtype": "bfloat16"},
        Refusing(),
    )

    assert figures["examples"] > 0
