"""What an adapter misreads or doubts is what the next round asks for."""

from dataclasses import replace

import pytest

from appliance.records.prompts import ENTITY_KINDS
from appliance.settings.tasks import load_task
from appliance.workflows.held_out import KindErrors
from appliance.workflows.profile import mix_to_teach
from tests.lib.house import REPOSITORY

KINDS = [kind.value for kind in ENTITY_KINDS]
LABELS = REPOSITORY / "policies" / "labels"


@pytest.mark.parametrize("kind", KINDS)
def test_mistakes_and_doubt_both_ask_for_more(kind):
    """Neither ever makes a need less, and a mistake counts more than a doubt."""
    mix = load_task(LABELS, "disease")[0].mix
    usual = KindErrors(20, 5, 0.2)

    def asked(one):
        return getattr(mix_to_teach(mix, dict.fromkeys(KINDS, usual) | {kind: one}), kind)

    needs = [
        [KindErrors(20, misread, doubt / 10).need for doubt in range(11)] for misread in range(21)
    ]
    assert all(0 < one < 1 for row in needs for one in row)
    assert all(row == sorted(set(row)) for row in needs)
    assert all(list(one) == sorted(set(one)) for one in zip(*needs, strict=True))
    assert KindErrors(20, 20, 0.0).need > KindErrors(20, 0, 1.0).need
    assert asked(usual) < asked(replace(usual, doubt=0.8))
    assert asked(usual) < asked(replace(usual, misread=15))
