"""Prompts are drawn again from the rounds on record, and each round as far as it can have gone."""

import hashlib

import pytest

from appliance.records.events import Event
from appliance.records.identifiers import Digest
from appliance.settings.tasks import load_task
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows import audit_redrawing
from appliance.workflows.audit_redrawing import redraw
from appliance.workflows.site import init

ROUNDS = 12
EACH = 5


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """A site, and the ledger of so many rounds with a seed each, whose journals are gone."""
    paths = init(tmp_path_factory.mktemp("redrawn") / "site", "air-gapped").paths
    sheet, vocabulary = load_task(paths.labels, "disease")
    events = []
    for seed in range(ROUNDS):
        facts = {"corpus": f"c-{seed}", "task": "disease", "seed": seed}
        events.append(_event("corpus.begun", facts))
        for draft, _ in zip(drafts(sheet, vocabulary, seed), range(EACH), strict=False):
            said = hashlib.sha256(draft.prompt.encode()).hexdigest()
            events.append(_event("prompt.sent", {"draft": draft.draft_id, "prompt": said}))
    return paths, events


@pytest.fixture(autouse=True)
def _few_beyond(monkeypatch):
    """What a killed run may have drawn and not sent: a few here, or each test draws thousands."""
    monkeypatch.setattr(audit_redrawing, "_DRAWN_MORE", 20)


def _event(kind, facts):
    return Event(kind, "2026-11-27T00:00:00+00:00", "tester", Digest("0" * 64), facts)


def test_every_round_is_drawn_again(books):
    paths, events = books

    found = redraw(paths, events, ())

    assert len(found.prompts) == found.sent == ROUNDS * EACH
    assert found.others == ()


def test_a_round_is_drawn_as_far_as_it_can_have_gone_and_no_further(books, monkeypatch):
    """Else the work would grow as prompts times rounds."""
    paths, events = books
    drawn = []

    def counted(*parts):
        for one in drafts(*parts):
            drawn.append(one.draft_id)
            yield one

    monkeypatch.setattr(audit_redrawing, "drafts", counted)
    monkeypatch.setattr(audit_redrawing, "_DRAWN_MORE", 0)

    found = redraw(paths, events, ())

    assert len(found.prompts) == ROUNDS * EACH
    # Without journals: what was sent from each round on.
    assert len(drawn) == 3 * EACH * sum(range(1, ROUNDS + 1))


def test_a_ledger_that_was_tampered_with_ends_no_audit(books):
    paths, events = books
    strange = [_event("corpus.begun", {"corpus": one, "task": one, "seed": []}) for one in ({}, 1)]

    assert len(redraw(paths, [*strange, *events], ()).prompts) == ROUNDS * EACH
