"""`train --reviewed`: what people decided teaches, and what was drawn by lot measures it."""

import json

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.clinical.reviewing.folder import forget_notes
from appliance.errors import BadInput, Denied, Exhausted
from appliance.learning.adapters import read_adapter, refuse_site_only
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.records.reviews import Part
from appliance.workflows.audit_members import make_trials
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.review_queue import Wish, make_review
from appliance.workflows.reviewed_training import choose_passages
from appliance.workflows.site import open_site
from tests.lib.read_site import make_site, read_notes
from tests.lib.reviewing import decide_all, save
from tests.lib.tiny_corpora import write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
SURNAME = "Quackenbush"
NAMES = ("asthma", "gout", "fever")


def run(site, *arguments):
    return CliRunner().invoke(cli, [*arguments, "--site", str(site.paths.root), "--json"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a tiny adapter, and a review of it that was read to the end."""
    root = tmp_path_factory.mktemp("s")
    notes = [
        SourceNote(f"n-{n}", f"p-{n}", "letter", "", f"Seen by {SURNAME}. {NAMES[n % 3]} is known.")
        for n in range(60)
    ]
    site = make_site(root / "site", notes)
    path = site.paths.settings
    path.write_text(path.read_text().replace("epochs = 5", "epochs = 1"))
    site = open_site(site.paths.root)
    read_notes(site, "found")
    base = ModelStore(site.paths.models).import_directory(make_tiny_encoder(root / "tiny"), "tiny")
    write_tiny_corpus(site.paths.corpora / "first")
    config = {
        "corpus": str(site.paths.corpora / "first"),
        "base": str(base.path),
        "out": str(site.paths.adapters / "reader"),
        "name": "reader",
        "task": "disease",
        "corpus_name": "first",
        "base_name": "tiny",
        "base_digest": base.digest,
        "types": ["Disease"],
        "made_at": "2026-03-01T06:00:00+00:00",
        "metrics": "",
        "lora_rank": 8,
        "lora_alpha": 16,
        "learning_rate": 3e-3,
        "epochs": 1,
        "batch_tokens": 512,
        "max_tokens": 64,
        "base_dropout": False,
    }
    fit(config, InProcessWorker())
    made = make_review(
        site.paths.root, "found", out="first", reason="check", wish=Wish(10, 40), progress=Silent()
    )
    (root / "saved.json").write_bytes(save(site, made, decide_all(made)))
    outcome = run(site, "findings", "decide", "first", str(root / "saved.json"))
    assert json.loads(outcome.stdout)["decided"] == 50
    return site


def train(site, *more):
    words = ("train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "better")
    return run(site, *words, "--reviewed", "first", *more)


def test_an_adapter_learns_from_a_review_and_is_measured_by_it(site):
    """By other patients; its card says what taught it, and it stays here; no word is written."""
    outcome = train(site)

    assert outcome.exit_code == 0, outcome.output
    card, _ = read_adapter(site.paths.adapters / "better")
    taught = choose_passages(site.paths, "first", teaching=True)
    assert {item.part for item, _ in taught} == {Part.UNSURE}
    before, _ = read_adapter(site.paths.adapters / "reader")
    assert card.examples == before.examples + len(taught)
    assert card.switches["reviewed"] == "first"
    with pytest.raises(Denied):
        refuse_site_only(card)
    for path in site.paths.root.rglob("*"):
        if path.is_file() and "policies" not in path.parts:
            assert SURNAME.encode() not in path.read_bytes(), path

    words = ("evaluate", "--adapter", "better", "--against", "reader")
    scored = run(site, *words, "--gold", str(site.paths.reviews / "first"))

    assert scored.exit_code == 0, scored.output
    told = json.loads(scored.stdout)
    assert told["documents"] == 10
    reviewed = told["reviewed"]
    assert reviewed["hours"] == pytest.approx(50 * 30 / 3600)
    gained, per_hour = (reviewed[one]["value"] for one in ("gained", "gained_per_hour"))
    assert per_hour == pytest.approx(gained / reviewed["hours"])
    assert SURNAME not in scored.output


def test_the_audit_can_attack_it(site):
    """Passages that taught beside those of the fifth of the patients that never teaches."""
    assert train(site).exit_code == 0

    [trial] = [one for one in make_trials(site)[0] if one.name == "better"]
    members, others = trial.score()

    assert len(members) == len(choose_passages(site.paths, "first", teaching=True))
    assert len(others) == len(choose_passages(site.paths, "first", teaching=False)) > 0


@pytest.mark.parametrize("more", [("--teacher", "reader"), ("--dp", "--epsilon", "8")])
def test_a_review_teaches_alone(site, more):
    refusal = train(site, *more, "--dry-run").exception

    assert isinstance(refusal, BadInput)
    assert "teaches alone" in str(refusal)


def test_a_dry_run_says_how_many_passages(site):
    planned = json.loads(train(site, "--dry-run").stdout)

    assert planned["own_notes"] == len(choose_passages(site.paths, "first", teaching=True))


def test_a_review_does_not_measure_what_its_patients_taught_in_another(site):
    """The second draws from the same patients; the third leaves those of the first out."""
    assert train(site).exit_code == 0
    root = site.paths.root
    for out, wish in (("second", Wish(20, 0, 1)), ("third", Wish(5, 0, without=("first",)))):
        make_review(root, "found", out=out, reason="check", wish=wish, progress=Silent())
    words = ("evaluate", "--adapter", "reader", "--against", "better", "--dry-run")

    refusal = run(site, *words, "--gold", str(site.paths.reviews / "second")).exception
    other = run(site, *words, "--gold", str(site.paths.reviews / "third")).exception

    assert "taught by whom review second measures" in str(refusal)
    assert "Not enough" in str(other)


def test_a_changed_note_teaches_no_more_and_the_others_do(site):
    """Late, since it changes a note of those that all tests here share."""
    taught = choose_passages(site.paths, "first", teaching=True)
    with opened_vault(site) as vault:
        ids = {vault.note_id_of(f"n-{n}"): n for n in range(60)}
    number = ids[taught[0][0].note_id]
    assert train(site).exit_code == 0
    changed = SourceNote(f"n-{number}", f"p-{number}", "letter", "", "Nothing of note.")
    import_stream(site, [changed], Silent())

    anew = ("train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "third")
    planned = json.loads(run(site, *anew, "--reviewed", "first", "--dry-run").stdout)

    assert planned["own_notes"] == len(taught) - 1
    [trial] = [one for one in make_trials(site)[0] if one.name == "better"]
    members, _ = trial.score()
    assert len(members) == len(taught) - 1


def test_a_review_that_forgot_a_note_can_not_tell_any_more_what_it_taught(site):
    """Its patient was erased; that the adapter can't be attacked any more is nobody's fault."""
    if not (site.paths.adapters / "better").exists():
        assert train(site).exit_code == 0
    taught = choose_passages(site.paths, "first", teaching=True)
    forget_notes(site.paths.reviews / "first", {taught[-1][0].note_id})

    [trial] = [one for one in make_trials(site)[0] if one.name == "better"]

    with pytest.raises(Exhausted, match="went on"):
        trial.score()
