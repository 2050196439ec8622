"""Nothing leaves without a passing audit, made since, and the signatures of two people."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from appliance.artifacts.manifest import read_manifest
from appliance.cli.main import run
from appliance.errors import BadInput, Denied, KeyMismatch, ManifestMismatch
from appliance.records.audits import COMPLETED, KEPT, PATIENTS, SEARCHED
from appliance.settings.clock import SystemClock
from appliance.settings.release import load_release_policy
from appliance.synthesis.curation.corpus import write_corpus
from appliance.workflows.approvers import make_key, sign
from appliance.workflows.corpus import export_corpus
from appliance.workflows.release import POLICY, ask, release
from appliance.workflows.site import init, open_site
from tests.lib.audited_site import write_reader
from tests.lib.frozen_clock import FrozenClock
from tests.lib.tiny_corpora import make_card, make_examples

ATTACKS = ("ledger", "safeguards", "provenance", "replay", "clear-text-at-rest", "overlap")


def let_pass(site, verdict="pass", untested=(), mark="", began=None, patients=PATIENTS):
    """The site was audited, as far as a release can tell; `mark` makes another report of it."""
    results = [
        {"attack": one, "standing": "not tested" if one in untested else "pass"} for one in ATTACKS
    ]
    entries = site.ledger.head().size if began is None else began
    document = {"results": results, "mark": mark, "entries": entries}
    content = json.dumps({**document, "asked": {SEARCHED: patients}}).encode()
    digest = hashlib.sha256(content).hexdigest()
    (site.paths.reports / KEPT).mkdir(exist_ok=True)
    (site.paths.reports / KEPT / f"{digest}.json").write_bytes(content)
    site.ledger.record(COMPLETED, {"verdict": verdict, "json": digest, "html": "b" * 64})
    return digest


@pytest.fixture
def people(tmp_path):
    """Three people, each with a key of their own."""
    keys = {name: tmp_path / f"{name}.key" for name in ("ada", "ben", "cleo")}
    return keys, {name: make_key(name, path) for name, path in keys.items()}


@pytest.fixture
def site(tmp_path, people):
    """A corpus, an adapter, a passing audit, and Ada and Ben to approve."""
    made = init(tmp_path / "site", "air-gapped")
    lines = [f'{name} = "{people[1][name]}"' for name in ("ada", "ben")]
    path = made.paths.policies / POLICY
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    made = open_site(tmp_path / "site")
    examples = make_examples()
    digest = write_corpus(
        made.paths.corpora / "first", make_card("first", "disease", examples), examples
    )
    made.ledger.record("corpus.written", {"corpus": "first", "digest": digest})
    write_reader(made, digest)
    let_pass(made)
    return made


@pytest.fixture
def approved(site, people, tmp_path):
    """A statement that both have signed, in one file."""
    ask(site.paths.root, "corpus", "first", tmp_path / "statement")
    for name in ("ada", "ben"):
        sign(tmp_path / "statement", people[0][name])
    return tmp_path / "statement"


def _let(site, approvals, out, kind="corpus", name="first"):
    return release(site.paths.root, kind, name, approvals, out)


def test_what_two_people_approved_leaves_whole_and_on_record(site, approved, tmp_path):
    done = _let(site, [approved], tmp_path / "out")

    assert done.approvers == ("ada", "ben")
    assert read_manifest(tmp_path / "out", "corpus").digest == done.statement.digest
    assert (tmp_path / "out" / "approval-1.txt").read_bytes() == approved.read_bytes()
    log = (site.paths.ledger / "entries.log").read_text()
    assert '"approvers":"ada+ben"' in log
    with pytest.raises(BadInput, match="already"):
        _let(site, [approved], tmp_path / "out")


def test_signatures_may_come_in_files_of_their_own(site, people, tmp_path):
    files = []
    for name in ("ada", "ben"):
        files.append(tmp_path / f"by-{name}")
        ask(site.paths.root, "adapter", "reader", files[-1])
        sign(files[-1], people[0][name])

    assert _let(site, files, tmp_path / "out", "adapter", "reader").approvers == ("ada", "ben")


def test_one_person_is_not_enough_however_often(site, people, tmp_path):
    """Nor one who is not listed, nor a name without its key."""
    ask(site.paths.root, "corpus", "first", tmp_path / "s")
    sign(tmp_path / "s", people[0]["ada"])
    with pytest.raises(BadInput, match="already"):
        sign(tmp_path / "s", people[0]["ada"])
    sign(tmp_path / "s", people[0]["cleo"])
    make_key("ben", tmp_path / "false.key")
    sign(tmp_path / "s", tmp_path / "false.key")

    with pytest.raises(Denied, match="1 of 2 approvals"):
        _let(site, [tmp_path / "s", tmp_path / "s"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [("corpus first", "corpus other"), ("digest ", "digest 0"), ("audit ", "audit 0")],
)
def test_a_statement_that_was_changed_counts_for_nothing(site, approved, tmp_path, old, new):
    approved.write_text(approved.read_text().replace(old, new, 1))

    with pytest.raises(Denied, match="0 of 2"):
        _let(site, [approved], tmp_path / "out")


def test_an_approval_is_for_one_audit(site, approved, tmp_path):
    """After another audit people look again."""
    let_pass(site, mark="another")

    with pytest.raises(Denied, match="0 of 2"):
        _let(site, [approved], tmp_path / "out")


def test_without_an_audit_that_counts_nothing_leaves(site, approved, tmp_path):
    """One that failed, or none that saw the product made."""
    examples = make_examples()[:-1]
    card = make_card("second", "disease", examples)
    write_corpus(site.paths.corpora / "second", card, examples)
    with pytest.raises(Denied, match="no event"):
        _let(site, [approved], tmp_path / "out", name="second")

    let_pass(site, "fail")
    with pytest.raises(Denied, match="failed"):
        _let(site, [approved], tmp_path / "out")


@pytest.mark.parametrize("untested", ATTACKS)
def test_what_was_not_tested_is_no_pass(site, untested):
    """A corpus needs them all; for an adapter overlap says nothing."""
    let_pass(site, untested=[untested])

    with pytest.raises(Denied, match=untested):
        ask(site.paths.root, "corpus", "first")
    if untested == "overlap":
        assert ask(site.paths.root, "adapter", "reader").kind == "adapter"


def test_an_audit_that_was_asked_to_look_at_less_does_not_count(site):
    """Whoever lets something out can't choose how little is searched for."""
    let_pass(site, patients=PATIENTS - 1)

    with pytest.raises(Denied, match="1999 patients at most"):
        ask(site.paths.root, "corpus", "first")


def test_what_speaks_for_the_product_counts_where_something_else_could_not_be_tried(site):
    let_pass(site, "incomplete")

    assert ask(site.paths.root, "corpus", "first").kind == "corpus"


def test_a_report_that_is_gone_or_altered_is_no_pass(site):
    path = site.paths.reports / KEPT / f"{let_pass(site)}.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Denied, match="altered"):
        ask(site.paths.root, "corpus", "first")

    path.unlink()
    with pytest.raises(Denied, match="gone"):
        ask(site.paths.root, "corpus", "first")


def test_an_audit_before_the_product_does_not_count(site):
    examples = make_examples()[:-1]
    directory = site.paths.corpora / "second"
    digest = write_corpus(directory, make_card("second", "disease", examples), examples)
    site.ledger.record("corpus.written", {"corpus": "second", "digest": digest})

    with pytest.raises(Denied, match="no audit since"):
        ask(site.paths.root, "corpus", "second")


def test_an_audit_that_began_before_the_product_does_not_count(site):
    began = site.ledger.head().size
    examples = make_examples()[:-1]
    directory = site.paths.corpora / "second"
    digest = write_corpus(directory, make_card("second", "disease", examples), examples)
    site.ledger.record("corpus.written", {"corpus": "second", "digest": digest})
    let_pass(site, began=began)

    with pytest.raises(Denied, match="began before"):
        ask(site.paths.root, "corpus", "second")


def test_only_what_was_signed_leaves(site, approved, tmp_path):
    """Neither what lies beside it nor what links lead to."""
    source = site.paths.corpora / "first"
    (source / "extra.txt").write_text("not signed")
    (source / ".hidden").write_text("not signed")
    (source / "link").symlink_to(site.paths.policies / POLICY)
    files = {*read_manifest(source, "corpus").files, "manifest.json", "approval-1.txt"}

    _let(site, [approved], tmp_path / "out")

    assert {path.name for path in (tmp_path / "out").iterdir()} == files


def test_an_old_audit_and_one_under_other_policies_do_not_count(tmp_path, site, approved):
    path = site.paths.policies / "retention.toml"
    path.write_text(path.read_text().replace("journal = 365", "journal = 30"))
    with pytest.raises(Denied, match="Policies were changed"):
        _let(site, [approved], tmp_path / "out")

    past = FrozenClock(SystemClock().now() - timedelta(days=40))
    old = init(tmp_path / "old", "air-gapped", past)
    examples = make_examples()
    card = make_card("first", "disease", examples)
    digest = write_corpus(old.paths.corpora / "first", card, examples)
    old.ledger.record("corpus.written", {"corpus": "first", "digest": digest})
    let_pass(old)
    with pytest.raises(Denied, match="days old"):
        ask(old.paths.root, "corpus", "first")


def test_what_was_derived_from_notes_never_leaves(site):
    """Whoever signs."""
    import shutil

    shutil.rmtree(site.paths.adapters / "reader")
    write_reader(site, read_manifest(site.paths.corpora / "first", "corpus").digest, site_only=True)
    let_pass(site)

    with pytest.raises(Denied, match="never leaves"):
        ask(site.paths.root, "adapter", "reader")


def test_a_product_that_was_changed_does_not_leave(site, approved, tmp_path):
    path = site.paths.corpora / "first" / "train.parquet"
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(ManifestMismatch):
        _let(site, [approved], tmp_path / "out")


def test_exports_ask_for_a_release_where_the_policy_says_so(site, people, tmp_path):
    """As shipped they do not, and are on record either way."""
    assert list(export_corpus(site.paths.root, "first", "jsonl"))
    assert '"kind":"corpus.exported"' in (site.paths.ledger / "entries.log").read_text()
    path = site.paths.policies / POLICY
    path.write_text(path.read_text().replace("_release = false", "_release = true"))
    let_pass(open_site(site.paths.root))
    ask(site.paths.root, "corpus", "first", tmp_path / "s")
    sign(tmp_path / "s", people[0]["ada"])

    with pytest.raises(Denied, match="1 of 2"):
        export_corpus(site.paths.root, "first", "jsonl", None, [tmp_path / "s"])
    sign(tmp_path / "s", people[0]["ben"])
    assert list(export_corpus(site.paths.root, "first", "jsonl", None, [tmp_path / "s"]))


def test_a_key_that_others_can_read_is_refused(people, approved):
    people[0]["cleo"].chmod(0o644)

    with pytest.raises(KeyMismatch):
        sign(approved, people[0]["cleo"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("approvals = 2", "approvals = 1"),
        ("audit_days = 30", "audit_days = 365"),
        ("version = 1", "version = 1\nmore = 1"),
        ("[approvers]", '[approvers]\nada = "ben+00000000+AAAA"'),
        ("[approvers]", "[approvers"),
    ],
)
def test_a_policy_that_is_looser_or_no_policy_is_refused(tmp_path, old, new):
    site = init(tmp_path / "site", "air-gapped")
    path = site.paths.policies / POLICY
    assert load_release_policy(path).approvals == 2
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(BadInput):
        load_release_policy(path)


def test_two_names_with_one_key_are_one_person(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    key = make_key("ada", tmp_path / "k")
    path = site.paths.policies / POLICY
    path.write_text(path.read_text() + f'ada = "{key}"\nben = "{key}"\n')

    with pytest.raises(BadInput, match="another name"):
        load_release_policy(path)
    false = path.read_text()
    path.write_text(false.replace(f'ben = "{key}"', f'ben = "ben{key.removeprefix("ada")}"'))
    with pytest.raises(BadInput, match="one key"):
        load_release_policy(path)


def test_the_commands_lead_from_key_to_copy(site, tmp_path, capsys):
    root = ["--site", str(site.paths.root)]
    assert run(["release", "key", "dora", "--out", str(tmp_path / "dora.key"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verifier_key"].startswith("dora+")
    statement = str(tmp_path / "s")
    assert run(["release", "ask", "corpus", "first", "--out", statement, *root]) == 0
    assert capsys.readouterr().out == (tmp_path / "s").read_text()
    for name in ("ada", "ben"):
        assert run(["release", "sign", statement, "--key", str(tmp_path / f"{name}.key")]) == 0
    words = ["release", "make", "corpus", "first", "--out", str(tmp_path / "out"), *root]

    assert run([*words, "--approval", str(tmp_path / "nothing")]) == 2
    assert run([*words, "--approval", statement, "--dry-run"]) == 0
    assert not (tmp_path / "out").exists()
    assert run([*words, "--approval", statement]) == 0
    assert "approved by ada and ben" in capsys.readouterr().err
    assert run(["release", "ask", "corpus", "nothing", *root]) == 2


def test_a_card_of_another_corpus_does_not_borrow_an_approval(site, approved, tmp_path):
    """The digest is what was approved, not the name."""
    import shutil

    examples = make_examples()[:-2]
    card = replace(make_card("first", "disease", examples), name="first")
    shutil.rmtree(site.paths.corpora / "first")
    digest = write_corpus(site.paths.corpora / "first", card, examples)
    site.ledger.record("corpus.written", {"corpus": "first", "digest": digest})
    let_pass(site)

    with pytest.raises(Denied, match="0 of 2"):
        _let(site, [approved], tmp_path / "out")
