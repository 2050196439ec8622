"""Rows laid end to end are read as one by one by the usual forward."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.learning.inference.endtoend import EndToEnd
from appliance.learning.inference.labeller import AdapterLabeller, Limits
from appliance.learning.lora import add_lora, load_classifier
from appliance.learning.tokens.batches import plan_unpadded
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import Encoder
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

LABELS = bio_labels(("Disease", "Gene"))
# By how much a probability may differ from the usual forward's.
APART = {"float32": 1e-5, "bfloat16": 0.1}
lengths = st.lists(st.integers(1, 100), min_size=1, max_size=12)


def load_strong(base):
    """A random model whose every weight counts: as made, all labels are about as likely."""
    torch.manual_seed(5)
    model = load_classifier(base, LABELS).eval()
    for name, weight in model.named_parameters():
        weight.data.normal_(1.0 if "LayerNorm.weight" in name else 0.0, 0.3)
    return model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_encoder(tmp_path_factory.mktemp("base") / "bert")


@pytest.fixture(scope="module")
def model(base):
    return load_strong(base)


@pytest.fixture(scope="module")
def quick(model):
    """In every precision that this processor has; float32 always."""
    return {dtype: EndToEnd(model, dtype) for dtype in APART if EndToEnd.fits(model, dtype)}


def usual(model, row):
    with torch.inference_mode():
        logits = model(input_ids=torch.from_numpy(row)[None]).logits[0]
    return torch.softmax(logits, dim=-1).numpy()


@settings(max_examples=30)
@given(sizes=lengths, seed=st.integers(0, 99))
def test_every_row_is_read_as_if_it_were_alone(model, quick, sizes, seed):
    """Whatever lies beside it, of whatever length and in whatever order, and whatever is asked."""
    draw = np.random.default_rng(seed)
    rows = [draw.integers(0, model.config.vocab_size, size) for size in sizes]
    asked = [np.sort(draw.permutation(size)[: draw.integers(1, size + 1)]) for size in sizes]
    alone = [usual(model, row)[places] for row, places in zip(rows, asked, strict=True)]

    assert "float32" in quick
    for dtype, read in quick.items():
        for one, other in zip(read(rows, asked), alone, strict=True):
            np.testing.assert_allclose(one, other, atol=APART[dtype])


def test_these_rows_would_tell_a_wrong_neighbour(model):
    """Without it the test above could pass for a model that ignores its context."""
    row = np.arange(20) % model.config.vocab_size

    assert np.abs(usual(model, row)[:10] - usual(model, row[:10])).max() > 0.01


def test_other_models_keep_their_own_forward(tmp_path, base, model):
    for family in set(FAMILIES) - {"bert"}:
        other = load_classifier(make_tiny_encoder(tmp_path / family, family), LABELS).eval()
        assert not EndToEnd.fits(other, "float32")
    adapted = add_lora(load_classifier(base, LABELS), rank=2, alpha=4, dropout=0.0).eval()
    otherwise = load_classifier(base, LABELS).eval()
    otherwise.config.hidden_act = "relu"

    assert EndToEnd.fits(model, "float32")
    assert not EndToEnd.fits(adapted, "float32")
    assert not EndToEnd.fits(adapted.get_base_model(), "float32")
    assert not EndToEnd.fits(load_classifier(base, LABELS).train(), "float32")
    assert not EndToEnd.fits(otherwise, "float32")


def test_a_labeller_weighs_words_as_the_usual_forward_does(base, model):
    encoder = Encoder.load(base)
    text = "The patient has asthma, COPD and HIV-1 (twice). " * 9
    texts = [text[:size] for size in range(0, len(text), 17)]
    limits = Limits(64, 8, 512)
    labeller, padded = (AdapterLabeller(model, encoder, LABELS, limits) for _ in range(2))
    padded._quick = None

    for one, other in zip(labeller.weigh(texts), padded.weigh(texts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@given(sizes=st.lists(st.integers(1, 600), max_size=60), budget=st.integers(1, 2000))
def test_a_plan_without_padding_has_every_row_once_and_keeps_its_budget(sizes, budget):
    rows = np.array(sizes, dtype=np.int64)

    batches = plan_unpadded(rows, budget)

    assert sorted(int(row) for batch in batches for row in batch) == list(range(len(sizes)))
    assert all(rows[batch[1:]].sum() <= budget for batch in batches)
