"""People check findings: what they read is sealed, what they decide is gold, whole or not."""

import dataclasses
import json
from threading import Thread

import pytest

from appliance.artifacts.locks import held_alone
from appliance.artifacts.manifest import MANIFEST, write_manifest
from appliance.clinical.reviewing.folder import read_decisions, read_queue
from appliance.errors import ApplianceError, BadInput, Forbidden
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.records.reviews import Part
from appliance.records.spans import Span
from appliance.settings.roles import current_identity
from appliance.workflows import review_queue
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.notes import erase
from appliance.workflows.review_queue import Wish, make_review
from appliance.workflows.reviewed import report_review, take_decisions
from appliance.workflows.reviewed_gold import find_reviewed, score_reviewed
from appliance.workflows.reviewed_training import prepare_checked
from appliance.workflows.self_training import Teaching
from appliance.workflows.site import open_site
from tests.lib.read_site import make_site, read_notes
from tests.lib.reviewing import AT, decide_all, read_page, save

pytestmark = pytest.mark.slow
SURNAME = "Quillfeather"
EIGHT_AND_FOUR = Wish(8, 4)


def note(number, text):
    return SourceNote(f"s-{number}", f"P-{number % 24}", "letter", "", text)


NOTES = [
    note(number, f"Zeb {SURNAME}, visit {number}. He has asthma. No gout was seen; fever came.")
    if number % 2
    else note(number, f"Zeb {SURNAME}, visit {number}. Nothing of the kind.")
    for number in range(48)
]


@pytest.fixture
def site(tmp_path):
    opened = make_site(tmp_path / "site", NOTES)
    read_notes(opened, "found")
    return opened


def make(site, wish=EIGHT_AND_FOUR, name="found", out="first", **more):
    root = site.paths.root
    return make_review(root, name, out=out, reason="check", wish=wish, progress=Silent(), **more)


def hand_in(site, made, items, tmp_path, **more):
    (tmp_path / "saved.json").write_bytes(save(site, made, items))
    return take_decisions(site.paths.root, made.review, tmp_path / "saved.json", **more)


def entries(site):
    size = open_site(site.paths.root).ledger.head().size
    return [json.loads(body) for body in read_bodies(site.paths.ledger, size)]


def test_a_queue_has_whole_notes_by_lot_and_passages_of_other_patients(site):
    made = make(site)

    queue = read_queue(site.paths.reviews / "first")
    owners = {part: {one.owner for one in queue.items if one.part is part} for part in Part}
    assert (made.random, made.unsure) == (8, 4)
    assert owners[Part.RANDOM].isdisjoint(owners[Part.UNSURE])
    shown = {item["id"]: item for item in read_page(made)["items"]}
    for item in queue.items:
        text = shown[item.item_id]["text"]
        assert text.startswith("Zeb") == (item.part is Part.RANDOM)
        words = {text[start:end] for start, end, _ in shown[item.item_id]["spans"]}
        assert words <= {"asthma", "gout", "fever"}
        assert words or item.stratum == "nothing-found"


def test_no_word_of_a_note_lies_on_the_disk(site, tmp_path):
    """Page, queue, decisions and ledger: searched for what every note holds."""
    made = make(site)
    hand_in(site, made, decide_all(made), tmp_path)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert made.page in files
    for path in files:
        if path.name not in {"disease.toml", "disease.tsv"} and "policies" not in path.parts:
            content = path.read_bytes()
            assert SURNAME.encode() not in content, path
            assert b"He has asthma" not in content, path
    assert SURNAME not in repr(made)
    assert made.key not in repr(made)
    assert {path.stat().st_mode & 0o777 for path in site.paths.reviews.rglob("*.*")} == {0o600}


def test_every_reading_is_on_record_with_its_reason(site):
    before = len(entries(site))

    make(site)

    new = entries(site)[before:]
    reads = [one["facts"] for one in new if one["kind"] == "vault.read"]
    assert sum(one["count"] for one in reads) == 24
    assert {one["reason"] for one in reads} == {"check"}
    assert new[-1]["kind"] == "findings.review-made"


def test_the_same_call_makes_the_same_page_again(site):
    """With the same key; another choice under that name is refused."""
    first, again = make(site), make(site)

    assert first.key == again.key
    assert read_page(first) == read_page(again)
    with pytest.raises(BadInput, match="already"):
        make(site, Wish(8, 5))


def test_decisions_are_gold_and_say_how_good_the_adapter_is(site, tmp_path):
    """One mark taken away, one moved, one added; the rest as it was found."""
    made = make(site)
    shown = read_page(made)["items"]
    items = decide_all(made)
    first = next(one for one in shown if len(one["spans"]) == 3 and one["text"].startswith("Zeb"))
    empty = next(one for one in shown if not one["spans"])
    asthma, gout, fever = first["spans"]
    items[first["id"]]["spans"] = [[asthma[0] - 4, asthma[1], asthma[2]], fever]
    items[empty["id"]]["spans"] = [[0, 3, "Disease"]]

    report = hand_in(site, made, items, tmp_path)

    found = sum(len(one["spans"]) for one in shown)
    assert gout not in items[first["id"]]["spans"]
    assert (report.corrected, report.rejected, report.added) == (1, 1, 1)
    assert report.accepted == found - 2
    assert (report.decided, report.new, report.changed) == (12, 12, 0)
    assert report.hours == pytest.approx(12 * 30 / 3600)
    assert report.by == (current_identity().user,)
    assert 0.5 < report.estimate.precision.value < 1
    assert 0.5 < report.estimate.recall.value < 1
    assert report_review(site.paths.root, "first").estimate == report.estimate
    kept = read_decisions(site.paths.reviews / "first")[first["id"]]
    assert (kept.decided_at, kept.seconds) == (AT, 30.0)


def test_gold_of_a_review_is_read_out_of_the_vault(site, tmp_path):
    """Documents of the random part with their text, and the gain an hour of a better adapter."""
    made = make(site)
    items = decide_all(made)
    hand_in(site, made, items, tmp_path)

    gold = find_reviewed(site, site.paths.reviews / "first")

    assert len(gold.documents) == 8
    assert all(SURNAME in one.text for one in gold.documents)
    assert SURNAME not in repr(gold)
    assert sum(gold.weights) == pytest.approx(48)
    right = [one.spans for one in gold.documents]
    worse = [spans[:1] for spans in right]
    score = score_reviewed(gold, right, worse)
    assert score.estimate.f1.value == 1.0
    assert score.gained.value > 0.2
    assert score.gained_per_hour.value == pytest.approx(score.gained.value / gold.hours)
    assert find_reviewed(site, tmp_path) is None


def test_a_review_goes_on_where_it_was(site, tmp_path):
    """Handed in twice it counts once; what is decided anew takes the place of what was."""
    made = make(site)
    # First one in which something was found.
    items = dict(sorted(decide_all(made).items(), key=lambda entry: not entry[1]["spans"]))
    some = dict(list(items.items())[:3])
    part = hand_in(site, made, some, tmp_path)
    again = hand_in(site, made, some, tmp_path)
    one = next(iter(items))
    items[one] = {**items[one], "spans": [], "seconds": 50.0}

    whole = hand_in(site, made, items, tmp_path)

    assert (part.new, again.new, again.changed) == (3, 0, 0)
    assert (whole.new, whole.changed, whole.decided) == (9, 1, 12)
    assert whole.hours == pytest.approx((11 * 30 + 50) / 3600)


def test_the_decision_that_was_made_last_counts_whichever_file_comes_last(site, tmp_path):
    """Told apart within a second too."""
    made = make(site)
    items = decide_all(made)
    one = next(key for key, item in items.items() if item["spans"])
    early = {**items[one], "at": "2026-03-02T09:30:00.100Z"}
    late = {"spans": [], "seconds": 1.0, "at": "2026-03-02T09:30:00.900Z"}
    hand_in(site, made, {**items, one: late}, tmp_path)

    again = hand_in(site, made, {**items, one: early}, tmp_path)

    assert (again.new, again.changed, again.older) == (0, 0, 1)
    assert read_decisions(site.paths.reviews / "first")[one].spans == ()
    later = {**early, "at": "2026-03-02T09:30:01Z"}
    assert hand_in(site, made, {**items, one: later}, tmp_path).changed == 1


def test_a_second_look_takes_time_and_changes_nothing(site, tmp_path):
    """The page counts on; a file that was saved before does not turn the clock back."""
    made = make(site)
    items = decide_all(made, seconds=30.0)
    hand_in(site, made, items, tmp_path)

    looked = hand_in(site, made, decide_all(made, seconds=40.0), tmp_path)
    back = hand_in(site, made, items, tmp_path)

    assert (looked.new, looked.changed, looked.older) == (0, 0, 0)
    assert (back.changed, back.older) == (0, 12)
    assert looked.hours == back.hours == pytest.approx(12 * 40 / 3600)


def test_while_a_stratum_is_unread_nothing_is_estimated(site, tmp_path):
    made = make(site)
    queue = read_queue(site.paths.reviews / "first")
    empty = {one.item_id for one in queue.items if one.stratum == "nothing-found"}
    items = {key: one for key, one in decide_all(made).items() if key in empty}

    report = hand_in(site, made, items, tmp_path)

    assert report.estimate is None
    with pytest.raises(BadInput, match="Not enough"):
        find_reviewed(site, site.paths.reviews / "first")


def test_so_few_notes_by_lot_that_they_leave_out_a_kind_are_refused(site):
    """Before anybody reads: no figure could ever be made of them."""
    with pytest.raises(BadInput, match="too few"):
        make(site, Wish(1, 4))

    assert make(site, Wish(0, 4), out="second").random == 0


def test_a_review_teaches_no_relations(site, tmp_path):
    made = make(site)
    hand_in(site, made, decide_all(made), tmp_path)

    with pytest.raises(BadInput, match="relations"):
        prepare_checked(site, ("Disease",), Teaching(reviewed="first"), 0.0, teaches_pairs=True)


def test_no_browser_is_asked_to_translate_what_a_page_shows(site):
    """It would send a note's words to whoever translates."""
    page = make(site).page.read_text()

    assert '<html lang="en" translate="no">' in page
    assert '<meta name="google" content="notranslate">' in page


@pytest.mark.parametrize("keep", [0, 1, 40, 200, -1, -3])
def test_half_a_file_is_no_file(site, tmp_path, keep):
    """Cut anywhere, nothing of it counts, and nothing is kept."""
    made = make(site)
    whole = save(site, made, decide_all(made))
    (tmp_path / "saved.json").write_bytes(whole[:keep])

    with pytest.raises(BadInput):
        take_decisions(site.paths.root, "first", tmp_path / "saved.json")

    assert not read_decisions(site.paths.reviews / "first")


def test_a_sealed_part_that_was_cut_or_changed_is_refused(site, tmp_path):
    """Also where the file around it is in order."""
    made = make(site)
    whole = json.loads(save(site, made, decide_all(made)))
    for sealed in (
        whole["sealed"][:-8],
        ("B" if whole["sealed"][0] == "A" else "A") + whole["sealed"][1:],
        "",
        "AAAA",
    ):
        (tmp_path / "saved.json").write_text(json.dumps({**whole, "sealed": sealed}))
        with pytest.raises(BadInput):
            take_decisions(site.paths.root, "first", tmp_path / "saved.json")


def test_decisions_of_another_review_are_refused(site, tmp_path):
    one, two = make(site), make(site, Wish(7, 3), out="second")
    (tmp_path / "saved.json").write_bytes(save(site, one, decide_all(one)))

    with pytest.raises(BadInput, match="another review"):
        take_decisions(site.paths.root, two.review, tmp_path / "saved.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"spans": [[0, 4_000, "Disease"]]},
        {"spans": [[-1, 3, "Disease"]]},
        {"spans": [[3, 3, "Disease"]]},
        {"spans": [[0, 3, "Disease"], [2, 5, "Disease"]]},
        {"spans": [[0, 3, SURNAME]]},
        {"spans": [], "seconds": -1.0},
        {"spans": [], "seconds": 1e9},
        {"spans": [], "at": "yesterday"},
        {"spans": [], "at": "2026-02-30T09:30:00.000Z"},
        {"spans": [], "more": 1},
    ],
)
def test_what_cannot_be_is_refused_and_not_repeated(site, tmp_path, wrong):
    made = make(site)
    items = decide_all(made)
    items[next(iter(items))] = {"seconds": 1.0, "at": AT, **wrong}

    with pytest.raises(BadInput) as refusal:
        hand_in(site, made, items, tmp_path)

    assert SURNAME not in str(refusal.value)
    assert not read_decisions(site.paths.reviews / "first")


def test_notes_that_came_or_changed_since_are_not_drawn(site):
    """The findings say which version of which notes they are of: only these are the population."""
    changed = [note(1, f"Zeb {SURNAME} has gout now.")]
    import_stream(site, [*changed, note(100, f"Zeb {SURNAME} is new.")], Silent())

    made = make(site, Wish(100, 0))

    assert made.random == 47
    texts = [item["text"] for item in read_page(made)["items"]]
    assert not any("is new" in text or "now" in text for text in texts)


def test_a_note_that_changed_after_the_choice_drops_out_alone(site, tmp_path):
    """Its offsets mean nothing any more; the others stay gold, and it is told which one it was."""
    made = make(site, Wish(100, 0))
    before = hand_in(site, made, decide_all(made), tmp_path)
    import_stream(site, [note(1, f"Zeb {SURNAME} has gout now.")], Silent())

    gold = find_reviewed(site, site.paths.reviews / "first")
    report = report_review(site.paths.root, "first")

    with opened_vault(site) as vault:
        changed = vault.note_id_of("s-1")
    [item] = [
        one for one in read_queue(site.paths.reviews / "first").items if one.note_id == changed
    ]
    assert report.outdated == ((item.item_id, changed),)
    assert report.estimate == before.estimate
    assert (len(gold.documents), gold.outdated) == (47, 1)
    assert item.item_id not in {one.document_id for one in gold.documents}
    assert sum(gold.weights) == pytest.approx(48)
    assert score_reviewed(gold, [one.spans for one in gold.documents]).outdated == 1
    again = make(site, Wish(100, 0))
    assert again.left_out == 1
    assert item.item_id not in {one["id"] for one in read_page(again)["items"]}


def test_where_every_note_of_a_kind_changed_nothing_is_measured(site, tmp_path):
    """The others would stand for what nobody has read."""
    made = make(site, Wish(100, 0))
    hand_in(site, made, decide_all(made), tmp_path)
    import_stream(
        site, [note(number, f"Zeb {SURNAME} is well.") for number in range(0, 48, 2)], Silent()
    )

    with pytest.raises(BadInput, match="Of some kind of notes every one"):
        find_reviewed(site, site.paths.reviews / "first")


def test_where_every_note_changed_no_empty_page_is_made(site):
    make(site, Wish(8, 0))
    import_stream(site, [note(number, f"{SURNAME} left.") for number in range(48)], Silent())

    with pytest.raises(BadInput, match="nothing to read"):
        make(site, Wish(8, 0))


def test_a_later_review_leaves_out_the_patients_of_an_earlier_one(site, tmp_path):
    """Also with other notes of theirs: nobody is read twice, and nobody is on both sides."""
    make(site)
    apart = Wish(8, 4, without=("first",))

    second = make(site, apart, out="second")

    queues = [read_queue(site.paths.reviews / name) for name in ("first", "second")]
    one, two = ({item.owner for item in queue.items} for queue in queues)
    assert one.isdisjoint(two)
    assert second.apart == 2 * len(one)
    assert sum(second.strata.values()) == 48 - second.apart
    assert make(site, apart, out="second").key == second.key
    with pytest.raises(BadInput, match="already"):
        make(site, out="second")
    report = hand_in(site, second, decide_all(second), tmp_path)
    assert (report.apart, report.without) == (second.apart, ("first",))


def test_other_reviews_must_be_there_and_leave_somebody(site):
    make(site, Wish(100, 0))

    with pytest.raises(BadInput, match="no review nowhere"):
        make(site, Wish(8, 0, without=("nowhere",)), out="second")
    with pytest.raises(BadInput, match="every patient"):
        make(site, Wish(8, 0, without=("first",)), out="second")


def test_an_erased_patient_is_in_no_review(site, tmp_path):
    """Queue, decisions and page; what others decided meanwhile can still be handed in."""
    made = make(site, Wish(100, 0))
    items = decide_all(made)
    hand_in(site, made, items, tmp_path)

    erase(site.paths.root, "P-1")

    queue = read_queue(site.paths.reviews / "first")
    assert len(queue.items) == 46
    assert not made.page.exists()
    assert len(read_decisions(site.paths.reviews / "first")) == 46
    again = take_decisions(site.paths.root, "first", tmp_path / "saved.json")
    assert (again.decided, again.gone) == (46, 2)
    assert len(read_page(make(site, Wish(100, 0)))["items"]) == 46


def test_a_page_whose_queue_was_never_written_goes_with_an_erasure(site):
    made = make(site)
    (site.paths.reviews / "first" / "queue.json").unlink()

    erase(site.paths.root, "P-1")

    assert not made.page.exists()


class _Erasing(Silent):
    """Tells of nothing; at the first note the patient is erased."""

    def __init__(self, site):
        self._site = site

    def advance(self, *_):
        site, self._site = self._site, None
        if site is not None:
            erase(site.paths.root, "P-1")


class _Killed(BaseException):
    """As a signal would."""


def test_a_patient_erased_while_a_page_is_made_is_not_written_down(site, monkeypatch):
    """Not for a moment: killed right after the queue is there, nothing of the patient is left."""
    written = review_queue.write_queue

    def write_and_die(directory, queue):
        written(directory, queue)
        raise _Killed

    monkeypatch.setattr(review_queue, "write_queue", write_and_die)
    with opened_vault(site) as vault:
        gone = vault.patient_id_of("P-1")

    with pytest.raises(_Killed):
        make_review(
            site.paths.root,
            "found",
            out="first",
            reason="check",
            wish=Wish(100, 0),
            progress=_Erasing(site),
        )

    monkeypatch.undo()
    queue = read_queue(site.paths.reviews / "first")
    assert len(queue.items) == 46
    assert gone not in {item.owner for item in queue.items}
    assert len(read_page(make(site, Wish(100, 0)))["items"]) == 46


def test_an_erasure_waits_for_a_page_that_is_being_written_and_finds_it(site, monkeypatch):
    render = review_queue.render_notes_page
    erasing = Thread(target=erase, args=(site.paths.root, "P-1"))

    def render_slowly(*arguments):
        erasing.start()
        erasing.join(2)
        return render(*arguments)

    monkeypatch.setattr(review_queue, "render_notes_page", render_slowly)

    made = make(site, Wish(100, 0))
    erasing.join(300)

    assert not erasing.is_alive()
    assert not made.page.exists()
    assert len(read_queue(site.paths.reviews / "first").items) == 46


def test_only_who_may_see_text_may_review(site):
    """Both verbs are asked for; a refusal reads nothing."""
    path = site.paths.policies / "roles.toml"
    text = path.read_text().replace('mode = "owner"', 'mode = "roles"')
    me = current_identity().user
    text = text.replace(
        "[holders.researcher]\nusers = []", f'[holders.researcher]\nusers = ["{me}"]'
    )
    path.write_text(text.replace('"notes.show-text" = ["researcher", ', '"notes.show-text" = ['))
    reopened = open_site(site.paths.root)

    with pytest.raises(Forbidden, match="show-text"):
        make(reopened)

    assert not site.paths.reviews.exists()


def test_findings_that_do_not_say_what_they_are_of_are_refused(site):
    """As an older version wrote them."""
    directory = site.paths.findings / "found"
    (directory / "notes.stamps").unlink()
    (directory / MANIFEST).unlink()
    write_manifest(directory, "findings")

    with pytest.raises(BadInput, match="do not say"):
        make(site)


def test_a_dry_run_reads_no_note_and_keeps_nothing(site):
    before = len(entries(site))

    made = make(site, dry_run=True)

    assert (made.random, made.unsure, made.key) == (8, 4, "")
    assert len(entries(site)) == before
    assert not site.paths.reviews.exists()


def test_two_cannot_hand_in_at_once(site, tmp_path):
    made = make(site)
    items = decide_all(made)
    lock = site.paths.reviews / "first" / ".lock"

    with (
        held_alone(lock, "busy", "wait"),
        pytest.raises(ApplianceError, match="Another process"),
    ):
        hand_in(site, made, items, tmp_path)


def test_a_queue_that_was_damaged_is_named(site):
    make(site)
    path = site.paths.reviews / "first" / "queue.json"
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(ApplianceError, match="not what was written"):
        report_review(site.paths.root, "first")
    with pytest.raises(BadInput, match="no review"):
        report_review(site.paths.root, "second")


def test_a_decision_holds_offsets_and_no_word(site, tmp_path):
    made = make(site)
    hand_in(site, made, decide_all(made), tmp_path)

    decision = next(iter(read_decisions(site.paths.reviews / "first").values()))

    kinds = {type(value) for value in dataclasses.asdict(decision).values()}
    assert kinds <= {str, float, tuple}
    assert all(isinstance(span, Span) for span in decision.spans)
