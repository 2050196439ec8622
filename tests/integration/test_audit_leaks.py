"""The audit fails where it should: each planted leak is found and named, the twin passes."""

import json
import logging
import lzma
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from appliance.artifacts.manifest import digest_file
from appliance.audits.attack import carry_out
from appliance.audits.membership import Membership, Trial
from appliance.errors import ApplianceError
from appliance.gate.clearance import Stamper, sending_facts
from appliance.ledger import files as ledger_files
from appliance.records.audits import Overall, Standing
from appliance.records.examples import Example, Split
from appliance.records.progress import Silent
from appliance.records.prompts import Draft, DraftKind, Route
from appliance.settings.keys import Purpose
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.curator import example_id
from appliance.workflows.audit import try_attacks
from appliance.workflows.audit_attacks import AuditOrder
from appliance.workflows.canaries import derive_canaries, plant
from appliance.workflows.orders import Order
from appliance.workflows.report.audit_page import render_audit
from appliance.workflows.site import open_site, read_events
from appliance.workflows.witness import keep_head
from tests.lib.audited_site import (
    hospital_of,
    make_audited_site,
    narrow_gate,
    synthesize_scripted,
)

pytestmark = pytest.mark.slow

# Two detectors of the gate alone let some disguises pass; the whole gate is tried elsewhere.
NARROW = "evasion"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A site as it should be, with canaries; never changed."""
    root = tmp_path_factory.mktemp("clean") / "site"
    make_audited_site(root)
    plant(root, 3, Silent())
    return root


@pytest.fixture
def site(clean, tmp_path):
    """Its twin, to plant something in."""
    shutil.copytree(clean, tmp_path / "site")
    return open_site(tmp_path / "site")


def attack(site, **order):
    """Name of each attack to its result."""
    order = AuditOrder(payloads=44, **order)
    done = try_attacks(site.paths.root, order, open_gate=narrow_gate)
    return {result.attack: result for result in done.report.results}, done


def rules(results):
    return {
        problem.rule
        for name, result in results.items()
        for problem in result.problems
        if name != NARROW
    }


def test_the_clean_twin_passes(site):
    """Nothing is found where nothing is planted, and what was not tested is said."""
    results, done = attack(site)

    assert rules(results) == set()
    assert not any(result.is_broken for result in results.values())
    untested = {name for name, one in results.items() if one.standing is Standing.NOT_TESTED}
    of_adapters = {"membership", "memorisation", "extraction-by-prefix"}
    assert untested <= {*of_adapters, "re-identification", "live-gateway"}
    assert all(one.blind_spots for one in results.values() if one.standing is Standing.PASS)
    assert any("back to an older state" in line for line in done.report.not_tested)


def test_nothing_is_changed_but_the_ledger(site):
    """Every other file is the same to the byte, and nothing is left beside it."""

    def files():
        return {
            path.relative_to(site.paths.root).as_posix(): digest_file(path)
            for path in site.paths.root.rglob("*")
            if path.is_file() and not path.is_relative_to(site.paths.ledger)
        }

    before = files()
    attack(site)

    assert files() == before
    assert len(before) > 20


def _with_note(site, count=1):
    card, examples = read_corpus(site.paths.corpora / "first")
    notes = [note.text for note in hospital_of().notes if len(note.text) > 300][:count]
    copied = [
        Example(example_id(text, []), text, (), (), "d-1", "m", Split.TRAIN) for text in notes
    ]
    return card, [*examples, *copied]


def test_a_note_in_a_corpus_is_found(site):
    """Even where the corpus was written and recorded as it should be."""
    card, examples = _with_note(site)
    digest = write_corpus(site.paths.corpora / "second", replace(card, name="second"), examples)
    site.ledger.record("corpus.written", {"corpus": "second", "digest": digest})

    results, _ = attack(site)

    assert "overlap.copied-note" in rules(results)
    assert [one.where for one in results["overlap"].problems] == ["corpus second"]
    assert results["provenance"].standing is Standing.PASS
    text = examples[-1].text
    assert not any(text[at : at + 20] in str(results) for at in range(0, len(text) - 20, 20))


def test_one_sentence_of_a_note_in_a_corpus_is_found(site):
    """Not only whole notes: a run that one patient alone has."""
    card, examples = read_corpus(site.paths.corpora / "first")
    canary = derive_canaries(site.keys.key(Purpose.PSEUDONYM), 1)[0]
    sentence = f"Seen on rounds; {canary.phrase} was mentioned once and will be followed up."
    planted = Example(example_id(sentence, []), sentence, (), (), "d-1", "m", Split.DEV)
    digest = write_corpus(
        site.paths.corpora / "second", replace(card, name="second"), [*examples, planted]
    )
    site.ledger.record("corpus.written", {"corpus": "second", "digest": digest})

    results, _ = attack(site)

    assert {"overlap.copied-note", "canaries.found"} <= rules(results)


def test_what_lies_beside_what_was_made_is_found(site):
    """A file in a corpus, a corpus without a manifest, an adapter that somebody put there."""
    (site.paths.corpora / "first" / "more.txt").write_text("a note")
    (site.paths.corpora / "loose").mkdir()
    (site.paths.corpora / "loose" / "train.parquet").write_bytes(b"PAR")
    (site.paths.adapters / "stranger.bin").write_bytes(b"weights")

    results, _ = attack(site)

    found = {(one.rule, one.where) for one in results["provenance"].problems}
    assert found == {
        ("provenance.stray", "corpus first"),
        ("provenance.bytes", "corpus loose"),
        ("provenance.bytes", "adapter stranger.bin"),
    }


def test_another_prompt_under_a_drafts_name_is_found(site):
    """With a good stamp: somebody had the gate clear it, and named it after a harmless one."""
    sent = next(one for one in read_events(site) if one[1].kind == "prompt.sent")[1].facts
    key = site.keys.key(Purpose.CLEARANCE)
    stamper = Stamper(key, site.clock, site.policy_digest, timedelta(minutes=5))
    other = Draft(sent["draft"], "disease", DraftKind.NONE, (), "", "Another prompt altogether.")
    site.ledger.record("prompt.sent", sending_facts(stamper.stamp(other, Route(sent["route"]))))

    results, _ = attack(site)

    assert rules(results) == {"regate.other-prompt"}
    assert sent["draft"] in results["would-we-send-it-again"].problems[0].what


def test_prompts_of_a_round_that_was_killed_are_inspected_again(site, tmp_path):
    """Its seed and its mix are on record, though no corpus came of it."""
    report = tmp_path / "report.json"
    mix = {"single": 0.1, "several": 0.8, "abbreviation": 0.05, "none": 0.05}
    report.write_text(json.dumps({"mix": mix}))
    before, _ = attack(site)
    order = Order("disease", 12, "killed", seed=7, mix_from=report)
    synthesize_scripted(site, order)
    shutil.rmtree(site.paths.corpora / "killed")

    results, _ = attack(site)

    name = "would-we-send-it-again"
    [lost] = [one for one in results[name].estimates if "drawn again" in one.name]
    assert lost.value == 0.0
    assert lost.total > before[name].estimates[0].total + 5
    assert not rules(results)


def test_a_corpus_that_nobody_made_is_found(site):
    card, examples = _with_note(site)
    write_corpus(site.paths.corpora / "second", replace(card, name="second"), examples)

    results, _ = attack(site)

    assert {"provenance.unknown", "overlap.copied-note"} <= rules(results)


def test_a_corpus_that_was_changed_afterwards_is_found(site, tmp_path):
    """And what it holds now is looked at all the same."""
    card, examples = _with_note(site, 2)
    write_corpus(tmp_path / "other", card, examples)
    target = site.paths.corpora / "first" / "train.parquet"
    target.write_bytes((tmp_path / "other" / "train.parquet").read_bytes())

    results, _ = attack(site)

    assert {"provenance.bytes", "overlap.copied-note"} <= rules(results)


@pytest.mark.parametrize(("counted", "rule"), [(3, "replay.provider-counted-more"), (0, None)])
def test_a_prompt_past_the_gateway_is_found_by_the_providers_count(site, counted, rule):
    results, _ = attack(site, provider_requests=counted)

    assert rules(results) == ({rule} if rule else set())


def _write_journal(site, statement, *values):
    with closing(sqlite3.connect(site.paths.journal / "first.db")) as file, file:
        file.execute(statement, values)


def test_an_answer_to_a_prompt_that_is_not_on_record_is_found(site):
    """Something asked a model without telling the ledger, by the gateway's route."""
    _write_journal(site, "INSERT INTO intent VALUES ('k', 'd-0')")
    _write_journal(
        site,
        "INSERT INTO completion VALUES ('k', 'd-0', 'chatgpt', 'm', 'A text.', 'stop', 1, 1)",
    )

    results, _ = attack(site)

    assert rules(results) == {"replay.sent-without-record", "replay.past-the-gateway"}


def test_an_answer_that_nobody_asked_for_is_found(site):
    _write_journal(site, "DELETE FROM intent WHERE key = (SELECT min(key) FROM completion)")

    results, _ = attack(site)

    assert rules(results) == {"replay.answer-without-intent"}


def test_a_journal_that_can_not_be_read_is_no_pass(site):
    (site.paths.journal / "first.db").write_bytes(b"no journal" * 100)

    results, _ = attack(site)

    assert "replay.unreadable" in rules(results)


def test_a_forged_stamp_is_found(site):
    """Somebody with the ledger's key, and without the gate's, wrote that a prompt was cleared."""
    facts = {"draft": "d-0", "prompt": "0" * 64, "route": "vllm", "nonce": "0" * 32}
    facts |= {"expires": "2026-11-27T00:00:00+00:00", "stamp": "0" * 128}
    site.ledger.record("prompt.sent", facts)

    results, _ = attack(site)

    assert rules(results) == {"replay.forged-stamp"}


def test_a_prompt_that_was_denied_and_went_all_the_same_is_found(site):
    site.ledger.record("prompt.denied", {"draft": "d-0", "rule": "identifier", "hits": 1})
    site.ledger.record("prompt.sent", {"draft": "d-0", "prompt": "0" * 64, "route": "vllm"})

    results, done = attack(site)

    assert rules(results) == {"replay.denied-and-sent"}
    assert done.report.denials == {"prompt: identifier": 1}


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("phi.toml", "PERSON = 0.40", "PERSON = 0.90", "safeguards.SITE005"),
        ("disclosure.toml", 'notes = "never"', 'notes = "after-audit"', "safeguards.SITE013"),
        ("retention.toml", "findings = 365", "findings = 9999", "safeguards.SITE013"),
    ],
)
def test_a_weakened_policy_is_found(site, file, old, new, rule):
    path = site.paths.policies / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))

    results, _ = attack(site)

    assert rule in rules(results)


def test_a_deleted_ledger_entry_is_found_and_nothing_is_read_without_a_record(site):
    path = site.paths.ledger / ledger_files.ENTRIES
    lines = path.read_bytes().splitlines(keepends=True)
    gone = next(at for at, line in enumerate(lines) if b'"kind":"prompt.sent"' in line)
    path.write_bytes(b"".join([*lines[:gone], *lines[gone + 1 :]]))

    results, done = attack(site)

    assert {"ledger.missing", "replay.sent-without-record"} <= rules(results)
    assert done.entry is None
    assert done.exit_code == 3
    assert results["overlap"].standing is Standing.NOT_TESTED
    assert path.read_bytes().count(b"\n") == len(lines) - 1


def test_a_ledger_that_was_put_back_is_found_with_a_witness(site, tmp_path):
    shutil.copytree(site.paths.ledger, tmp_path / "old")
    keep_head(site.paths.root, tmp_path / "head")
    shutil.rmtree(site.paths.ledger)
    shutil.copytree(tmp_path / "old", site.paths.ledger)

    results, _ = attack(site, witnesses=(tmp_path / "head",))

    assert rules(results) == {"ledger.rolled-back"}


def test_an_identifier_in_a_log_is_found(site, tmp_path):
    """In capitals, in JSON, in UTF-16, in an archive, in an export elsewhere."""
    person = hospital_of().patients[0]
    mrn = next(one.value for one in person.identifiers if one.kind == "mrn")
    name = next(one.value for one in person.identifiers if one.kind == "name")
    (site.paths.run / "a.log").write_text(f"INFO read {name.upper()}\n")
    (site.paths.run / "b.log").write_text(json.dumps({"id": mrn}), encoding="utf-16")
    (tmp_path / "backup").mkdir()
    shutil.make_archive(str(tmp_path / "backup" / "x"), "zip", site.paths.run)

    results, _ = attack(site, look=(tmp_path / "backup",))

    found = {(one.rule, one.where) for one in results["clear-text-at-rest"].problems}
    assert found == {
        ("at-rest.clear-text", "run/a.log"),
        ("at-rest.clear-text", "run/b.log"),
        ("at-rest.clear-text", "--look 1, file 1"),
    }
    assert name not in str(results)
    assert mrn not in str(results)


def test_an_identifier_that_a_directory_is_called_by_is_found(site):
    """An empty one too; the report does not repeat it."""
    name = next(one.value for one in hospital_of().identifiers() if one.kind == "name")
    (site.paths.run / f"letters of {name}").mkdir()

    results, _ = attack(site)

    [problem] = results["clear-text-at-rest"].problems
    assert (problem.rule, problem.where) == ("at-rest.clear-text", "names of files and directories")
    assert name not in str(results)


def test_an_identifier_as_a_message_writes_it_is_found_beside_a_models_weights(site):
    """Where nobody looks, and not as it is registered."""
    name = next(one.value for one in hospital_of().identifiers() if one.kind == "name")
    family, given = name.split(", ")
    place = site.paths.run / "messages.log.xz"
    place.write_bytes(lzma.compress(f"PID|1||{family.upper()}^{given.upper()}\n".encode()))
    canary = derive_canaries(site.keys.key(Purpose.PSEUDONYM), 1)[0]
    (site.paths.models / "notes.txt").write_text(canary.phrase)

    results, _ = attack(site)

    found = {(one.rule, one.where) for one in results["clear-text-at-rest"].problems}
    assert found == {
        ("at-rest.clear-text", "run/messages.log.xz"),
        ("canaries.found", "models/notes.txt"),
    }


def test_a_canary_in_a_log_is_found(site):
    canary = derive_canaries(site.keys.key(Purpose.PSEUDONYM), 3)[2]
    (site.paths.run / "a.log").write_text(f"WARN {canary.mrn}\n")

    results, _ = attack(site)

    assert rules(results) == {"canaries.found"}


@pytest.mark.parametrize("form", [bytes, lambda key: key.hex().encode()])
def test_a_key_outside_its_place_is_found(site, form):
    (site.paths.run / "core").write_bytes(b"\x7fELF" + form(site.keys.key(Purpose.VAULT)) + b"\0")

    results, _ = attack(site)

    assert rules(results) == {"at-rest.secret"}


def test_a_key_in_the_environment_of_a_service_is_found(site):
    """As proc(5) shows it to whoever has the same user."""
    import subprocess
    import sys

    key = site.keys.key(Purpose.GATEWAY).hex()
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, env={"KEY": key}, stdin=subprocess.PIPE) as service:
        results, _ = attack(site)
        service.communicate(b"\n")

    places = {problem.where for problem in results["clear-text-at-rest"].problems}
    assert places == {"environments and command lines of this user"}


@pytest.mark.parametrize(("shift", "standing"), [(0.0, Standing.PASS), (4.0, Standing.FAIL)])
def test_an_adapter_that_remembers_is_found(shift, standing):
    """Members' scores as others' give nothing away; far above them they do."""
    rng = random.Random(5)
    groups = [[[rng.gauss(up, 1) for _ in range(4)] for _ in range(60)] for up in (shift, 0.0)]
    trial = Trial(
        "reader", is_site_only=True, score=lambda: (groups[0], groups[1]),
        epsilon=1.0, is_coined=True,
    )  # fmt: skip

    [result] = carry_out([Membership([trial])], Silent())

    assert result.standing is standing
    rules_found = {problem.rule for problem in result.problems}
    assert rules_found == ({"membership.memorised", "membership.epsilon"} if shift else set())


@pytest.mark.parametrize("hindrance", ["few", "gone"])
def test_an_adapter_that_can_not_be_attacked_hides_no_other(hindrance):
    rng = random.Random(5)
    groups = [[[rng.gauss(up, 1)] for _ in range(60)] for up in (4.0, 0.0)]

    def score():
        if hindrance == "gone":
            raise ApplianceError("The vault has changed.")
        return groups[0][:3], groups[1]

    worst = Trial("worst", is_site_only=True, score=lambda: (groups[0], groups[1]))
    hindered = Trial("hindered", is_site_only=True, score=score)

    [both] = carry_out([Membership([worst, hindered])], Silent())
    [alone] = carry_out([Membership([hindered])], Silent())

    assert both.standing is Standing.FAIL
    assert any("hindered" in spot for spot in both.blind_spots)
    assert alone.standing is Standing.NOT_TESTED
    alike = Trial("alike", is_site_only=True, score=lambda: (groups[1], groups[1]))
    [beside] = carry_out([Membership([alike, hindered])], Silent())
    assert beside.standing is Standing.NOT_TESTED
    assert [one.name for one in beside.estimates if one.name.startswith("alike: ")]
    assert [one.kind for one in beside.charts] == ["roc", "epsilon"]


def test_names_where_an_order_said_to_look_are_found(site, tmp_path):
    """A few are enough: nobody invents people there."""
    names = [one.value for one in hospital_of().patients[0].identifiers if one.kind == "name"]
    (tmp_path / "export.txt").write_text(f"seen: {names[0]}\n")

    results, _ = attack(site, look=(tmp_path / "export.txt",))
    lost, _ = attack(site, look=(tmp_path / "nothing",))

    assert {one.where for one in results["clear-text-at-rest"].problems} == {"--look 1, file 1"}
    assert lost["clear-text-at-rest"].standing is Standing.NOT_TESTED


def test_what_can_not_be_gathered_ends_no_audit(site):
    """A sheet that is no file: those who read it say so, the others are carried out."""
    (site.paths.labels / "broken.tsv").mkdir()

    results, done = attack(site)

    assert results["replay"].standing is Standing.PASS
    assert results["overlap"].is_broken
    assert (done.report.verdict, done.exit_code) == (Overall.INCOMPLETE, 1)
    page = render_audit(done.report)
    broken = [name for name, one in results.items() if one.is_broken]
    assert f"could not be: {', '.join(broken)}." in page
    assert "could not be tried" in page


def test_the_audit_writes_nothing_of_a_patient_into_log_or_ledger(site, caplog):
    """It reads everything, and tells counts only."""
    caplog.set_level(logging.DEBUG)
    results, _ = attack(site)

    told = caplog.text + str(results) + (site.paths.ledger / ledger_files.ENTRIES).read_text()
    values = [one.value for one in hospital_of().identifiers() if len(one.value) > 7]
    assert len(values) > 100
    assert not [value for value in values if value in told]
