"""A labeller's answer does not depend on how it cuts and batches."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.learning.inference.labeller import AdapterLabeller, Limits
from appliance.learning.lora import load_classifier
from appliance.learning.tokens.bio import bio_labels
from appliance.learning.tokens.encoding import Encoder
from tests.lib.tiny_models import FAMILIES, make_tiny_encoder

LABELS = bio_labels(("Disease", "Gene"))
WORDS = ("asthma", "COPD", "has", "the", "patient", "kidney", ",", "HIV-1", "(twice)", "cancer.")
sentences = st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join)


class WordByWord(torch.nn.Module):
    """Labels every token by its id alone: what surrounds it must not matter."""

    def __init__(self, vocabulary):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.table = torch.nn.Embedding(vocabulary, len(LABELS))
        self.table.weight.data = torch.randn(vocabulary, len(LABELS), generator=generator)

    def forward(self, input_ids, attention_mask):
        assert input_ids.shape == attention_mask.shape
        return SimpleNamespace(logits=self.table(input_ids))


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    root = tmp_path_factory.mktemp("bases")
    return {family: make_tiny_encoder(root / family, family) for family in FAMILIES}


@pytest.fixture(scope="module")
def encoders(bases):
    """Read once: a tokenizer takes longer to load than a tiny model to run."""
    return {family: Encoder.load(base) for family, base in bases.items()}


def labeller(model, encoder, max_tokens=64, stride_tokens=8, batch_tokens=512):
    limits = Limits(max_tokens, stride_tokens, batch_tokens)
    return AdapterLabeller(model, encoder, LABELS, limits)


@settings(max_examples=40)
@given(
    texts=st.lists(sentences, max_size=6),
    max_tokens=st.integers(12, 40),
    stride=st.integers(0, 9),
    budget=st.integers(1, 400),
)
def test_where_context_does_not_matter_neither_do_windows(
    encoders, texts, max_tokens, stride, budget
):
    """Nothing is truncated, doubled or shifted, however small the windows."""
    model = WordByWord(500)

    whole = labeller(model, encoders["bert"], max_tokens=4000).label(texts)
    cut = labeller(model, encoders["bert"], max_tokens, stride, budget).label(texts)

    assert [[one.span for one in text] for text in cut] == [
        [one.span for one in text] for text in whole
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_gets_the_same_spans_alone_and_in_company(bases, encoders, family):
    """For texts that fit one window: the batch they ride in changes nothing."""
    torch.manual_seed(5)
    model = load_classifier(bases[family], LABELS).eval()
    # A random head says "O" or one label everywhere; a strong one varies.
    model.classifier.weight.data.normal_(0, 3)
    texts = [" ".join(np.random.default_rng(n).choice(WORDS, n % 13)) for n in range(40)]

    together = labeller(model, encoders[family]).label(texts)
    alone = [labeller(model, encoders[family]).label([text])[0] for text in texts]

    assert any(together)
    for one, other in zip(together, alone, strict=True):
        assert [scored.span for scored in one] == [scored.span for scored in other]
        assert [scored.score for scored in one] == pytest.approx(
            [scored.score for scored in other], abs=1e-5
        )


def test_the_last_word_of_a_very_long_note_is_read(encoders):
    """Longer than any position the model knows, and still whole."""
    model = WordByWord(500)
    reader = labeller(model, encoders["bert"], max_tokens=32)
    token = int(encoders["bert"].encode(["COPD"])[0].ids[0])
    model.table.weight.data[:] = torch.tensor([1.0, 0, 0, 0, 0])
    model.table.weight.data[token] = torch.tensor([0.0, 1, 0, 0, 0])
    text = "the patient has " * 3000 + "COPD"

    found = reader.label([text])[0]

    assert [text[one.span.start : one.span.end] for one in found] == ["COPD"]


@pytest.mark.parametrize("texts", [[], [""], ["", " \n\t ", "asthma"], ["\x00\ufffd"]])
def test_texts_without_words_have_no_spans(encoders, texts):
    found = labeller(WordByWord(500), encoders["bert"]).label(texts)

    assert len(found) == len(texts)
    assert all(not spans for text, spans in zip(texts, found, strict=True) if "asthma" not in text)
