"""What is made beside the written examples: composed lines and varied copies."""

import random
from collections import Counter
from itertools import islice

import pytest

from appliance.errors import BadInput
from appliance.gate import lexicon
from appliance.records.examples import Line, Origin, Split
from appliance.records.identifiers import Digest
from appliance.records.prompts import Completion, Route
from appliance.records.spans import Span
from appliance.records.tasks import INVENTED_SLOTS, Composition, Term, Vocabulary
from appliance.settings.tasks import load_sheet_file
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.variation import Variation
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.prompting.frames import lines
from appliance.synthesis.prompting.slots import Slots
from tests.lib.house import REPOSITORY
from tests.lib.small_task import small_sheet, small_vocabulary

FRAMES = Composition(
    variants=2,
    lines=2.0,
    frames=(
        "Medication: {Drug}, {Drug}",
        "{Drug.long} ({Drug.short}) {number} {unit}",
        "{heading}: Dr. {surname}, {small} visits",
        "{symbol} {variant} {decimal}",
        "{words}",
    ),
    slots={"unit": ("mg", "g"), "heading": ("PLAN", "EXAM")},
)


def sheet():
    return small_sheet(composition=FRAMES)


def composed(count, seed=0):
    return list(islice(lines(sheet(), small_vocabulary(), seed), count))


def test_the_same_seed_gives_the_same_lines():
    assert composed(50) == composed(50)
    assert composed(50) != composed(50, seed=1)


def test_a_sheet_without_frames_gives_no_line():
    assert list(lines(small_sheet(), small_vocabulary(), 0)) == []


def test_every_slot_is_filled_and_every_entity_is_in_the_text():
    for line in composed(300):
        assert "{" not in line.text
        assert "}" not in line.text
        for entity in line.entities:
            assert entity.casefold() in line.text.casefold()


def test_every_name_of_the_vocabulary_comes_up():
    """Terms are dealt, not drawn: none is left out for long."""
    put = {entity.casefold() for line in composed(400) for entity in line.entities}

    for term in small_vocabulary().terms:
        assert put & {surface.casefold() for surface in term.surfaces}


def test_invented_family_names_are_nobodys():
    slots = Slots(small_vocabulary(), {}, random.Random(3))

    names = [slots.word("surname") for _ in range(500)]

    parts = [part.lower() for name in names for part in name.split("-")]
    assert not any(
        part in lexicon.family_names() or part in lexicon.given_names() for part in parts
    )
    assert len(set(names)) > 400


def test_ordinary_words_are_in_no_name_of_the_vocabulary():
    terms = (Term("window pain", (), (), "X"), Term("garden", ("cold shoulder",), (), "X"))
    slots = Slots(Vocabulary("test", terms, Digest("0" * 64)), {}, random.Random(0))

    words = {word.strip(".,").lower() for _ in range(3000) for word in slots.word("words").split()}

    assert not words & {"window", "pain", "garden", "cold", "shoulder"}
    assert len(words) > 5000


def test_every_invented_slot_has_a_maker():
    slots = Slots(small_vocabulary(), {}, random.Random(0))

    assert all(slots.word(slot) for slot in INVENTED_SLOTS)


def test_composed_lines_become_examples_with_every_name_labelled():
    curator = Curator(sheet(), small_vocabulary())

    examples = [example for line in composed(200) if (example := curator.take(line))]

    assert len(examples) > 50
    for example in examples:
        assert example.origin is Origin.COMPOSED
        assert example.model == ""
        surfaces = [example.text[span.start : span.end].casefold() for span in example.spans]
        for name in ("warfarin", "atorvastatin", "allopurinol"):
            assert example.text.casefold().count(name) == surfaces.count(name)


def test_a_composed_line_that_does_not_hold_what_it_says_is_not_taken():
    curator = Curator(sheet(), small_vocabulary())

    assert curator.take(Line("Nothing was given today at all.", ("warfarin",))) is None
    assert curator.take(Line("Warfarin was given.", ("warfarin",))) is not None
    assert curator.take(Line("warfarin was GIVEN", ("warfarin",))) is None


def written(curator, text, entities):
    draft = make_draft("drug", "single", entities, "progress note", f"prompt {text}")
    reply = Completion(draft.draft_id, Route.SCRIPTED, "m", text, "stop", 1, 1)
    return curator.consider(draft, reply)


def test_a_varied_copy_differs_in_its_names_only():
    curator = Curator(sheet(), small_vocabulary())
    example = written(
        curator, "Tonight the nurse gave her atorvastatin with water.", ("atorvastatin",)
    )
    assert example.split is Split.TRAIN
    variation = Variation(small_vocabulary().terms, random.Random(0))

    copies = [copy for _ in range(20) if (copy := curator.vary(example, variation))]

    assert copies
    for copy in copies:
        span = copy.spans[0]
        assert copy.text[: span.start] == "Tonight the nurse gave her "
        assert copy.text[span.end :] == " with water."
        assert (copy.draft_id, copy.origin, copy.split) == (
            example.draft_id,
            Origin.VARIED,
            Split.TRAIN,
        )
    assert len({copy.text for copy in copies}) == len(copies)


def test_nothing_of_dev_gets_into_training():
    """An example of dev gives no copy, and no copy names a concept that is kept for dev."""
    curator = Curator(sheet(), small_vocabulary())
    variation = Variation(small_vocabulary().terms, random.Random(0))
    examples = [
        written(
            curator, f"Number {number} on ward {number} took {name} on the day of visit.", (name,)
        )
        for number, name in enumerate(["warfarin", "atorvastatin", "allopurinol", "morphine"] * 5)
    ]

    for example in filter(None, examples):
        for _ in range(10):
            copy = curator.vary(example, variation)
            assert copy is None or (example.split, copy.split) == (Split.TRAIN, Split.TRAIN)


def test_an_abbreviation_in_brackets_stays_that_of_its_name():
    terms = [term for term in small_vocabulary().terms if term.abbreviations]
    text = "We gave acetylsalicylic acid (ASA) and later ASA again."
    spans = (Span(8, 28, "Drug"), Span(30, 33, "Drug"), Span(45, 48, "Drug"))
    variation = Variation(small_vocabulary().terms, random.Random(0))

    made = [variation.vary(text, spans) for _ in range(50)]

    pairs = {(term.name, short) for term in terms for short in term.abbreviations}
    assert {(line.entities[0], line.entities[1]) for line in made} <= pairs
    assert all(line.entities[1] == line.entities[2] for line in made)


@pytest.mark.parametrize(
    ("before", "written"),
    [
        ("", "Warfarin"),
        ("She came. ", "Warfarin"),
        ("PLAN: ", "Warfarin"),
        ("PLAN\n- ", "Warfarin"),
        ("We compared ", "warfarin"),
        ("aspirin, ", "warfarin"),
        ("anti-", "warfarin"),
    ],
)
def test_a_capital_is_carried_over_where_a_sentence_begins(before, written):
    """A name that is always written so gives its capital to no other one."""
    variation = Variation([Term("warfarin", (), (), "Drug")], random.Random(0))
    span = Span(len(before), len(before) + 18, "Drug")

    line = variation.vary(f"{before}S-hexylglutathione with water.", [span])

    assert line.text == f"{before}{written} with water."
    assert line.entities == (written,)


def test_a_type_without_abbreviation_is_not_varied_where_one_stands():
    variation = Variation([Term("warfarin", (), (), "Drug")], random.Random(0))

    assert variation.vary("ASA given", (Span(0, 3, "Drug"),)) is None


def test_the_shipped_disease_sheet_composes_lines_that_are_taken():
    """Nine lines in ten and more pass the same checks as what a model wrote."""
    disease, vocabulary = load_sheet_file(REPOSITORY / "policies" / "labels" / "disease.toml")
    curator = Curator(disease, vocabulary)

    taken = [curator.take(line) for line in islice(lines(disease, vocabulary, 0), 400)]

    origins = Counter(example is not None for example in taken)
    assert origins[True] > 0.9 * len(taken)
    assert {example.draft_id[:2] for example in taken if example} == {"c-"}


@pytest.mark.parametrize(
    ("compose", "complaint"),
    [
        ('frames = ["{Nobody} here"]', "no such slot: Nobody"),
        ('frames = ["{Disease.tall}"]', "no such slot: Disease.tall"),
        ('frames = ["an {open brace"]', "a brace without its partner"),
        ("lines = 2", "no frame"),
        ("lines = -1", "greater than or equal to 0"),
        ('frames = ["a"]\n[compose.slots]\nsurname = ["Smith"]', "would hide"),
        ('frames = ["a"]\n[compose.slots]\nsign = ["Asthma"]', "in the vocabulary too: Asthma"),
        ('frames = ["a"]\n[compose.slots]\nsign = ["{small} days"]', "taken as they are"),
        ('frames = ["a"]\n[compose.slots]\nsign = []', "at least 1 item"),
    ],
)
def test_faulty_frames_are_explained(tmp_path, compose, complaint):
    source = REPOSITORY / "policies" / "labels"
    sheet_text = (source / "disease.toml").read_text().partition("[compose]")[0]
    (tmp_path / "disease.toml").write_text(f"{sheet_text}[compose]\n{compose}\n")
    (tmp_path / "disease.tsv").write_bytes((source / "disease.tsv").read_bytes())

    with pytest.raises(BadInput, match=complaint):
        load_sheet_file(tmp_path / "disease.toml")


def test_abbreviations_differ_by_capitals():
    """A slot may hold "mg" though "MG" is an abbreviation of the vocabulary."""
    sheet_read, vocabulary = load_sheet_file(REPOSITORY / "policies" / "labels" / "disease.toml")

    assert any("MG" in term.abbreviations for term in vocabulary.terms)
    assert "mg" in sheet_read.composition.slots["unit"]
