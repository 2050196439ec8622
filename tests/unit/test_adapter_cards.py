"""An adapter that was derived from real notes stays on its site."""

import pytest

from appliance.errors import Denied
from appliance.learning.adapters import refuse_site_only
from appliance.records.cards import AdapterCard
from appliance.records.identifiers import Digest


def make_card(**changes):
    given = {
        "name": "reader",
        "task": "disease",
        "labels": ("O", "B-Disease", "I-Disease"),
        "corpus": "first",
        "corpus_digest": Digest("0" * 64),
        "base": "tiny",
        "base_digest": Digest("1" * 64),
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 1e-3,
        "epochs": 3,
        "seed": 0,
        "max_tokens": 64,
        "examples": 20,
        "final_loss": 0.1,
        "dev_f1": 0.5,
        "made_at": "2026-11-27T00:00:00+00:00",
    }
    return AdapterCard(**{**given, **changes})


def test_an_adapter_of_invented_text_may_be_taken_away():
    refuse_site_only(make_card())


def test_an_adapter_derived_from_notes_is_refused_with_exit_code_5():
    with pytest.raises(Denied, match="never leaves the site") as refused:
        refuse_site_only(make_card(site_only=True))

    assert refused.value.exit_code == 5
