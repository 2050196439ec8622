"""Every command that changes something is run dry, and every byte is as it was."""

import hashlib
import json

import pytest

from appliance.artifacts.manifest import read_manifest
from appliance.cli.main import run
from appliance.errors import Forbidden
from appliance.learning.adapters import WEIGHTS, read_adapter, write_adapter
from appliance.learning.basemodels.store import ModelStore
from appliance.records.access import Identity, Verb
from appliance.records.events import ERASED, Fact
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.roles import current_identity
from appliance.workflows import backup, recovery
from appliance.workflows.access import allow
from appliance.workflows.approvers import make_key, sign
from appliance.workflows.ingest import opened_vault
from appliance.workflows.release import POLICY, ask
from appliance.workflows.review import write_review
from appliance.workflows.review_queue import make_review
from appliance.workflows.site import open_site
from tests.integration.test_release import let_pass
from tests.lib.note_limit import set_limit
from tests.lib.read_site import make_site, read_notes
from tests.lib.reviewing import decide_all, save
from tests.lib.tiny_corpora import make_examples, write_tiny_corpus
from tests.unit.test_cli_tree import CHANGES
from tests.unit.test_dry_runs import card_of, make_model

# A dry run of these reads notes or the registry: that is on record, and a search fills its index.
READS = {"audit run", "notes erase", "notes search"}
# These want a cluster, or a site that was migrated: test_cluster_command, test_site_migration.
ELSEWHERE = {
    *("cluster token", "cluster join", "cluster drain", "cluster restart", "site revert"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A site in which each of the commands has something to do, and files beside it."""
    root = tmp_path_factory.mktemp("dry")
    notes = [
        SourceNote(str(n), f"P-{n}", "letter", day, f"Seen today: asthma {n}.")
        for n, day in enumerate(["1999-12-31", *[""] * 8])
    ]
    site = make_site(root / "site", notes)
    read_notes(site, "found")
    with opened_vault(site) as vault:
        site.ledger.record(ERASED, {"patient": vault.patient_id_of("P-gone"), "notes": 1})
    write_tiny_corpus(site.paths.corpora / "first")
    write_tiny_corpus(site.paths.corpora / "second")
    digest = read_manifest(site.paths.corpora / "first", "corpus").digest
    site.ledger.record("corpus.written", {"corpus": "first", "digest": digest})
    base = ModelStore(site.paths.models).import_directory(make_model(root / "model"), "tiny")
    card = card_of(site, base.digest, digest)
    write_adapter(site.paths.adapters / "reader", card, lambda to: (to / WEIGHTS).write_bytes(b"w"))
    facts: dict[str, Fact] = {
        "adapter": "reader",
        "adapter_digest": read_adapter(site.paths.adapters / "reader")[1],
        "gold_digest": "a" * 64,
        "documents": 3,
        "f1": 0.5,
    }
    site.ledger.record("adapter.evaluated", facts)
    (site.paths.run / "gateway.latch").write_text(json.dumps({"rule": "sent-without-record"}))
    _write_files(root)
    _prepare_review(site, root)
    keys = {name: make_key(name, root / f"{name}.key") for name in ("ada", "ben")}
    set_limit(site.paths.policies, 3650)
    path = site.paths.policies / POLICY
    path.write_text(path.read_text() + "".join(f'{one} = "{key}"\n' for one, key in keys.items()))
    site = open_site(site.paths.root)
    let_pass(site)
    ask(site.paths.root, "corpus", "first", root / "statement")
    for name in keys:
        sign(root / "statement", root / f"{name}.key")
    ask(site.paths.root, "corpus", "first", root / "unsigned")
    _back_up(site.paths.root, root)
    return root


def _back_up(site, root):
    (root / "backups").mkdir()
    reader = recovery.make(root / "identity.txt")
    (root / "reader").write_text(reader)
    made = backup.create(site, root / "backups", (reader,), Silent())
    made.path.rename(root / "site.age")
    recovery.split(root / "identity.txt", "2-of-3", root / "shares")
    for number, path in enumerate(sorted((root / "shares").iterdir())):
        path.rename(root / f"share-{number}.txt")


def _write_files(root):
    (root / "note.txt").write_text("Another note.")
    (root / "registry.csv").write_text("patient,name\nP-1,Zebedee Quillfeather\n")
    (root / "names.tsv").write_text("name\nasthma\n")
    (root / "gold.tsv").write_text("asthma\tB-Disease\n\n")
    make_model(root / "other", 1.0)


def _prepare_review(site, root):
    write_review(site.paths.root, "first", root / "page.html")
    digest = (root / "page.html").read_text().split('"digest": "')[1][:64]
    decisions = {make_examples()[0].example_id: "reject"}
    (root / "decisions.json").write_text(json.dumps({"digest": digest, "decisions": decisions}))
    made = make_review(site.paths.root, "found", out="read", reason="study", progress=Silent())
    (root / "saved.json").write_bytes(save(site, made, decide_all(made)))
    run(
        [
            "corpus",
            "export",
            "first",
            "--out",
            str(root / "first.jsonl"),
            "--site",
            str(site.paths.root),
        ]
    )


COMMANDS = {
    "demo": ["--site", "{root}/demo"],
    "init": ["{root}/new", "--profile", "air-gapped"],
    "notes import": ["{root}/note.txt"],
    "notes erase": ["--patient", "P-1"],
    "notes expire": [],
    "notes readmit": ["--patient", "P-gone", "--reason", "consent"],
    "notes search": ["asthma", "--reason", "count", "--save-cohort", "some"],
    "patients import": ["{root}/registry.csv"],
    "task vocabulary": [
        *("{root}/names.tsv", "--format", "tsv", "--label", "Disease", "--out", "{root}/v.tsv"),
    ],
    "synthesize": ["--task", "disease", "--count", "9", "--out", "new"],
    "rounds": ["--task", "disease", "--count", "9", "--rounds", "2", "--out", "new"],
    "corpus export": ["first", "--format", "conll", "--out", "{root}/first.conll"],
    "corpus import": ["{root}/first.jsonl", "--of", "first", "--out", "back"],
    "corpus weigh": ["second", "--adapter", "reader", "--out", "weighed"],
    "corpus review": ["first", "--decisions", "{root}/decisions.json", "--out", "kept"],
    "train": ["--task", "disease", "--corpus", "first", "--base", "tiny", "--out", "new"],
    "evaluate": ["--adapter", "reader", "--gold", "{root}/gold.tsv"],
    "extract": ["--adapter", "reader", "--out", "new"],
    "findings export": ["found", "--format", "jsonl", "--out", "study", "--reason", "study"],
    "findings review": ["found", "--out", "again", "--reason", "study"],
    "findings decide": ["read", "{root}/saved.json"],
    "keys rotate": [],
    "keys wrap": [],
    "keys unwrap": [],
    "adapter promote": ["reader"],
    "adapter retire": ["reader"],
    "model import": ["{root}/other", "--name", "other"],
    "gateway open": ["--reason", "counted-by-hand"],
    "audit run": ["--payloads", "1"],
    "audit plant": ["--count", "2"],
    "release key": ["cleo", "--out", "{root}/cleo.key"],
    "release sign": ["{root}/unsigned", "--key", "{root}/ada.key"],
    "release make": [
        *("corpus", "first", "--approval", "{root}/statement", "--out", "{root}/released"),
    ],
    "ledger witness": ["--to", "{root}/head"],
    "ledger export": ["--out", "{root}/entries.json"],
    "manual": ["--out", "{root}/man1"],
    "support-bundle": ["--out", "{root}/facts.zip"],
    "site migrate": [],
    "backup create": ["--to", "{root}/backups", "--recipient", "{reader}"],
    "backup restore": [
        *("{root}/site.age", "--identity", "{root}/identity.txt", "--to", "{root}/again"),
    ],
    "backup rehearse": ["{root}/site.age", "--identity", "{root}/identity.txt"],
    "backup recovery make": ["--out", "{root}/other.txt"],
    "backup recovery split": [
        *("{root}/identity.txt", "--shares", "2-of-3", "--out", "{root}/more"),
    ],
    "backup recovery combine": [
        *("{root}/share-0.txt", "{root}/share-2.txt", "--out", "{root}/key.txt"),
    ],
    "cluster init": ["--host", "10.0.0.1", "--node", "{root}/node"],
}
SITELESS = {
    *("demo", "init", "task vocabulary", "release key", "release sign", "manual"),
    *("backup restore", "backup recovery make", "backup recovery split"),
    "backup recovery combine",
}


def _words(root, name):
    known = {"root": root, "reader": (root / "reader").read_text()}
    return [*name.split(), *(word.format(**known) for word in COMMANDS[name])]


def _bytes(root):
    """Every file and what is in it; links and directories by name."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - READS))
def test_a_dry_run_leaves_every_byte(world, capsys, name):
    """And it ends with 0 where the run would, and says something."""
    words = [*_words(world, name), "--dry-run"]
    words += [] if name in SITELESS else ["--site", str(world / "site")]
    before = _bytes(world)

    code = run([*words, "--json"])

    out, err = capsys.readouterr()
    assert code == 0, err
    assert json.loads(out) is not None
    assert _bytes(world) == before


@pytest.mark.parametrize(("name", "notes"), [("notes erase", 1), ("notes search", 9)])
def test_a_dry_run_that_reads_notes_keeps_nothing_else(world, capsys, name, notes):
    words = [*_words(world, name), "--dry-run"]
    before = _bytes(world)

    assert run([*words, "--json", "--site", str(world / "site")]) == 0

    assert json.loads(capsys.readouterr().out)["notes"] == notes
    after = _bytes(world)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert all(path.startswith(("site/ledger/", "site/vault/")) for path in changed), changed


def test_an_approval_that_is_only_tried_is_none(tmp_path, capsys):
    """The request waits on, and every byte is as it was."""
    site = make_site(tmp_path / "site", [])
    me = current_identity()
    path = site.paths.policies / "roles.toml"
    text = path.read_text().replace('mode = "owner"', 'mode = "roles"')
    for duty, user in (("researcher", "somebody"), ("privacy-officer", me.user)):
        text = text.replace(
            f"[holders.{duty}]\nusers = []", f'[holders.{duty}]\nusers = ["{user}"]'
        )
    path.write_text(text)
    site = open_site(site.paths.root)
    with pytest.raises(Forbidden) as refusal:
        allow(site, Verb.EXPORT_TEXT, "f out brat", Identity(me.uid + 1, "somebody"))
    request = str(refusal.value).split("approve ")[1].split(" ")[0]
    before = _bytes(tmp_path)

    words = ["access", "approve", request, "--reason", "fine", "--dry-run", "--json"]
    assert run([*words, "--site", str(site.paths.root)]) == 0

    assert json.loads(capsys.readouterr().out)["request"] == request
    assert _bytes(tmp_path) == before


def test_every_changing_command_is_tried():
    assert {*COMMANDS, *ELSEWHERE, "access approve"} == CHANGES
