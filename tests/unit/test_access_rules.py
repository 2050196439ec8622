"""Roles by verbs: what the table grants, and nothing else; and the second person."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Thread

import pytest

from appliance.cli.main import run
from appliance.errors import BadInput, Forbidden
from appliance.ledger.proofs import read_bodies
from appliance.records.access import AccessRules, Duty, Holders, Identity, Verb, is_allowed
from appliance.settings.policies import shipped_policies
from appliance.settings.roles import FILE, current_identity, load_roles
from appliance.workflows.access import allow, approve
from appliance.workflows.site import init, open_site

OWNER = 1000
SHIPPED = load_roles(shipped_policies())
RULES = AccessRules(
    by_roles=True,
    holders={duty: Holders(frozenset({f"u-{duty}"}), frozenset({f"g-{duty}"})) for duty in Duty},
    verbs=SHIPPED.verbs,
    two_persons=SHIPPED.two_persons,
    days=7,
)
# Written out by hand: the table that a person agreed to.
GRANTED = {
    Duty.INSTALLER: {"keys.rotate", "site.backup", "cluster.admit", "console.open"},
    Duty.OPERATOR: {
        *("notes.import", "notes.rejected", "notes.count", "patients.import", "findings.extract"),
        *("notes.learn", "console.open", "console.traffic", "console.audits", "corpus.review"),
        *("release.ask", "site.backup"),
    },
    Duty.RESEARCHER: {
        *("notes.count", "notes.show", "notes.show-text", "notes.search", "findings.extract"),
        *("findings.export", "findings.export-text", "findings.count", "notes.learn"),
        "findings.review",
        *("console.open", "corpus.review"),
    },
    Duty.AUDITOR: {
        *("notes.count", "findings.count", "console.open", "console.traffic", "console.audits"),
        "console.ledger",
    },
    Duty.PRIVACY_OFFICER: {
        *("notes.count", "notes.show", "notes.show-text", "notes.erase", "findings.count"),
        *("access.approve", "console.open", "console.traffic", "console.audits", "console.ledger"),
        "release.ask",
    },
}
ANN, BEN, CYD = Identity(2001, "ann"), Identity(2002, "ben"), Identity(2003, "cyd")


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("duty", list(Duty))
def test_only_what_the_table_grants_is_allowed(duty, verb):
    """By a user's own name or a group's; the site's owner has no role by owning it."""
    granted = verb in GRANTED[duty]

    assert is_allowed(RULES, Identity(1, f"u-{duty}"), OWNER, verb) == granted
    assert is_allowed(RULES, Identity(1, "x", frozenset({f"g-{duty}"})), OWNER, verb) == granted
    assert not is_allowed(RULES, Identity(OWNER, "root"), OWNER, verb)


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize(
    "who",
    [
        Identity(1, None),
        Identity(1, ""),
        Identity(1, None, frozenset({"g-researcher", "g-operator", "g-privacy-officer"})),
        Identity(1, "nobody"),
        Identity(1, "U-RESEARCHER"),
        Identity(1, "researcher"),
        Identity(OWNER, None),
    ],
)
def test_what_is_missing_is_refused(who, verb):
    """No name, no such name, no rule for the verb, no holders of the role."""
    known = Identity(1, "u-researcher", frozenset({"g-operator"}))

    assert not is_allowed(RULES, who, OWNER, verb)
    for rules in (
        AccessRules(True, {}, RULES.verbs, frozenset(), 7),
        AccessRules(True, RULES.holders, {}, frozenset(), 7),
        AccessRules(True, {}, {}, frozenset(), 7),
    ):
        assert not is_allowed(rules, known, OWNER, verb)


@pytest.mark.parametrize("verb", list(Verb))
def test_as_shipped_the_owner_may_and_nobody_else(verb):
    """Root neither: it can read the disk, but not by way of this program."""
    assert is_allowed(SHIPPED, Identity(OWNER, None), OWNER, verb)
    assert not is_allowed(SHIPPED, Identity(0, "root"), OWNER, verb)


def test_every_verb_has_its_row():
    """One that was forgotten would be refused to everybody."""
    assert set(SHIPPED.verbs) == set(Verb)
    assert {verb for granted in GRANTED.values() for verb in granted} == set(Verb)


def test_who_somebody_is_no_variable_says(monkeypatch):
    """The kernel's number of the user counts."""
    before = current_identity()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "privacy-officer")

    assert current_identity() == before
    assert before.uid == os.geteuid()


@pytest.fixture
def site(tmp_path):
    """By roles: Ann does research, Ben and Cyd see to privacy, Cyd does research too."""
    site = init(tmp_path / "site", "air-gapped")
    path = site.paths.policies / FILE
    text = path.read_text().replace('mode = "owner"', 'mode = "roles"')
    for duty, users in (("researcher", '"ann", "cyd"'), ("privacy-officer", '"ben", "cyd"')):
        head = f"[holders.{duty}]\nusers = ["
        assert head in text
        text = text.replace(head, f"{head}{users}")
    path.write_text(text)
    return open_site(site.paths.root)


def ask(site, who, subject="f out brat"):
    with pytest.raises(Forbidden) as refused:
        allow(site, Verb.EXPORT_TEXT, subject, who)
    assert refused.value.exit_code == 5
    return refused.value.next_step.split("approve ")[1].split()[0]


def test_a_second_person_approves_once_and_nobody_their_own(site):
    """Somebody else, for this person's very request, for one time."""
    request = ask(site, ANN)
    with pytest.raises(Forbidden):
        approve(site.paths.root, request, "fine", ANN)
    assert ask(site, ANN) == request

    assert approve(site.paths.root, request, "fine", BEN).asked_by == "ann"

    assert ask(site, ANN, "f other brat") != request
    assert ask(site, CYD) != request
    allow(site, Verb.EXPORT_TEXT, "f out brat", ANN)
    ask(site, ANN)


def test_text_of_many_notes_at_once_needs_a_second_person(site):
    """As shipped, of more than two hundred; who reads a few reads alone."""
    allow(site, Verb.SHOW_TEXT, "review", ANN, notes=200)
    with pytest.raises(Forbidden) as refused:
        allow(site, Verb.SHOW_TEXT, "review", ANN, notes=201)
    allow(site, Verb.SHOW_TEXT, "review", ANN, notes=201, with_second=False)
    request = refused.value.next_step.split("approve ")[1].split()[0]

    approve(site.paths.root, request, "fine", BEN)

    allow(site, Verb.SHOW_TEXT, "review", ANN, notes=201)
    with pytest.raises(Forbidden, match="second person"):
        allow(site, Verb.SHOW_TEXT, "review", ANN, notes=201)


def test_nobody_approves_their_own_even_with_both_roles(site):
    """Cyd may do research and may approve, but not both at once."""
    request = ask(site, CYD)

    with pytest.raises(Forbidden, match="own request"):
        approve(site.paths.root, request, "fine", CYD)

    approve(site.paths.root, request, "fine", BEN)
    allow(site, Verb.EXPORT_TEXT, "f out brat", CYD)


def test_an_approval_grows_old(site):
    """After the days of the policy it has to be asked for again."""
    approve(site.paths.root, ask(site, ANN), "fine", BEN)

    class Later:
        def now(self):
            return type(site.clock)().now() + timedelta(days=8)

    late = open_site(site.paths.root, Later())
    ask(late, ANN)


def test_a_changed_policy_makes_approvals_void(site):
    """What was approved was approved under other rules."""
    approve(site.paths.root, ask(site, ANN), "fine", BEN)
    (site.paths.policies / FILE).open("a").write("# looser\n")

    ask(open_site(site.paths.root), ANN)


def test_what_was_never_asked_can_not_be_approved(site):
    """A number that was made up."""
    with pytest.raises(BadInput, match="Nobody has asked"):
        approve(site.paths.root, "0" * 24, "fine", BEN)


def test_refusals_are_on_record_without_names_of_patients(site):
    """Verb and number of the user."""
    with pytest.raises(Forbidden):
        allow(site, Verb.ERASE, "mrn-Zebedee", ANN)
    with pytest.raises(Forbidden):
        allow(site, Verb.ERASE, "mrn-Zebedee", BEN)

    bodies = list(read_bodies(site.paths.ledger, site.ledger.head().size))
    kinds = [json.loads(body)["kind"] for body in bodies]
    assert kinds[-2:] == ["access.refused", "access.asked"]
    assert not any(b"Zebedee" in body for body in bodies)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 3"),
        ('mode = "owner"', 'mode = "anybody"'),
        ('"notes.import" =', '"notes.imports" ='),
        ('["operator"]', '["operators"]'),
        ("[holders.auditor]", "[holders.auditors]"),
        ("[verbs]", "[verbs"),
    ],
)
def test_rules_that_are_broken_allow_nothing(tmp_path, old, new):
    """Not even to the owner."""
    site = init(tmp_path / "site", "air-gapped")
    path = site.paths.policies / FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    assert run(["notes", "count", "--site", str(site.paths.root)]) == 2
    path.unlink()
    assert run(["notes", "count", "--site", str(site.paths.root)]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["notes", "count"],
        ["notes", "import", "/dev/null"],
        ["notes", "rejected"],
        ["notes", "show", "n-1", "--reason", "x"],
        ["notes", "show", "n-1", "--reason", "x", "--show-text"],
        ["notes", "search", "x", "--reason", "x"],
        ["notes", "erase", "--patient", "1", "--yes"],
        ["notes", "expire", "--yes"],
        ["notes", "expire", "--dry-run"],
        ["notes", "readmit", "--patient", "1", "--reason", "consent"],
        ["findings", "review", "f", "--out", "r", "--reason", "x"],
        ["findings", "decide", "f", "/dev/null"],
        ["findings", "reviewed", "f"],
        ["keys", "rotate"],
        ["patients", "import", "/dev/null"],
        ["extract", "--adapter", "a", "--out", "f"],
        ["extract", "--adapter", "a", "--out", "f", "--dry-run"],
        ["findings", "export", "f", "--format", "omop", "--out", "x", "--reason", "x"],
        ["findings", "count", "f"],
        ["access", "approve", "1", "--reason", "x"],
    ],
)
def test_every_command_asks_before_it_does_anything(site, words, capfd):
    """Whoever runs these tests has no role in that site: exit code 5, and the ledger knows."""
    before = site.ledger.head().size

    assert run([*words, "--site", str(site.paths.root)]) == 5

    assert "may not do" in capfd.readouterr().err
    assert open_site(site.paths.root).ledger.head().size == before + 1


def test_one_can_see_what_one_may_do(site, capfd):
    """Nothing, here."""
    assert run(["access", "verbs", "--site", str(site.paths.root), "--json"]) == 0

    rows = json.loads(capfd.readouterr().out)
    assert not any(row["is_allowed"] for row in rows)
    assert {row["verb"] for row in rows if row["needs_second"]} == {
        "findings.export-text",
        "notes.erase",
    }


def test_an_approval_that_was_used_and_grew_old_counts_against_no_new_one(site):
    """One approval is enough the second time too."""
    approve(site.paths.root, ask(site, ANN), "fine", BEN)
    allow(site, Verb.EXPORT_TEXT, "f out brat", ANN)

    class Later:
        def now(self):
            return type(site.clock)().now() + timedelta(days=8)

    late = open_site(site.paths.root, Later())
    request = ask(late, ANN)
    late.ledger.record(
        "access.approved",
        {"request": request, "verb": Verb.EXPORT_TEXT, "uid": BEN.uid, "reason": "fine"},
    )

    allow(late, Verb.EXPORT_TEXT, "f out brat", ANN)
    ask(late, ANN)


def test_one_request_is_approved_once_at_a_time(site):
    """Twice approved, it would be carried out twice; a dry run says the same."""
    request = ask(site, ANN)
    approve(site.paths.root, request, "fine", BEN)

    for dry_run in (True, False):
        with pytest.raises(BadInput, match="approved already"):
            approve(site.paths.root, request, "fine", CYD, dry_run=dry_run)

    allow(site, Verb.EXPORT_TEXT, "f out brat", ANN)
    ask(site, ANN)


def test_one_use_uses_up_all_approvals_of_a_request(site):
    """Should there be two on record after all, there is one use."""
    request = ask(site, ANN)
    for who in (BEN, CYD):
        facts = {"request": request, "verb": Verb.EXPORT_TEXT, "uid": who.uid, "reason": "fine"}
        site.ledger.record("access.approved", facts)

    allow(site, Verb.EXPORT_TEXT, "f out brat", ANN)
    ask(site, ANN)


def test_what_grew_old_is_approved_anew(site):
    """An approval that nobody can use any more is in nobody's way."""
    request = ask(site, ANN)
    late = {"request": request, "verb": Verb.EXPORT_TEXT, "uid": BEN.uid, "reason": "fine"}

    class Earlier:
        def now(self):
            return type(site.clock)().now() - timedelta(days=8)

    open_site(site.paths.root, Earlier()).ledger.record("access.approved", late)

    approve(site.paths.root, request, "fine", BEN)
    allow(site, Verb.EXPORT_TEXT, "f out brat", ANN)


class MeetingLedger:
    """Whoever is about to record waits a moment for another who is."""

    def __init__(self, ledger):
        self._ledger = ledger
        self._meeting = Barrier(2, timeout=0.4)

    def record(self, kind, facts):
        if kind == "access.used":
            with suppress(BrokenBarrierError):
                self._meeting.wait()
        return self._ledger.record(kind, facts)

    def head(self):
        return self._ledger.head()


def test_of_two_at_once_one_uses_the_approval(site):
    """However close they come: the second finds it used."""
    approve(site.paths.root, ask(site, ANN), "fine", BEN)
    meeting = replace(site, ledger=MeetingLedger(site.ledger))
    ends = []

    def go():
        try:
            allow(meeting, Verb.EXPORT_TEXT, "f out brat", ANN)
            ends.append("done")
        except Forbidden:
            ends.append("refused")

    threads = [Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ends) == ["done", "refused"]


def test_what_was_carried_out_is_approved_no_second_time(site):
    """It has to be asked for again."""
    request = ask(site, ANN)
    approve(site.paths.root, request, "fine", BEN)
    allow(site, Verb.EXPORT_TEXT, "f out brat", ANN)

    with pytest.raises(BadInput, match="Nobody has asked"):
        approve(site.paths.root, request, "fine", BEN)


def test_an_approval_is_for_one_note_one_search_one_extraction(site, capfd):
    """Not for the verb: each asks under a number of its own, and a dry run under none."""
    path = site.paths.policies / FILE
    name = current_identity().user
    text = path.read_text().replace('users = ["ann", "cyd"', f'users = ["ann", "cyd", "{name}"')
    more = '"notes.show-text", "findings.extract"'
    assert "verbs = [" in text
    path.write_text(text.replace("verbs = [", f"verbs = [{more}, "))
    where = ["--site", str(site.paths.root)]
    requests = []

    for words in (
        ["notes", "show", "n-1", "--reason", "study", "--show-text"],
        ["notes", "show", "n-2", "--reason", "study", "--show-text"],
        ["notes", "search", "fever", "--reason", "study", "--show-text"],
        ["notes", "search", "gout", "--reason", "study", "--show-text"],
        ["extract", "--adapter", "a", "--out", "f"],
        ["extract", "--adapter", "b", "--out", "f"],
    ):
        assert run([*words, *where]) == 5
        requests.append(capfd.readouterr().err.split("approve ")[1].split()[0])

    assert len(set(requests)) == len(requests)
    assert run(["extract", "--adapter", "a", "--out", "f", "--dry-run", *where]) != 5
