"""An adapter that writes text gives away the notes that it learned, and only those."""

import random

import pytest

from appliance.audits.attack import carry_out
from appliance.audits.extraction import Extraction
from appliance.learning.basemodels.store import ModelStore
from appliance.records.audits import Standing
from appliance.records.progress import Silent
from appliance.settings.keys import Purpose
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.audit_traffic import salvage_events
from appliance.workflows.audit_writers import make_beginnings, make_writers
from appliance.workflows.canaries import derive_canaries, parts_of, plant
from appliance.workflows.site import init
from tests.lib.audited_site import narrow_gate
from tests.lib.tiny_models import make_tiny_writer, tune_writer

pytestmark = pytest.mark.slow

PLANTED = 2


@pytest.fixture
def site(tmp_path):
    """A site with canaries and a tiny language model."""
    made = init(tmp_path / "site", "air-gapped")
    plant(made.paths.root, PLANTED, Silent())
    ModelStore(made.paths.models).import_directory(make_tiny_writer(tmp_path / "base"), "writer")
    return made


def _learn(site, texts):
    """Somebody's adapter, put beside those of the site."""
    base = ModelStore(site.paths.models).resolve("writer")
    tune_writer(base.path, base.name, site.paths.adapters / "stranger", texts, steps=300)


def _attack(site):
    events = salvage_events(site.paths.ledger)
    attack = Extraction(make_writers(site), 0, make_beginnings(site, events))
    [result] = carry_out([attack], Silent())
    return result


def _notes(site):
    day = site.clock.now().date().isoformat()
    canaries = derive_canaries(site.keys.key(Purpose.PSEUDONYM), PLANTED)
    return ["".join(begun + secret for begun, secret in parts_of(one, day)) for one in canaries]


def test_planted_notes_are_drawn_out_of_what_learned_them_by_heart(site):
    _learn(site, _notes(site))

    result = _attack(site)

    figures = {one.name.split("drawn out, ")[1]: one for one in result.estimates}
    assert [one.rule for one in result.problems] == ["extraction.canary"]
    assert figures["planted"].value >= 0.5  # the secrets are drawn anew each time
    assert figures["planted, adapter off"].value == 0.0
    assert figures["never planted"].value == 0.0
    canaries = derive_canaries(site.keys.key(Purpose.PSEUDONYM), PLANTED)
    assert not any(needle in str(result) for one in canaries for needle in one.needles())

    whole = try_attacks(site.paths.root, AuditOrder(payloads=1), open_gate=narrow_gate).report
    failed = {problem.rule for one in whole.results for problem in one.problems}
    assert {"extraction.canary", "provenance.bytes"} <= failed


def test_what_learned_other_notes_gives_nothing_away(site):
    words = ["fever", "cough", "rounds", "stable", "plan"]
    _learn(site, [" ".join(random.Random(at).choices(words, k=9)) for at in (1, 2)])

    result = _attack(site)

    assert result.standing is Standing.PASS
    assert result.estimates[0].total == 2 * PLANTED


def test_where_no_adapter_writes_text_nothing_is_tested(site):
    result = _attack(site)

    assert (result.standing, result.is_broken) == (Standing.NOT_TESTED, False)
    assert "label words" in result.summary
