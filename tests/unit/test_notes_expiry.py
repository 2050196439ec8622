"""Notes past the policy's limit are gone from all of the site, and no export brings them back."""

import io
import json
from datetime import timedelta

import pytest

from appliance.cli.main import run
from appliance.clinical.extraction import scrubbing
from appliance.clinical.extraction.formats import OutputFormat
from appliance.clinical.extraction.reading import open_findings
from appliance.clinical.intake.rejections import Place, Reason, Rejected
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput, Forbidden
from appliance.gate.overlap.detector import NoteOverlap
from appliance.gate.overlap.fingerprints import FILE, Fingerprints
from appliance.ledger.proofs import read_bodies
from appliance.records.access import Identity
from appliance.records.notes import SourceNote, withdrawal_of
from appliance.records.progress import Silent
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.roles import current_identity
from appliance.workflows import expiry as workflow
from appliance.workflows.access import approve
from appliance.workflows.checks.contents import CONTENT_CHECKS
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import view
from appliance.workflows.cohorts import read_cohort, save_cohort
from appliance.workflows.expiry import expire
from appliance.workflows.findings import export
from appliance.workflows.ingest import import_notes, import_stream, opened_vault, read_rejected
from appliance.workflows.notes import count
from appliance.workflows.search import search
from appliance.workflows.site import init, open_site
from tests.lib.frozen_clock import DAWN, FrozenClock
from tests.lib.note_limit import set_limit
from tests.lib.read_site import read_notes

LIMIT = 365
LAST = (DAWN - timedelta(days=LIMIT)).date().isoformat()
OLD = (DAWN - timedelta(days=LIMIT + 1)).date().isoformat()
NOW = FrozenClock()
DOCTOR = {check.check_id: check for check in CONTENT_CHECKS}
# Nobody else's words are in any of them.
TEXTS = {
    "old": "the gulls had warned him of asthma and he asked them to feed the three goats at dusk",
    "first": "he sings of gout in the choir of the harbour church and repairs the nets at night",
    "withdrawn": "she teaches the cello and has fever with the children of the upper town bakers",
    "lone": "no aspirin for whoever mends the clocks of four villages over the frozen mill lake",
    "last": "his asthma came with the seven pigeons that live under the roof of the old school",
    "undated": "on aspirin since the ferry was late and the band of the firemen played on the pier",
}
GONE = {"old", "first", "withdrawn", "lone"}
STAYS = {"last", "undated"}


def note(name, patient, day, text=None):
    return SourceNote(f"src-{name}", patient, "letter", day, f"Told that {text or TEXTS[name]}.")


@pytest.fixture
def bare(tmp_path):
    """Notes past the limit of someone who has others, of nobody, changed, and taken back."""
    site = init(tmp_path / "site", "air-gapped", NOW)
    import_stream(site, [note("first", "P-1", OLD), note("withdrawn", "P-2", OLD)], Silent())
    import_stream(
        site,
        [
            note("first", "P-1", OLD, "he is well."),
            withdrawal_of("src-withdrawn", "P-2"),
            note("old", "P-1", "1999-12-31"),
            note("lone", None, OLD),
            note("last", "P-1", LAST),
            note("undated", "P-3", ""),
        ],
        Silent(),
    )
    set_limit(site.paths.policies, LIMIT)
    return open_site(site.paths.root, NOW)


@pytest.fixture
def site(bare):
    """The same, and all that can be made of notes."""
    read_notes(bare, "parquet", OutputFormat.PARQUET, notes_per_part=2)
    read_notes(bare, "jsonl", OutputFormat.JSONL, notes_per_part=2)
    root = bare.paths.root
    search(root, "told", "check", Silent(), kind=None, cohort="told")
    export(
        root,
        "jsonl",
        out="all",
        output_format="jsonl",
        reason="a-study",
        with_text=True,
        progress=Silent(),
    )
    (bare.paths.findings / ".half.partial").mkdir()
    return bare


def ids(site, names):
    with opened_vault(site) as vault:
        return {vault.note_id_of(f"src-{name}") for name in names}


def known(site):
    """What the gate would find a copy of."""
    key = FileKeys(site.paths.keys).key(Purpose.PATIENT_INDEX)
    detector = NoteOverlap.load(site.paths.vault / FILE, key)
    return {name for name, text in TEXTS.items() if detector.detect([text])[0]}


def rows(site, table):
    with opened_vault(site) as vault:
        return vault._connection.execute(f"SELECT note_id FROM {table}").fetchall()


def pages(site):
    """What SQLite keeps of the words of the search's index."""
    with opened_vault(site) as vault:
        found = vault._connection.execute("SELECT block FROM words_data").fetchall()
    return b"".join(bytes(block) for (block,) in found)


def events(site, kind):
    bodies = read_bodies(site.paths.ledger, open_site(site.paths.root).ledger.head().size)
    return [one["facts"] for one in map(json.loads, bodies) if one["kind"] == kind]


def check_gone(site):
    gone, stay = ids(site, GONE), ids(site, STAYS)
    for name in ("parquet", "jsonl"):
        assert set(dict(open_findings(site.paths.findings / name)[1])) == stay
    for path in site.paths.root.rglob("*"):
        if path.is_file() and path.parent.name != "ledger":
            content = path.read_bytes()
            assert not [one for one in gone if one.encode() in content], path.name
    for table in ("notes", "bodies", "indexed"):
        assert {row[0] for row in rows(site, table)} == stay, table
    assert set(read_cohort(site, "told").note_ids) == stay
    assert known(site) == STAYS
    with opened_vault(site) as vault:
        assert not vault.is_expiring()


def test_what_is_past_the_limit_is_nowhere_in_the_site(site):
    """All versions, withdrawn ones too; what lies on the limit's last day stays as it was."""
    before = {name: dict(open_findings(site.paths.findings / name)[1]) for name in ("jsonl",)}
    stay = ids(site, STAYS)
    assert b"villages" in pages(site)

    done = expire(site.paths.root, clock=NOW)

    assert (done.notes, done.undated, done.before, done.days) == (4, 1, LAST, LIMIT)
    assert (done.exports, done.adapters, done.is_dry_run) == (1, 0, False)
    check_gone(site)
    assert (b"villages" in pages(site), b"school" in pages(site)) == (False, True)
    after = dict(open_findings(site.paths.findings / "jsonl")[1])
    assert after == {one: before["jsonl"][one] for one in stay}
    again = expire(site.paths.root, clock=NOW)
    assert (again.notes, again.undated, again.is_dry_run) == (0, 1, False)


def test_the_expiry_is_on_record_in_counts(site):
    """The limit, the day, how many; and no second event where nothing is past the limit."""
    done = expire(site.paths.root, clock=NOW)
    expire(site.paths.root, clock=NOW)

    [facts] = events(site, workflow.EXPIRED)
    assert facts == {
        "notes": 4,
        "undated": 1,
        "days": LIMIT,
        "before": LAST,
        "findings": done.findings,
        "exports": 1,
        "adapters": 0,
    }
    assert done.findings > 0
    assert events(site, "vault.expired") == [{"notes": 4, "before": LAST}]


def test_a_dry_run_counts_and_leaves_everything(site):
    found = expire(site.paths.root, dry_run=True, clock=NOW)

    assert (found.notes, found.undated, found.is_dry_run) == (4, 1, True)
    assert {row[0] for row in rows(site, "notes")} == ids(site, GONE | STAYS)
    assert events(site, workflow.EXPIRED) == []
    assert (site.paths.exports / "all").is_dir()


def test_a_day_later_the_last_day_is_past_the_limit(bare):
    """It may lie there for so many days after the one on which it was written, and not longer."""
    expire(bare.paths.root, clock=NOW)
    tomorrow = FrozenClock(DAWN + timedelta(days=1))

    assert expire(bare.paths.root, clock=tomorrow).notes == 1
    assert count(bare.paths.root) == {"letter": 1}


class Killed(BaseException):
    """As a signal would."""


STEPS = (
    (scrubbing, "write_manifest"),
    (scrubbing, "_exchange"),
    (Vault, "begin_expiry"),
    (Vault, "erase_outlived"),
    (workflow, "erase_notes"),
    (workflow, "forget_but_present"),
    (Fingerprints, "forget"),
    (Fingerprints, "finish"),
    (Vault, "end_expiry"),
)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(12))
def test_an_expiry_killed_anywhere_is_gone_on_with(site, monkeypatch, step, after):
    """Before or after every step; the second run finishes the first."""
    countdown = [step]

    def dying(real):
        def call(*arguments, **options):
            countdown[0] -= 1
            is_last = countdown[0] == -1
            if is_last and not after:
                raise Killed
            result = real(*arguments, **options)
            if is_last:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, dying(getattr(owner, name)))
        try:
            expire(site.paths.root, clock=NOW)
        except Killed:
            patched.undo()
            expire(site.paths.root, clock=NOW)

    check_gone(site)


def test_an_expiry_that_was_begun_is_ended_though_the_limit_is_gone(site, monkeypatch):
    """What the vault has lost is lost elsewhere too; nothing more is erased."""
    with monkeypatch.context() as patched:
        patched.setattr(workflow, "forget_but_present", _die)
        with pytest.raises(Killed):
            expire(site.paths.root, clock=NOW)
    policy = site.paths.policies / "retention.toml"
    policy.write_text(policy.read_text().replace(f"notes = {LIMIT}\n", ""))
    outcome = DOCTOR["SITE026"].run(view(site.paths, NOW))
    assert (outcome.status, "not ended" in outcome.evidence) == (Status.WARN, True)

    done = expire(site.paths.root, clock=NOW)

    assert (done.notes, done.days, done.before) == (0, 0, "")
    check_gone(site)
    with pytest.raises(BadInput, match="no limit for notes"):
        expire(site.paths.root, clock=NOW)


def _die(*_):
    raise Killed


def test_a_note_that_came_again_with_a_later_date_meanwhile_stays(bare):
    """Begun, killed, corrected by an import, gone on with."""
    with opened_vault(bare) as vault:
        vault.begin_expiry(LAST)
    import_stream(bare, [note("lone", None, LAST)], Silent())

    assert expire(bare.paths.root, clock=NOW).notes == 3

    assert {row[0] for row in rows(bare, "notes")} == ids(bare, STAYS | {"lone"})
    assert known(bare) == STAYS | {"lone"}


def test_more_than_fit_one_transaction_are_erased(bare):
    """Some at a time, to the last."""
    many = (SourceNote(f"m-{n}", f"P-{n}", "", OLD, f"{n}: well.") for n in range(600))
    import_stream(bare, many, Silent())

    assert expire(bare.paths.root, clock=NOW).notes == 604
    assert {row[0] for row in rows(bare, "bodies")} == ids(bare, STAYS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("notes = 365", "notes = 0"),
        ("notes = 365", 'notes = "365"'),
        ("notes = 365", "notes = 36.5"),
        ("notes = 365", "note = 365"),
        ("version = 1", "version = 2"),
        ("run = 7\n", ""),
        ("[days]", "[day]"),
    ],
)
def test_a_broken_policy_is_refused_and_never_taken_for_no_limit(bare, tmp_path, old, new):
    """By what erases and by what takes in."""
    policy = bare.paths.policies / "retention.toml"
    policy.write_text(policy.read_text().replace(old, new, 1))
    (tmp_path / "new.txt").write_text("New.")

    with pytest.raises(BadInput, match=r"retention\.toml"):
        expire(bare.paths.root, clock=NOW)
    with pytest.raises(BadInput, match=r"retention\.toml"):
        import_notes(bare.paths.root, [tmp_path / "new.txt"], Silent(), clock=NOW)
    assert sum(count(bare.paths.root).values()) == 5
    assert DOCTOR["SITE026"].run(view(bare.paths, NOW)).status is Status.FAIL


def test_no_export_brings_back_what_is_past_the_limit(bare, tmp_path, capfd):
    """Counted, and its file named nowhere; the last day that may lie here is taken in."""
    root = bare.paths.root
    expire(root, clock=NOW)
    folder = tmp_path / "Zebedee Quillfeather"
    folder.mkdir()
    days = {"src-old": OLD, "src-last": LAST, "src-undated": "", "src-far": "0999-01-01"}
    lines = [{"id": key, "text": "Fever.", "date": day} for key, day in days.items()]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    report = import_notes(root, [folder], Silent(), clock=NOW)

    assert report.rejected == {"past-retention": 2}
    assert report.first_rejected == read_rejected(root) == ()
    assert {row[0] for row in rows(bare, "notes")} == ids(bare, STAYS)
    assert events(bare, "notes.imported")[-1]["rejected_past_retention"] == 2
    (folder / "a.jsonl").write_text(json.dumps(lines[0]))
    with pytest.raises(BadInput, match=r"1 past-retention.*retention\.toml"):
        import_notes(root, [folder], Silent(), dry_run=True, clock=NOW)
    assert "Zebedee" not in "".join(capfd.readouterr())


def test_without_a_limit_every_date_is_taken_in(tmp_path):
    """As shipped."""
    site = init(tmp_path / "site", "air-gapped", NOW)
    line = {"id": "1", "text": "Fever.", "date": "1850-01-01"}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))

    assert import_notes(site.paths.root, [tmp_path / "a.jsonl"], Silent(), clock=NOW).new == 1
    with pytest.raises(BadInput, match="no limit for notes"):
        expire(site.paths.root, clock=NOW)
    assert DOCTOR["SITE026"].run(view(site.paths, NOW)).status is Status.SKIP


def test_an_expiry_forgets_rejected_items(bare):
    """A file's name can be a patient's, and nobody can tell whose."""
    with opened_vault(bare) as vault:
        vault.keep_rejected([Rejected(Reason.EMPTY, Place(1, 1, None, "Ada Invented.txt"))])

    expire(bare.paths.root, clock=NOW)

    assert read_rejected(bare.paths.root) == ()


def test_a_cohort_without_an_old_note_is_not_written_anew(bare):
    """Nor is anything else that names none of them."""
    stay = sorted(ids(bare, STAYS))
    save_cohort(bare, "young", "check", stay)
    path = bare.paths.cohorts / "young.json"
    before = path.stat().st_ino

    expire(bare.paths.root, clock=NOW)

    assert path.stat().st_ino == before


@pytest.mark.parametrize(("site_only", "adapters"), [(True, 1), (False, 0)])
def test_an_adapter_that_learned_from_notes_goes(bare, site_only, adapters):
    """Nobody can take one note out of it; one of invented text is left. A half trained one goes."""
    adapter = bare.paths.adapters / "ours"
    adapter.mkdir()
    (adapter / "card.json").write_text(json.dumps({"site_only": site_only}))
    (adapter / "manifest.json").write_text("{}")
    half_made = bare.paths.run / "train-other.safetensors"
    half_made.touch()

    assert expire(bare.paths.root, clock=NOW).adapters == adapters
    assert adapter.exists() is not site_only
    assert not half_made.exists()


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_it_asks_first(site, monkeypatch, capfd, answer, code):
    """Without a yes nothing is erased; nobody there is a no."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    where = ["--site", str(site.paths.root)]
    capfd.readouterr()

    assert run(["notes", "expire", *where, "--json"]) == code

    out, err = capfd.readouterr()
    assert "Erase 4 note(s) written before 20" in err or "Erase 5 note(s)" in err
    assert bool(out) == (code == 0)
    assert len(rows(site, "notes")) < 6 if code == 0 else len(rows(site, "notes")) == 6


def test_a_second_person_approves_it_where_the_rules_want_one(bare):
    """After the question, before anything is erased; where there is nothing to do, nobody."""
    root, me, asked = bare.paths.root, current_identity(), []
    path = bare.paths.policies / "roles.toml"
    text = path.read_text().replace('mode = "owner"', 'mode = "roles"')
    old, users = "[holders.privacy-officer]\nusers = []", json.dumps([me.user, "ben"])
    path.write_text(text.replace(old, old.replace("[]", users)))

    assert expire(root, dry_run=True).notes >= 4
    with pytest.raises(Forbidden, match="second person"):
        expire(root, confirm=lambda found: asked.append(found.notes) is None)
    assert len(rows(bare, "notes")) == 6
    [request] = [facts["request"] for facts in events(bare, "access.asked")]
    approve(root, request, "limit", Identity(me.uid + 1, "ben"))

    assert expire(root).notes == asked[0]
    assert expire(root).notes == 0


def test_where_nothing_is_past_the_limit_nothing_is_asked(bare, capfd):
    """A table of zeroes, and those without a date are told."""
    assert run(["notes", "expire", "--yes", "--site", str(bare.paths.root)]) == 0
    capfd.readouterr()

    assert run(["notes", "expire", "--site", str(bare.paths.root)]) == 0

    said = capfd.readouterr()
    assert "1 note(s) without a date stay" in said.err
    assert "for good?" not in said.err


def test_the_doctor_counts_what_is_past_the_limit_and_reads_nothing(bare):
    """A warning until it is gone; a vault that does not open is another check's."""
    before = events(bare, "vault.read")
    outcome = DOCTOR["SITE026"].run(view(bare.paths, NOW))
    assert outcome.status is Status.WARN
    assert outcome.evidence == "4 note(s) past the limit of 365 days, 1 without a date."
    assert "notes expire" in outcome.fix
    assert events(bare, "vault.read") == before

    expire(bare.paths.root, clock=NOW)

    assert DOCTOR["SITE026"].run(view(bare.paths, NOW)).status is Status.PASS
    (bare.paths.keys / "vault.key").write_bytes(b"x" * 32)
    outcome = DOCTOR["SITE026"].run(view(bare.paths, NOW))
    assert (outcome.status, "SITE010" in outcome.evidence) == (Status.SKIP, True)
