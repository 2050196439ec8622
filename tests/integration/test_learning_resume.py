"""A training run that is shot goes on from where it was, to the same end."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from appliance.learning.adapters import WEIGHTS, read_adapter
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from tests.integration.test_learning_fit import config
from tests.lib.tiny_corpora import write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
SCRIPT = (
    "import json, sys\n"
    "from appliance.learning.tuning.fit import fit\n"
    "from appliance.learning.tuning.worker import InProcessWorker\n"
    "fit(json.loads(sys.argv[1]), InProcessWorker())\n"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    make_tiny_encoder(root / "bert", "bert")
    write_tiny_corpus(root / "corpora" / "tiny")
    return root


def given(world, out, **changes):
    """Dropout on, so that a resumed run has to draw the same."""
    usual = {"name": "same", "epochs": 40, "base_dropout": True, "checkpoint_s": 0.0}
    return config(world, out, **{**usual, "batch_tokens": 64, **changes})


def shoot(arguments, checkpoint, writes):
    """The process is killed once its checkpoint was written so often; its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(arguments)],
        env={**os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    seen, last, until = 0, None, time.monotonic() + 240
    while seen < writes and process.poll() is None and time.monotonic() < until:
        now = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
        seen, last = seen + (now != last), now
        # The processor is for the one that writes.
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert seen >= writes, errors.decode()
    return process.returncode


def test_three_kills_change_neither_loss_nor_weights(world, tmp_path):
    whole = fit(given(world, tmp_path / "whole"), InProcessWorker())
    checkpoint = tmp_path / "place.safetensors"
    arguments = given(world, tmp_path / "shot", checkpoint=str(checkpoint))

    codes = [shoot(arguments, checkpoint, writes) for writes in (3, 20, 40)]
    assert checkpoint.exists()
    assert not (tmp_path / "shot").exists()
    worker = InProcessWorker()
    resumed = fit(arguments, worker)

    assert codes == [-signal.SIGKILL] * 3
    assert abs(resumed["final_loss"] - whole["final_loss"]) < 1e-4
    assert resumed["dev_f1"] == whole["dev_f1"]
    assert len(worker.reported) == 40
    one, two = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "shot"))
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
    assert not checkpoint.exists()


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(world, tmp_path):
    checkpoint = tmp_path / "place.safetensors"
    shoot(given(world, tmp_path / "a", checkpoint=str(checkpoint)), checkpoint, 4)
    fresh = fit(given(world, tmp_path / "b", epochs=2, seed=5), InProcessWorker())

    other = given(world, tmp_path / "c", epochs=2, seed=5, checkpoint=str(checkpoint))
    figures = fit(other, InProcessWorker())

    assert figures["final_loss"] == fresh["final_loss"]


@pytest.mark.parametrize("damage", [lambda body: body[: len(body) // 2], lambda _: b""])
def test_a_broken_checkpoint_begins_anew(world, tmp_path, damage):
    checkpoint = tmp_path / "place.safetensors"
    arguments = given(world, tmp_path / "a", epochs=15, checkpoint=str(checkpoint))
    shoot(arguments, checkpoint, 4)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))

    figures = fit(arguments, InProcessWorker())

    whole = fit(given(world, tmp_path / "b", epochs=15), InProcessWorker())
    assert figures["final_loss"] == whole["final_loss"]


def test_accumulated_batches_are_one_update(world, tmp_path):
    """Twice as many batches in an update, half as many updates: another, equally good adapter."""
    figures = fit(given(world, tmp_path / "a", accumulate=2, epochs=60), InProcessWorker())

    assert figures["dev_f1"] > 0.5
    assert read_adapter(tmp_path / "a")[0].switches == {"accumulate": "2"}


def test_gradient_checkpointing_changes_no_gradient(world, tmp_path):
    plain = given(world, tmp_path / "a", epochs=3, base_dropout=False, dropout=0.0)
    one = fit(plain, InProcessWorker())
    two = fit({**plain, "out": str(tmp_path / "b"), "gradient_checkpointing": True},
              InProcessWorker())  # fmt: skip

    assert abs(one["final_loss"] - two["final_loss"]) < 1e-5


def test_patience_ends_a_run_that_gets_no_better(world, tmp_path):
    figures = fit(
        given(world, tmp_path / "a", epochs=200, learning_rate=1e-6, patience=3), InProcessWorker()
    )

    assert figures["epochs"] == 4
