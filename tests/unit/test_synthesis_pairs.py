"""Sentences about pairs: asked for, composed and kept with the label that they were made for."""

from collections import Counter
from itertools import islice

import pytest

from appliance.errors import BadInput
from appliance.records.examples import Origin, Split
from appliance.records.prompts import PAIR_KINDS, Completion, DraftKind, Route
from appliance.records.spans import UNRELATED
from appliance.records.tasks import PairKind
from appliance.settings.tasks import load_sheet_file
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.prompting.pairs import pair_lines
from appliance.synthesis.prompting.stream import drafts
from tests.lib.house import REPOSITORY
from tests.lib.pair_task import SHEET, with_itself, write_pair_task


@pytest.fixture
def task(tmp_path):
    return load_sheet_file(write_pair_task(tmp_path))


def load(tmp_path, sheet):
    return load_sheet_file(write_pair_task(tmp_path, sheet))


def ends(example):
    (pair,) = example.relations
    head, tail = (example.spans[at] for at in (pair.head, pair.tail))
    return example.text[head.start : head.end], example.text[tail.start : tail.end], pair.label


def ask(kind=DraftKind.STATED, opening=""):
    pair = ("aspirin", "rash")
    return make_draft("harm", kind, pair, "letter", "p", opening, relation="causes")


def consider(judge, draft, text):
    return judge.consider(
        draft, Completion(draft.draft_id, Route.SCRIPTED, "m", text, "stop", 9, 9)
    )


def test_drafts_come_in_the_shares_of_the_mix(task):
    found = list(islice(drafts(*task, 0), 40))

    assert Counter(draft.kind for draft in found) == {
        DraftKind.STATED: 16,
        DraftKind.DENIED: 8,
        DraftKind.UNRELATED: 16,
    }
    assert {draft.relation for draft in found} == {"causes"}


def test_a_prompt_names_both_ends_and_shows_only_its_own_kind(task):
    """A small base model does what the last lines did."""
    said = {DraftKind.STATED: "stated", DraftKind.DENIED: "denied"}
    for draft in islice(drafts(*task, 1), 60):
        head, tail = draft.entities
        assert draft.prompt.rstrip().endswith(f"Sentence: {draft.opening}".rstrip())
        assert f"Drug: {head}\nBadEvent: {tail}\n" in draft.prompt
        for kind, word in said.items():
            assert (f"Relation: {word}" in draft.prompt) == (draft.kind is kind)


def test_an_opening_holds_both_ends_and_nothing_like_them(task):
    for draft in islice(drafts(*task, 2), 200):
        if draft.opening:
            assert all(draft.opening.lower().count(name.lower()) == 1 for name in draft.entities)


def test_the_same_seed_gives_the_same(task):
    first = list(islice(pair_lines(*task, 3), 50))

    assert first == list(islice(pair_lines(*task, 3), 50))
    assert first != list(islice(pair_lines(*task, 4), 50))


def test_a_composed_line_is_labelled_by_its_kind(task):
    """What was denied counts only where the sheet says so."""
    stated = task[0].taught[0].teaching.frames[PairKind.STATED]
    judge = Curator(*task)
    lines = list(islice(pair_lines(*task, 0), 100))
    taken = [(line, judge.take_pair(line)) for line in lines]

    kept = [(line, example) for line, example in taken if example is not None]
    assert len(kept) > 50
    for line, example in kept:
        head, tail, label = ends(example)
        assert (head.lower(), tail.lower()) == (line.head, line.tail)
        assert label == line.label == ("causes" if line.frame in stated else UNRELATED)
        assert example.origin is Origin.COMPOSED


def test_a_sheet_may_count_what_is_denied(tmp_path):
    counted = SHEET.replace("lines = 2.0", "lines = 2.0\ndenied_counts = true")
    labels = {
        line.label
        for line in islice(pair_lines(*load(tmp_path, counted), 0), 100)
        if "no cause of" in line.frame or "is not from" in line.frame
    }

    assert labels == {"causes"}


def test_lines_of_one_frame_are_all_for_train_or_all_for_dev():
    """Else dev would only ask for what training has shown."""
    task = load_sheet_file(REPOSITORY / "policies" / "labels" / "gene-disease.toml")
    judge = Curator(*task)
    seen = {}
    for line in islice(pair_lines(*task, 0), 1_500):
        if (example := judge.take_pair(line)) is not None:
            assert seen.setdefault(line.frame, example.split) is example.split

    assert set(seen.values()) == {Split.TRAIN, Split.DEV}


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (DraftKind.STATED, "causes"),
        (DraftKind.DENIED, UNRELATED),
        (DraftKind.UNRELATED, UNRELATED),
    ],
)
def test_a_written_answer_has_the_label_of_its_draft(task, kind, label):
    draft = ask(kind, "Aspirin")

    example = consider(Curator(*task), draft, " was followed by a rash and then by nausea.")

    assert ends(example) == ("Aspirin", "rash", label)
    assert [example.text[span.start : span.end] for span in example.spans] == [
        "Aspirin",
        "rash",
        "nausea",
    ]


@pytest.mark.parametrize("text", [" a rash came up overnight.", " of aspirin two times a day."])
def test_an_answer_without_both_ends_is_dropped(task, text):
    judge = Curator(*task)

    assert consider(judge, ask(opening="There was talk of"), text) is None
    assert judge.dropped == {Reason.UNGROUNDED: 1}


def test_a_shown_example_is_not_taken_back(task):
    judge = Curator(*task)
    shown = " He broke out in a rash an hour after he had taken aspirin."

    assert consider(judge, ask(), shown) is None
    assert judge.dropped == {Reason.PARROTED: 1}


def test_a_relation_may_join_two_of_one_type(tmp_path):
    sheet = with_itself().replace("rash", "warfarin").replace('tail = "a"', 'tail = "warfarin"')
    task = load(tmp_path, sheet)

    for draft in islice(drafts(*task, 0), 60):
        assert draft.entities[0] != draft.entities[1]
    judge = Curator(*task)
    found = [judge.take_pair(line) for line in islice(pair_lines(*task, 0), 60)]
    assert all(one.relations[0].head != one.relations[0].tail for one in found if one)
    assert any(found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "causes"', 'name = "none"', "stand in no relation"),
        ("unrelated = 0.4", "unrelated = 0.1", "relation.causes.mix: the three shares"),
        ('head = "Drug"', 'head = "Bird"', "head and tail must be entity types"),
        ('kind = "denied"', 'kind = "stated"', "relation.causes.mix.denied: there is no example"),
        ("{head} did not cause {tail}", "{head} did nothing", "openings.denied 1: {tail} must"),
        ("{head} caused {tail} {when}", "{head} caused {tail} {whem}", "no such slot: whem"),
        ("{tail} is not from {head}.", "{tail} is not from {head}}.", "a brace without"),
        ("he had taken aspirin", "he had taken it", "relation.causes.example 1: 'aspirin' is not"),
        ('when = ["soon after"', 'tail = ["x"]\nwhen = ["soon after"', "tail: a slot of pairs"),
        ('unrelated = ["{Drug} caused {tail}; ', 'unrelate = ["', "unrelate"),
    ],
)
def test_what_is_wrong_with_a_relation_is_named(tmp_path, old, new, told):
    assert old in SHEET

    with pytest.raises(BadInput) as caught:
        load(tmp_path, SHEET.replace(old, new, 1))

    assert told in str(caught.value)


def test_a_relation_needs_names_for_both_ends(tmp_path):
    write_pair_task(tmp_path)
    kept = [
        line
        for line in (tmp_path / "harm.tsv").read_text().splitlines()
        if not line.endswith("BadEvent")
    ]
    (tmp_path / "harm.tsv").write_text("\n".join(kept) + "\n")

    with pytest.raises(BadInput, match="fewer than 2 terms of BadEvent"):
        load_sheet_file(tmp_path / "harm.toml")


def test_a_vocabulary_without_another_name_is_refused(tmp_path):
    """It ends in words, not in an endless search."""
    write_pair_task(tmp_path)
    rows = (tmp_path / "harm.tsv").read_text().splitlines()
    kept = [row for row in rows if not row.endswith("Drug")] + [
        f"{name}\t\t\tDrug" for name in ("aspirin", "aspirin tablet")
    ]
    (tmp_path / "harm.tsv").write_text("\n".join(kept) + "\n")
    task = load_sheet_file(tmp_path / "harm.toml")

    with pytest.raises(BadInput, match="too few names of Drug"):
        list(islice(pair_lines(*task, 0), 50))


def test_only_kinds_of_pairs_are_asked_of_a_sheet_that_teaches_a_relation(task):
    assert {draft.kind for draft in islice(drafts(*task, 5), 80)} == set(PAIR_KINDS)


@pytest.mark.parametrize(
    ("kind", "text", "is_kept"),
    [
        (DraftKind.STATED, " A rash came up two days after aspirin was begun.", True),
        (DraftKind.STATED, " The rash was not due to aspirin in this case.", False),
        (DraftKind.STATED, " Neither the rash nor the itching came from aspirin.", False),
        (DraftKind.DENIED, " The rash was not due to aspirin in this case.", True),
        (DraftKind.DENIED, " A rash came up two days after aspirin was begun.", False),
        (DraftKind.UNRELATED, " No aspirin was given to the man with the rash.", True),
    ],
)
def test_a_text_that_says_the_contrary_of_what_was_asked_is_dropped(task, kind, text, is_kept):
    """A label that is what was asked for has to be what was answered."""
    judge = Curator(*task)

    assert (consider(judge, ask(kind), text) is not None) == is_kept
    assert judge.dropped == ({} if is_kept else {Reason.OTHERWISE: 1})


def test_an_opening_has_denied_already(task):
    """What it begins with is the prompt's, and says which kind it is."""
    judge = Curator(*task)
    opening = "Aspirin was far from being what brought about the rash"

    assert consider(judge, ask(DraftKind.DENIED, opening), " in the end of that week.")


def test_where_denied_pairs_bear_the_label_nothing_is_told_apart(tmp_path):
    """Such corpora mark that a relation was looked into, whatever came out."""
    counted = SHEET.replace("[relation.mix]", "denied_counts = true\n\n[relation.mix]")
    judge = Curator(*load(tmp_path, counted))

    assert consider(judge, ask(), " The rash was not due to aspirin in this case.")
