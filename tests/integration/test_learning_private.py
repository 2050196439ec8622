"""Under differential privacy: the epsilon that Opacus accounts, weights that moved, no leak."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from appliance.errors import ApplianceError, BadInput
from appliance.learning.adapters import WEIGHTS, read_adapter
from appliance.learning.lora import add_lora, load_classifier
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning import private
from appliance.learning.tuning.entities import entity_objective
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.loop import set_training
from appliance.learning.tuning.losses import word_loss
from appliance.learning.tuning.private import one_row_each, train_privately
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Row
from appliance.learning.tuning.worker import InProcessWorker
from tests.integration.test_learning_fit import LABELS, config
from tests.lib.tiny_corpora import write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    make_tiny_encoder(root / "bert", "bert")
    write_tiny_corpus(root / "corpora" / "tiny")
    return root


def given(world, out, **changes):
    return config(world, out, **{"epsilon": 8.0, "private_batch": 6, "epochs": 3, **changes})


def test_epsilon_on_the_card_is_what_opacus_says(world, tmp_path):
    from opacus.accountants import RDPAccountant

    fit(given(world, tmp_path / "a"), InProcessWorker())

    card, _ = read_adapter(tmp_path / "a")
    rows = len(rows_of(world))
    rate = 6 / rows
    steps = 3 * -(-rows // 6)
    sigma = private._noise(8.0, 1 / (10 * rows), rate, steps)
    accountant = RDPAccountant()
    accountant.history = [(sigma, rate, steps)]
    assert card.delta == 1 / (10 * rows)
    assert card.epsilon == pytest.approx(accountant.get_epsilon(card.delta), abs=1e-6)
    assert 7.5 < card.epsilon <= 8.0


def test_a_smaller_epsilon_takes_more_noise():
    assert private._noise(1.0, 1e-4, 0.1, 100) > private._noise(8.0, 1e-4, 0.1, 100)


def test_what_is_saved_is_what_moved(world, tmp_path):
    """LoRA that is added before the model is moved once kept weights that nobody trained."""
    fit(given(world, tmp_path / "a"), InProcessWorker())

    weights = load_file(tmp_path / "a" / WEIGHTS)
    updates = [value for name, value in weights.items() if "lora_B" in name]
    assert updates
    assert all(bool(value.abs().max() > 0) for value in updates)


def test_weights_that_stand_still_are_an_error():
    before = {"lora_A": torch.ones(2), "lora_B": torch.zeros(2)}

    with pytest.raises(ApplianceError, match="1 of 2 weights"):
        private._check_moved(before, {"lora_A": torch.ones(2), "lora_B": torch.ones(2)})


def test_the_card_tells_no_loss_and_the_run_reports_none(world, tmp_path):
    """The loss of the training examples is a function of them without noise."""
    worker = InProcessWorker()

    fit(given(world, tmp_path / "a"), worker)

    assert read_adapter(tmp_path / "a")[0].final_loss == 0.0
    assert {figures["loss"] for figures in worker.reported} == {0.0}


def test_the_seed_on_the_card_undoes_no_noise(world, tmp_path):
    for name in ("a", "b"):
        fit(given(world, tmp_path / name, name="same"), InProcessWorker())

    one, two = (load_file(tmp_path / name / WEIGHTS) for name in ("a", "b"))
    assert not any(torch.equal(one[name], two[name]) for name in one)


def test_an_example_of_many_windows_counts_once():
    rows = [Row(np.arange(3), np.zeros(3), 1.0, None, example) for example in (0, 0, 1, 2, 2)]

    assert [row.example for row in one_row_each(rows)] == [0, 1, 2]


def test_one_example_moves_the_update_by_no_more_than_the_clipping_norm(world):
    """What the noise has to hide: without noise, with and without one example."""
    rows = rows_of(world)
    encoder = Encoder.load(world / "bert")
    recipe = Recipe(lora_rank=4, dropout=0.0, base_dropout=False, clip=0.05)

    def gradient(chosen):
        torch.manual_seed(0)
        model = add_lora(load_classifier(world / "bert", LABELS), rank=4, alpha=8, dropout=0.0)
        wrapped, optimizer, _ = private._prepare(model, recipe, rows, 0.0, 0.5)
        set_training(wrapped, model, recipe)
        private._backward(wrapped, chosen, encoder, recipe, word_loss)
        optimizer.clip_and_accumulate()
        return torch.cat([p.summed_grad.flatten() for p in optimizer.params])

    moved = gradient(rows[:5]) - gradient(rows[:4])

    assert 0 < float(moved.norm()) <= 0.05 * 1.001


def rows_of(world):
    objective = entity_objective(
        world / "corpora" / "tiny", ("Disease",), Encoder.load(world / "bert"), Recipe()
    )
    return one_row_each(objective.rows)


def test_an_update_without_any_example_is_noise_alone(world):
    """Poisson sampling draws none now and then; to skip that step would tell."""
    rows = rows_of(world)[:1]
    torch.manual_seed(0)
    model = add_lora(load_classifier(world / "bert", LABELS), rank=4, alpha=8, dropout=0.0)
    wrapped, optimizer, accountant = private._prepare(model, Recipe(), rows, 1.0, 0.5)
    wrapped.train()
    before = private._saved(model)

    private._step(wrapped, optimizer, [], Encoder.load(world / "bert"), Recipe(), word_loss)

    private._check_moved(before, private._saved(model))
    assert accountant.history == [(1.0, 0.5, 1)]


@pytest.mark.parametrize(
    "changes", [{"gradient_checkpointing": True}, {"accumulate": 2}, {"epsilon": 1e-9}]
)
def test_what_can_not_be_kept_is_refused(world, tmp_path, changes):
    with pytest.raises(BadInput):
        fit(given(world, tmp_path / "a", **changes), InProcessWorker())
    assert not (tmp_path / "a").exists()


def test_several_workers_are_refused(world, tmp_path):
    worker = InProcessWorker()
    worker.world_size = 2

    with pytest.raises(BadInput, match="one worker"):
        fit(given(world, tmp_path / "a"), worker)


def test_a_private_adapter_can_learn(world):
    """With next to no noise it learns as another does: the way is sound, the noise is the price."""
    encoder = Encoder.load(world / "bert")
    recipe = Recipe(
        epsilon=1e6, epochs=120, private_batch=8, learning_rate=5e-3, lora_rank=8, max_tokens=64,
        base_dropout=False,
    )  # fmt: skip
    objective = entity_objective(world / "corpora" / "tiny", ("Disease",), encoder, recipe)
    torch.manual_seed(0)
    model = add_lora(load_classifier(world / "bert", LABELS), rank=8, alpha=16, dropout=0.0)

    last, spent = train_privately(
        model, one_row_each(objective.rows), encoder, recipe, word_loss, objective.score,
        lambda _: None,
    )  # fmt: skip

    assert last.dev_f1 > 0.4
    assert spent.noise_multiplier < 0.2


def test_the_card_says_under_what_budget(world, tmp_path):
    fit(given(world, tmp_path / "a"), InProcessWorker())

    card = json.loads((tmp_path / "a" / "card.json").read_text())
    assert card["switches"] == {"epsilon": "8.0", "private_batch": "6"}
