"""Two adapters are compared on what both read, and only where they decide the same."""

import numpy as np
import pytest

from appliance.errors import BadInput
from appliance.learning.adapters import WEIGHTS, write_adapter
from appliance.learning.evaluation.pairs import confusions, macro_f1
from appliance.records.cards import HeadKind, PairTypes
from appliance.records.gold import GoldDocument
from appliance.records.spans import UNRELATED, Relation, Span
from appliance.workflows.compare import compare, find_other
from appliance.workflows.evaluate_relations import _compare
from appliance.workflows.site import init
from tests.unit.test_adapter_cards import make_card

PAIR = PairTypes("gene-disease", "Gene", "Disease")
SPANS = (Span(0, 4, "Gene"), Span(8, 12, "Disease"))


def write(site, name, **changes):
    card = make_card(name=name, **changes)
    write_adapter(site.paths.adapters / name, card, lambda to: (to / WEIGHTS).write_bytes(b"w"))
    return card


def test_the_difference_is_that_of_the_two_scores():
    gold = [GoldDocument(str(n), "", (SPANS[1],)) for n in range(40)]
    ours = [[SPANS[1]] if n % 4 else [] for n in range(40)]
    theirs = [[SPANS[1]] if n % 2 else [] for n in range(40)]

    found = compare(gold, ours, theirs, "other")

    assert found.difference.value == pytest.approx(2 * 30 / 70 - found.other.f1)
    assert found.difference.ci_low > 0
    assert found.p_value < 0.01


def test_adapters_of_relations_are_compared_by_macro_f1():
    labels = [PAIR.label if n % 2 else UNRELATED for n in range(60)]
    gold = [
        GoldDocument(str(n), "", SPANS, (Relation(0, 1, label),)) for n, label in enumerate(labels)
    ]
    card = make_card(
        name="one", kind=HeadKind.RELATIONS, labels=(UNRELATED, PAIR.label), pairs=(PAIR,)
    )
    ours = [(label,) for label in labels]
    theirs = [(PAIR.label,) for _ in labels]

    found = _compare(gold, ours, theirs, card, "yes")

    cells = confusions([[n % 2] for n in range(60)], [[1]] * 60, 2).sum(axis=0).reshape(2, 2)
    assert found.difference.value == pytest.approx(1 - float(macro_f1(cells)))
    assert found.other.macro_f1.value == pytest.approx(float(macro_f1(cells)))
    assert found.p_value < 0.001
    assert np.isclose(found.other.mcc.value, 0)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("one", "is the same"), ("gone", "no adapter"), ("genes", "does not decide")],
)
def test_what_can_not_be_compared_is_refused(tmp_path, name, complaint):
    site = init(tmp_path / "site", "air-gapped")
    card = write(site, "one")
    write(site, "genes", labels=("O", "B-Gene", "I-Gene"))

    with pytest.raises(BadInput, match=complaint):
        find_other(site, card, name)
