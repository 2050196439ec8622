"""`train --teacher`: the site's own notes teach, and what comes of them stays on site."""

import json
import shutil

import pytest
from click.testing import CliRunner

from appliance.cli.main import cli
from appliance.errors import BadInput, Denied
from appliance.learning.adapters import read_adapter, refuse_site_only
from appliance.records.audits import Standing
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.audit_members import make_trials
from appliance.workflows.ingest import opened_vault
from appliance.workflows.self_training import share_out
from appliance.workflows.site import init, open_site
from tests.lib.audited_site import narrow_gate
from tests.lib.tiny_corpora import make_examples, write_tiny_corpus
from tests.lib.tiny_models import make_tiny_encoder

pytestmark = pytest.mark.slow
CANARY = "Quackenbush"


def run(site, *arguments):
    return CliRunner().invoke(cli, [*arguments, "--site", str(site), "--json"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with a tiny encoder, an adapter, and notes in its vault."""
    root = tmp_path_factory.mktemp("s") / "site"
    init(root, "air-gapped")
    path = root / "site.toml"
    text = path.read_text()
    for old, new in (
        ("learning_rate = 0.001", "learning_rate = 0.003"),
        ("epochs = 5", "epochs = 2"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    make_tiny_encoder(root.parent / "tiny")
    write_tiny_corpus(root / "corpora" / "first")
    notes = root.parent / "notes.jsonl"
    examples = make_examples()
    lines = [
        {
            "id": f"note-{number}",
            "patient": f"patient-{number // 2}",
            "text": f"{CANARY} was seen. {examples[number % len(examples)].text}",
        }
        for number in range(400)
    ]
    notes.write_text("\n".join(map(json.dumps, lines)))
    for words in (
        ("model", "import", str(root.parent / "tiny"), "--name", "tiny"),
        ("notes", "import", str(notes)),
        ("train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "reader"),
    ):
        outcome = run(root, *words)
        assert outcome.exit_code == 0, outcome.output
    return root


def learn(site, *more):
    return run(
        site,
        *("train", "--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "ours"),
        *("--teacher", "reader", "--least", "0.2", *more),
    )


def test_an_adapter_that_learned_from_notes_says_so_and_stays(site):
    """On its card, and in the ledger, with whom it learned from; the notes' words are nowhere."""
    assert learn(site).exit_code == 0
    card, _ = read_adapter(site / "adapters" / "ours")
    with opened_vault(open_site(site)) as vault:
        shares = share_out(vault)
    teacher, teacher_digest = read_adapter(site / "adapters" / "reader")
    events = (site / "ledger").rglob("*")
    written = b"".join(path.read_bytes() for path in events if path.is_file())

    assert card.site_only
    assert not teacher.site_only
    assert card.switches["teachers"] == teacher_digest
    assert card.switches["own_notes"] == str(len(shares.teaching))
    assert card.examples == teacher.examples + len(shares.teaching)
    with pytest.raises(Denied):
        refuse_site_only(card)
    assert b"self-training" in written
    for path in (site / "adapters" / "ours").rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()


def test_a_fifth_of_the_patients_teaches_nobody(site):
    """Both notes of a patient are on one side, every note is on one, and so again the next time."""
    with opened_vault(open_site(site)) as vault:
        shares, again, owners = share_out(vault), share_out(vault), vault.owners()
    sides = [{owners[note] for note in ids} for ids in (shares.teaching, shares.kept_back)]

    assert shares == again
    assert sorted((*shares.teaching, *shares.kept_back)) == sorted(owners)
    assert not sides[0] & sides[1]
    assert 15 < len(sides[1]) < 75


def test_the_audit_compares_notes_that_taught_with_notes_that_did_not(site):
    """By patient; the tiny adapter of two epochs has learned nobody by heart."""
    assert learn(site).exit_code == 0

    done = try_attacks(site, AuditOrder(payloads=1), open_gate=narrow_gate)
    [result] = [one for one in done.report.results if one.attack == "membership"]
    [area] = [one for one in result.estimates if one.name.endswith("area under the curve")]

    assert result.standing is Standing.PASS
    assert area.low < 0.6
    assert area.total > 300


def test_notes_that_came_later_keep_no_audit_from_its_attack(site, tmp_path):
    """A live site imports every night; what taught the adapter is known again all the same."""
    assert learn(site).exit_code == 0
    twin = shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns("run"))
    (twin / "run").mkdir(mode=0o700)
    later = tmp_path / "later.jsonl"
    rows = [{"id": f"later-{at}", "patient": f"later-{at}", "text": "Seen."} for at in range(30)]
    later.write_text("\n".join(map(json.dumps, rows)))
    assert run(twin, "notes", "import", str(later)).exit_code == 0

    assert _sizes(twin) == _sizes(site)


def _sizes(site):
    """How many texts of patients who taught `ours` and who did not the attack compares."""
    [trial] = [one for one in make_trials(open_site(site))[0] if one.name == "ours"]
    return [sum(map(len, side)) for side in trial.score()]


def test_the_same_again_is_there_already_and_other_teachers_are_another_adapter(site):
    """As for every adapter."""
    assert learn(site).exit_code == 0
    again = learn(site)
    other = learn(site, "--own-notes", "3")

    assert (
        json.loads(again.stdout)["made_at"] == read_adapter(site / "adapters" / "ours")[0].made_at
    )
    assert isinstance(other.exception, BadInput)
    assert "made of other parts" in str(other.exception)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--teacher", "nobody"), "no adapter 'nobody'"),
        (("--dp", "--epsilon", "8"), "whole notes are not covered"),
    ],
)
def test_what_can_not_be_is_refused_with_the_next_step(site, more, words):
    """Before anything is read."""
    refusal = learn(site, *more).exception

    assert isinstance(refusal, BadInput)
    assert words in str(refusal)


def test_who_teaches_nobody_leaves_adapters_alone_and_who_teaches_takes_them_along(site):
    """Nobody can take one patient out of an adapter."""
    assert learn(site).exit_code == 0
    half_made = site / "run" / "train-other.safetensors"
    half_made.write_bytes(b"x")
    with opened_vault(open_site(site)) as vault:
        shares, owners = share_out(vault), vault.owners()
        names = {vault.patient_id_of(f"patient-{number}"): number for number in range(200)}
    teacher, other = (names[owners[ids[0]]] for ids in (shares.teaching, shares.kept_back))

    outcome = run(site, "notes", "erase", "--yes", "--patient", f"patient-{other}")
    assert json.loads(outcome.stdout)["adapters"] == 0
    assert (site / "adapters" / "ours").is_dir()
    assert half_made.exists()

    outcome = run(site, "notes", "erase", "--yes", "--patient", f"patient-{teacher}")
    assert json.loads(outcome.stdout)["adapters"] == 1
    assert not (site / "adapters" / "ours").exists()
    assert (site / "adapters" / "reader").is_dir()
    assert not half_made.exists()


def test_a_retired_adapter_and_one_of_another_sheet_teach_nobody(site):
    """Their labels mean something else, or are not wanted any more."""
    sheet = site / "policies" / "labels" / "disease.toml"
    before = sheet.read_text()
    sheet.write_text(before.replace('name = "Disease"', 'name = "Sickness"'))
    changed = learn(site, "--dry-run").exception
    sheet.write_text(before)
    assert run(site, "adapter", "retire", "reader").exit_code == 0
    retired = learn(site, "--dry-run").exception

    assert isinstance(changed, BadInput)
    assert isinstance(retired, BadInput)
    assert "retired" in str(retired)
