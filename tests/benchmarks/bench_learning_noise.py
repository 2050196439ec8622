# ruff: noqa: T201 - what a benchmark prints is its result
"""The robust recipe beside plain cross-entropy, in a world with 30 % missing and 10 % wrong labels.

    python -m pytest tests/benchmarks/bench_learning_noise.py -s

The embedded encoder, three seeds an arm (APPLIANCE_BENCH_SEEDS), 600 texts (APPLIANCE_BENCH_TEXTS);
APPLIANCE_BENCH_ARMS names some of the arms alone, split by semicolons, plain cross-entropy first.
About five CPU hours: an arm of an ensemble trains four adapters a seed. Dev is as noisy as train,
and the test set, whose names are in neither, is clean and read once, at the end. Counts of a
document are summed over seeds, and the permutation test exchanges documents.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.permutation import paired_difference, permutation_test
from appliance.learning.evaluation.score import count_matches, f1_score, summarise
from appliance.learning.inference.labeller import AdapterLabeller, Limits
from appliance.learning.lora import add_lora, load_classifier
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.checkpoints import Checkpoint
from appliance.learning.tuning.doubting import doubt_labels, make_learner
from appliance.learning.tuning.entities import _finder, _scorer
from appliance.learning.tuning.loop import train
from appliance.learning.tuning.losses import word_loss
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import Doubt, make_rows
from appliance.learning.tuning.worker import InProcessWorker
from tests.lib.noisy_world import make_world, spoil

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
TYPES = ("Disease",)
LABELS = bio_labels(TYPES)
SEEDS = tuple(range(int(os.environ.get("APPLIANCE_BENCH_SEEDS", "3"))))
TEXTS = int(os.environ.get("APPLIANCE_BENCH_TEXTS", "600"))
PLAIN = Recipe(epochs=6, threads=1)
ARMS = {
    "plain cross-entropy": PLAIN,
    "GCE": replace(PLAIN, loss="gce"),
    "vocabulary in doubt": replace(PLAIN, vocabulary_weight=0.0),
    "robust: both": replace(PLAIN, loss="gce", vocabulary_weight=0.0),
    "cross-fit": replace(PLAIN, cross_fit=3),
    "ensemble": replace(PLAIN, ensemble=3),
    "vocabulary, cross-fit": replace(PLAIN, vocabulary_weight=0.0, cross_fit=3),
    "vocabulary, cross-fit, ensemble": replace(
        PLAIN, vocabulary_weight=0.0, cross_fit=3, ensemble=3
    ),
    "clean labels": PLAIN,
}
CHOSEN = os.environ.get("APPLIANCE_BENCH_ARMS", ";".join(ARMS)).split(";")


@pytest.fixture(scope="module")
def world():
    return make_world(TEXTS, TEXTS // 5, TEXTS)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return ModelStore(tmp_path_factory.mktemp("models")).resolve("embedded-encoder").path


def learn(world, base, recipe, *, clean=False):
    """Counts of the test documents, (documents, 3)."""
    torch.set_num_threads(1)
    encoder = Encoder.load(base)
    learned, dev = (
        some if clean else spoil(some, missing=0.3, wrong=0.1, seed=recipe.seed)
        for some in (world.train, world.dev)
    )
    doubt = None
    if recipe.vocabulary_weight < 1:
        doubt = Doubt(_finder(world.known), recipe.vocabulary_weight)
    scorer = _scorer(dev, encoder, LABELS, recipe)

    def new_model():
        return add_lora(
            load_classifier(base, LABELS), rank=recipe.lora_rank, alpha=recipe.lora_alpha,
            dropout=recipe.dropout,
        )  # fmt: skip

    learner = make_learner(new_model, scorer, encoder, TYPES, recipe, doubt)
    learned = doubt_labels(learned, TYPES, recipe, learner)
    rows = make_rows(learned, encoder, TYPES, recipe.max_tokens, doubt)
    torch.manual_seed(recipe.seed)
    model = new_model()
    train(
        model, rows, encoder, recipe, InProcessWorker(), word_loss, scorer, lambda _: None,
        Checkpoint(None, ""),
    )  # fmt: skip
    labeller = AdapterLabeller(model.eval(), encoder, LABELS, Limits(128, 32, 2048))
    found = labeller.label([document.text for document in world.test])
    spans = [[scored.span for scored in document] for document in found]
    return count_matches(world.test, spans)


def test_the_robust_recipe_beats_plain_cross_entropy(world, base):
    counts = {}
    for arm in CHOSEN:
        clean = arm == "clean labels"
        recipes = [replace(ARMS[arm], seed=seed) for seed in SEEDS]
        counts[arm] = np.sum([learn(world, base, one, clean=clean) for one in recipes], axis=0)
        plain, found = counts["plain cross-entropy"], counts[arm]
        result = summarise(found)
        gain = paired_difference(found, plain, f1_score)
        print(
            f"{arm}: F1 {100 * result.f1:.1f} ({100 * result.ci_low:.1f} to "
            f"{100 * result.ci_high:.1f}), P {100 * result.precision:.1f}, "
            f"R {100 * result.recall:.1f}; over plain {100 * gain.value:+.1f} "
            f"({100 * gain.ci_low:+.1f} to {100 * gain.ci_high:+.1f}), "
            f"p = {permutation_test(found, plain, f1_score):.4f}",
            flush=True,
        )
    robust = counts[CHOSEN[-1]] if "robust: both" not in counts else counts["robust: both"]
    assert paired_difference(robust, plain, f1_score).value >= 0.03
    assert permutation_test(robust, plain, f1_score) < 0.05
