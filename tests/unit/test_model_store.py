"""The model store takes whole safetensors models and nothing else."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from appliance.errors import BadInput, ManifestMismatch
from appliance.learning.basemodels.store import ModelStore


def make_model(directory, *, weights="model.safetensors"):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (directory / "tokenizer.json").write_text("{}")
    save_file({"w": np.arange(6, dtype=np.float32)}, directory / weights)
    return directory


@pytest.fixture
def store(tmp_path):
    return ModelStore(tmp_path / "models")


def test_an_imported_model_is_found_by_name_and_digest(store, tmp_path):
    imported = store.import_directory(make_model(tmp_path / "source"), "mine")

    assert store.resolve("mine") == imported
    assert store.list() == (imported,)
    assert imported.path.name == imported.digest[:16]


def test_the_same_bytes_have_the_same_digest_under_any_name(store, tmp_path):
    source = make_model(tmp_path / "source")

    one = store.import_directory(source, "one")
    two = store.import_directory(source, "two")

    assert one.digest == two.digest
    assert one.path == two.path


def test_a_name_is_never_given_to_another_model(store, tmp_path):
    store.import_directory(make_model(tmp_path / "a"), "mine")
    other = make_model(tmp_path / "b")
    save_file({"w": np.zeros(3, dtype=np.float32)}, other / "model.safetensors")

    with pytest.raises(BadInput, match="called 'mine' already"):
        store.import_directory(other, "mine")


def test_code_and_pickles_beside_the_weights_stay_outside(store, tmp_path):
    source = make_model(tmp_path / "source")
    (source / "modeling.py").write_text("raise SystemExit")
    (source / "pytorch_model.bin").write_bytes(b"\x80\x04.")

    taken = store.import_directory(source, "mine").path

    assert not (taken / "modeling.py").exists()
    assert not (taken / "pytorch_model.bin").exists()


def test_pickled_weights_alone_are_refused(store, tmp_path):
    source = make_model(tmp_path / "source")
    (source / "model.safetensors").rename(source / "pytorch_model.bin")

    with pytest.raises(BadInput, match="only pickled ones"):
        store.import_directory(source, "mine")


@pytest.mark.parametrize(
    ("gone", "complaint"),
    [
        ("model.safetensors", "holds no safetensors weights"),
        ("config.json", "has no config.json"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_a_model_that_lacks_a_part_is_refused(store, tmp_path, gone, complaint):
    source = make_model(tmp_path / "source")
    (source / gone).unlink()

    with pytest.raises(BadInput, match=complaint):
        store.import_directory(source, "mine")
    assert store.list() == ()


def test_weights_that_are_cut_short_are_refused(store, tmp_path):
    source = make_model(tmp_path / "source")
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])

    with pytest.raises(BadInput, match="cut short"):
        store.import_directory(source, "mine")


def test_a_missing_shard_is_named(store, tmp_path):
    source = make_model(tmp_path / "source", weights="model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (source / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))

    with pytest.raises(BadInput, match="model-00002-of-00002"):
        store.import_directory(source, "mine")


def test_a_model_whose_file_shrank_is_not_resolved(store, tmp_path):
    path = store.import_directory(make_model(tmp_path / "source"), "mine").path
    (path / "model.safetensors").write_bytes(b"short")

    with pytest.raises(ManifestMismatch, match="another size"):
        store.resolve("mine")


@pytest.mark.parametrize("name", ["", "../up", "a b", "x" * 65, ".hidden"])
def test_a_name_is_a_plain_word(store, tmp_path, name):
    with pytest.raises(BadInput, match="letters, digits"):
        store.import_directory(make_model(tmp_path / "source"), name)


def test_an_unknown_name_tells_how_to_import(store):
    with pytest.raises(BadInput, match="appliance model import"):
        store.resolve("nobody")


def test_a_killed_import_leaves_nothing_that_looks_finished(tmp_path):
    """A process killed while copying leaves only a hidden directory; the next import sweeps it."""
    models, source = tmp_path / "models", make_model(tmp_path / "source")
    script = (
        "import os, sys; from pathlib import Path\n"
        "from appliance.learning.basemodels import store\n"
        "store.write_manifest = lambda *_: os.kill(os.getpid(), 9)\n"
        "store.ModelStore(Path(sys.argv[1])).import_directory(Path(sys.argv[2]), 'mine')\n"
    )

    killed = subprocess.run([sys.executable, "-c", script, models, source], check=False)

    assert killed.returncode == -9
    assert [path.name[:8] for path in models.iterdir() if path.is_dir()] == [".import-"]
    assert ModelStore(models).list() == ()
    ModelStore(models).import_directory(source, "mine")
    assert not list(models.glob(".import-*"))


def test_the_embedded_encoder_is_there_without_a_download(store):
    encoder = store.resolve("embedded-encoder")

    assert (encoder.path / "model.safetensors").stat().st_size > 90_000_000
    assert (encoder.path / "LICENSE").is_file()
    assert store.resolve("embedded-encoder") == encoder


def test_a_service_that_may_not_write_is_told_how_to_have_an_embedded_model(store, monkeypatch):
    """As the unit of the language model, which has the store read-only."""
    store._models.mkdir()
    monkeypatch.setattr("appliance.learning.basemodels.store.os.access", lambda *_: False)

    with pytest.raises(BadInput, match="not in the store yet") as refusal:
        store.resolve("embedded-encoder")

    assert "model import --embedded" in refusal.value.next_step
    assert list(store._models.iterdir()) == []
