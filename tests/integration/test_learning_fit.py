"""Training on any encoder ends in an adapter that is whole, and that learned something."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch

from appliance.artifacts.manifest import is_finished
from appliance.errors import ApplianceError, BadInput, ManifestMismatch
from appliance.learning.adapters import read_adapter
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.lora import add_lora, load_adapted, load_classifier, save_weights
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from tests.lib.tiny_corpora import write_tiny_corpus
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

pytestmark = pytest.mark.slow
LABELS = bio_labels(("Disease",))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    for family in FAMILIES:
        make_tiny_encoder(root / family, family, body_only=family != "modernbert")
    write_tiny_corpus(root / "corpora" / "tiny")
    return root


def config(world, out, family="bert", **changes):
    given = {
        "corpus": str(world / "corpora" / "tiny"),
        "base": str(world / family),
        "out": str(out),
        "name": out.name,
        "task": "disease",
        "corpus_name": "tiny",
        "base_name": family,
        "base_digest": "0" * 64,
        "types": ["Disease"],
        "made_at": "2026-11-23T00:00:00+00:00",
        "metrics": "",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "epochs": 12,
        "batch_tokens": 128,
        "base_dropout": False,
        "threads": 1,
    }
    return {**given, **changes}


def load(out, base):
    return AdapterLabeller.load(
        out, base, device="cpu", max_tokens=64, stride_tokens=8, batch_tokens=512, dtype="float32"
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_learns_the_rule_of_its_corpus(world, tmp_path, family):
    worker = InProcessWorker()

    figures = fit(config(world, tmp_path / "reader", family, epochs=60), worker)

    card, _ = read_adapter(tmp_path / "reader")
    assert card.labels == LABELS
    assert card.dev_f1 == figures["dev_f1"] == max(m["dev_f1"] for m in worker.reported)
    assert len(worker.reported) == 60
    assert worker.reported[-1]["loss"] < worker.reported[0]["loss"] / 2
    assert card.dev_f1 > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reloaded_adapter_computes_the_same_logits(world, tmp_path, family):
    """Head and LoRA come back as they were, merged or not, to 1e-5."""
    torch.manual_seed(1)
    base = world / family
    model = add_lora(load_classifier(base, LABELS), rank=4, alpha=8, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.3)
    tmp_path.joinpath("a").mkdir()
    save_weights(model, tmp_path / "a", "base")
    ids = torch.arange(5, 25).reshape(2, 10)

    torch.manual_seed(99)
    merged = load_adapted(base, tmp_path / "a", LABELS).eval()
    with torch.inference_mode():
        before = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        after = merged(input_ids=ids, attention_mask=torch.ones_like(ids)).logits

    assert before.abs().max() > 0.1
    assert torch.allclose(before, after, atol=1e-5)


def test_an_adapter_that_learned_nothing_is_refused(world, tmp_path):
    """LoRA starts at zero; saved like that it would change nothing."""
    model = add_lora(load_classifier(world / "bert", LABELS), rank=4, alpha=8, dropout=0.0)

    with pytest.raises(ApplianceError, match="every LoRA weight at zero"):
        save_weights(model, tmp_path, "base")
    assert not list(tmp_path.iterdir())


def test_an_adapter_without_its_head_is_refused(world, tmp_path):
    from peft import LoraConfig, get_peft_model

    classifier = load_classifier(world / "bert", LABELS)
    model = get_peft_model(classifier, LoraConfig(target_modules=["query"]))

    with pytest.raises(ApplianceError, match="without its head"):
        save_weights(model, tmp_path, "base")


def test_weights_that_are_not_finite_are_refused(world, tmp_path):
    model = add_lora(load_classifier(world / "bert", LABELS), rank=4, alpha=8, dropout=0.0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.fill_(float("nan"))

    with pytest.raises(ApplianceError, match="not finite"):
        save_weights(model, tmp_path, "base")


def test_the_same_seed_makes_the_same_adapter(world, tmp_path):
    for name in ("one", "two"):
        fit(config(world, tmp_path / name, name="same", epochs=2), InProcessWorker())

    assert read_adapter(tmp_path / "one") == read_adapter(tmp_path / "two")


def test_a_finished_adapter_is_never_replaced(world, tmp_path):
    fit(config(world, tmp_path / "reader", epochs=1), InProcessWorker())

    with pytest.raises(BadInput, match="already"):
        fit(config(world, tmp_path / "reader", epochs=1), InProcessWorker())


def test_a_corpus_without_manifest_is_refused(world, tmp_path):
    shutil.copytree(world / "corpora" / "tiny", tmp_path / "tiny")
    (tmp_path / "tiny" / "manifest.json").unlink()

    with pytest.raises(ManifestMismatch, match="never finished"):
        fit(config(world, tmp_path / "reader", corpus=str(tmp_path / "tiny")), InProcessWorker())


def test_a_corpus_of_another_task_is_refused(world, tmp_path):
    with pytest.raises(BadInput, match="not one of Gene"):
        fit(config(world, tmp_path / "reader", types=["Gene"]), InProcessWorker())
    assert not (tmp_path / "reader").exists()


def test_a_base_model_with_weights_missing_is_refused(world, tmp_path):
    """The library would fill them with random numbers and go on."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(world / "bert", tmp_path / "holes")
    weights = load_file(tmp_path / "holes" / "model.safetensors")
    lost = next(name for name in weights if "attention" in name)
    del weights[lost]
    save_file(weights, tmp_path / "holes" / "model.safetensors", {"format": "pt"})

    with pytest.raises(BadInput, match="lacks 1 of its own weights"):
        load_classifier(tmp_path / "holes", LABELS)


def test_an_adapter_changed_on_disk_is_not_loaded(world, tmp_path):
    out = tmp_path / "reader"
    fit(config(world, out, epochs=1), InProcessWorker())
    card = json.loads((out / "card.json").read_text())
    (out / "card.json").write_text(json.dumps({**card, "dev_f1": 1.0}))

    with pytest.raises(ManifestMismatch, match="not what was written"):
        load(out, world / "bert")


def test_an_adapter_is_not_put_on_another_base_model(world, tmp_path):
    from appliance.learning.basemodels.store import ModelStore

    store = ModelStore(tmp_path / "models")
    one = store.import_directory(world / "bert", "one")
    other = store.import_directory(world / "roberta", "other")
    fit(config(world, tmp_path / "a", base=str(one.path), base_digest=one.digest, epochs=1),
        InProcessWorker())  # fmt: skip

    with pytest.raises(ManifestMismatch, match="another base model"):
        load(tmp_path / "a", other.path)
    assert load(tmp_path / "a", one.path).label(["asthma"])


def test_a_killed_run_leaves_nothing_that_looks_finished(world, tmp_path):
    script = (
        "import json, os, sys\n"
        "from appliance.learning.tuning import fit as room\n"
        "from appliance.learning.tuning.worker import InProcessWorker\n"
        "save = room.save_weights\n"
        "def die(*given):\n"
        "    save(*given)\n"
        "    os.kill(os.getpid(), 9)\n"
        "room.save_weights = die\n"
        "room.fit(json.loads(sys.argv[1]), InProcessWorker())\n"
    )
    given = json.dumps(config(world, tmp_path / "reader", epochs=1))

    killed = subprocess.run(
        [sys.executable, "-c", script, given], check=False, capture_output=True, env={**os.environ}
    )

    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "reader").exists()
    fit(config(world, tmp_path / "reader", epochs=1), InProcessWorker())
    assert is_finished(tmp_path / "reader")


def test_two_workers_take_equally_many_steps_and_every_row(world):
    """Workers wait for each other at every step: an uneven count would hang them."""
    import numpy as np

    from appliance.learning.tokens.encoding import Encoder
    from appliance.learning.tuning.data import read_split
    from appliance.learning.tuning.loop import _share
    from appliance.learning.tuning.recipe import Recipe
    from appliance.learning.tuning.rows import make_rows

    encoder = Encoder.load(world / "bert")
    examples = read_split(world / "corpora" / "tiny" / "train.parquet", ("Disease",))
    rows = make_rows(examples, encoder, ("Disease",), 64)
    recipe = Recipe(batch_tokens=64)

    shares = []
    for rank in range(3):
        worker = InProcessWorker()
        worker.rank, worker.world_size = rank, 3
        shares.append(_share(rows, encoder, recipe, np.random.default_rng(0), worker)[0])

    assert len({len(share) for share in shares}) == 1
    seen = {int(row) for share in shares for batch in share for row in batch}
    assert seen == set(range(len(rows)))


def test_a_row_without_weight_teaches_nothing(world):
    from appliance.learning.tokens.encoding import Encoder
    from appliance.learning.tuning.data import read_split
    from appliance.learning.tuning.rows import make_rows

    examples = read_split(world / "corpora" / "tiny" / "train.parquet", ("Disease",))
    distrusted = [dataclasses.replace(example, weight=0.0) for example in examples]

    assert not make_rows(distrusted, Encoder.load(world / "bert"), ("Disease",), 64)


@pytest.mark.parametrize("switches", [{"cross_fit": 2}, {"ensemble": 2}])
def test_labels_are_doubted_on_the_way_to_an_adapter(world, tmp_path, switches):
    """The card says so, and the same seed makes the same adapter still."""
    given = {"epochs": 6, "name": "same", **switches}

    for name in ("one", "two"):
        fit(config(world, tmp_path / name, **given), InProcessWorker())

    card, _ = read_adapter(tmp_path / "one")
    assert card.switches == dict.fromkeys(switches, "2")
    assert read_adapter(tmp_path / "one") == read_adapter(tmp_path / "two")
