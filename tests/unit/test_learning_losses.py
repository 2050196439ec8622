"""Robust losses do what their papers say, and doubt is put where a name may have been missed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from appliance.learning.tokens.encoding import Encoder
from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.losses import label_losses
from appliance.learning.tuning.recipe import Recipe
from appliance.learning.tuning.rows import IGNORED, Doubt, make_rows
from appliance.records.spans import Span
from tests.lib.tiny_models import make_tiny_encoder

probabilities = st.floats(0.001, 0.999)


def loss_of(probability, recipe):
    """Of a label that the model gives that probability."""
    logits = torch.log(torch.tensor([[1 - probability, probability]], dtype=torch.float64))
    return float(label_losses(logits, torch.tensor([1]), recipe)[0])


@given(probabilities, st.floats(0.05, 1.0))
def test_generalised_cross_entropy_is_its_formula(probability, q):
    found = loss_of(probability, Recipe(loss="gce", gce_q=q))

    assert math.isclose(found, (1 - probability**q) / q, rel_tol=1e-9, abs_tol=1e-12)


@given(probabilities)
def test_its_ends_are_cross_entropy_and_absolute_error(probability):
    assert math.isclose(loss_of(probability, Recipe()), -math.log(probability), rel_tol=1e-9)
    near = loss_of(probability, Recipe(loss="gce", gce_q=1e-5))
    assert math.isclose(near, -math.log(probability), rel_tol=1e-3)
    assert math.isclose(loss_of(probability, Recipe(loss="gce", gce_q=1.0)), 1 - probability)


@given(probabilities, st.floats(0.3, 1.0))
def test_a_wrong_label_can_not_pull_harder_than_its_bound(probability, q):
    """Cross-entropy pulls without bound at a label that the model thinks impossible."""
    assert loss_of(probability, Recipe(loss="gce", gce_q=q)) <= 1 / q


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(loss="gce"), Recipe(loss="gce", gce_after=0)])
def test_generalised_cross_entropy_waits_for_its_share_of_the_steps(recipe):
    """From the first step it would hold a new head at "no entity": F1 0 in a noisy world."""
    kinds = [recipe.at(done).loss for done in (0.0, 0.49, 0.5, 1.0)]

    waited = ["cross-entropy", "cross-entropy"] if recipe.gce_after else ["gce", "gce"]
    assert kinds == ([*waited, "gce", "gce"] if recipe.loss == "gce" else ["cross-entropy"] * 4)


def test_a_name_of_the_vocabulary_that_nobody_marked_is_doubted(tmp_path):
    encoder = Encoder.load(make_tiny_encoder(tmp_path / "bert"))
    text = "The patient has asthma and pneumonia."
    marked, missed = (text.index(name) for name in ("asthma", "pneumonia"))
    example = LabelledText(text, (Span(marked, marked + 6, "Disease"),))
    names = [Span(marked, marked + 6, "Disease"), Span(missed, missed + 9, "Disease")]

    [row] = make_rows([example], encoder, ("Disease",), 64, Doubt(lambda _: names, 0.25))

    deciding = row.targets != IGNORED
    words = [text[start:end] for start, end in encoder.encode([text])[0].words]
    trusted = dict(zip(words, row.trust[deciding].tolist(), strict=True))
    assert trusted.pop("pneumonia") == 0.25
    assert set(trusted.values()) == {1.0}


def test_without_a_vocabulary_nothing_is_doubted(tmp_path):
    encoder = Encoder.load(make_tiny_encoder(tmp_path / "bert"))

    [row] = make_rows([LabelledText("No asthma.", ())], encoder, ("Disease",), 64)

    assert row.trust is None
    assert np.array_equal(row.targets[row.targets != IGNORED], [0, 0, 0])
