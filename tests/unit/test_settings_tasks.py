"""Label sheets and vocabularies: what is wrong is named by key, what is right is digested."""

import pytest

from appliance.errors import BadInput
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import list_tasks, load_task, load_vocabulary

SHEET = """
title = "Fruit"
vocabulary = "fruit.tsv"
vocabulary_source = "invented"
registers = ["letter"]
topics = ["weather"]
[mix]
single = 0.5
several = 0.2
abbreviation = 0.2
none = 0.1
[[entity]]
name = "Fruit"
definition = "What grows on trees."
includes = ["apples"]
excludes = ["nuts"]
examples = ["apple"]
[[demonstration]]
entities = ["apple"]
text = "She ate an apple."
register = "letter"
[[demonstration]]
entities = []
text = "It rained."
register = "letter"
"""
RELATION = """
[[relation]]
name = "eats"
definition = "x"
head = "Fruit"
tail = "Bird"
"""
COMPOSE = """
[compose]
frames = ["On a {tree}."]
[compose.slots]
tree = ["fir"]
bush = ["yew"]
"""
WORDS = "name\tsynonyms\tabbreviations\napple\tpome|pippin\tAP\npear\t\t\n"


@pytest.fixture
def labels(tmp_path):
    (tmp_path / "fruit.toml").write_text(SHEET, encoding="utf-8")
    (tmp_path / "fruit.tsv").write_text(WORDS, encoding="utf-8")
    return tmp_path


def _change(labels, old, new):
    assert old in SHEET
    (labels / "fruit.toml").write_text(SHEET.replace(old, new, 1), encoding="utf-8")


def test_a_sheet_is_read_with_its_vocabulary(labels):
    sheet, vocabulary = load_task(labels, "fruit")

    assert (sheet.name, sheet.title, sheet.entities[0].name) == ("fruit", "Fruit", "Fruit")
    assert [term.surfaces for term in vocabulary.terms] == [
        ("apple", "pome", "pippin", "AP"),
        ("pear",),
    ]
    assert vocabulary.terms[0].label == "Fruit"


def test_every_shipped_sheet_is_sound():
    labels = shipped_policies() / "labels"

    assert "disease" in list_tasks(labels)
    for name in list_tasks(labels):
        load_task(labels, name)


def test_sheet_and_vocabulary_are_digested_together(labels):
    """Another word, another task: the digest is in every card made from it."""
    before = load_task(labels, "fruit")[0].digest
    (labels / "fruit.tsv").write_text(WORDS + "plum\t\t\n", encoding="utf-8")

    assert load_task(labels, "fruit")[0].digest != before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("title =", "titel =", "titel"),
        ('title = "Fruit"', "", "title: missing"),
        ('title = "Fruit"', "title = Fruit", "not valid TOML"),
        ("none = 0.1", "none = 0.2", "must sum to 1"),
        ("none = 0.1", "none = 1.1", "mix.none"),
        ('name = "Fruit"', 'name = "two words"', "entity 1.name"),
        ('examples = ["apple"]', "examples = []", "entity 1.examples"),
        ('register = "letter"', 'register = "poem"', "demonstration 1:"),
        ('text = "She ate an apple."', 'text = "She ate."', "'apple' is not so written"),
        ("entities = []", 'entities = ["rain"]', "mix.none needs one"),
        (
            'examples = ["apple"]',
            'examples = ["apple", "AP"]\ncounter_examples = ["Apple", "ap"]',
            "entity Fruit: example and counter-example too: Apple.",
        ),
        (
            "[[entity]]",
            f"{COMPOSE}[[entity]]",
            "compose.slots.bush: no frame has that slot",
        ),
        ("fruit.tsv", "../fruit.tsv", "vocabulary"),
        (
            "[[entity]]",
            f"{RELATION}[[entity]]",
            "relation.eats",
        ),
    ],
)
def test_what_is_wrong_in_a_sheet_is_named(labels, old, new, complaint):
    _change(labels, old, new)

    with pytest.raises(BadInput) as refusal:
        load_task(labels, "fruit")

    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("title =", "titel ="), ('excludes = ["nuts"]', 'excludes = []\ncolour = "red"')],
)
def test_a_mistyped_key_hides_no_other_fault(labels, old, new):
    """Nor does it bring one that is none: a list is not too short for what is wrong in it."""
    assert old in SHEET
    sheet = SHEET.replace(old, new).replace("none = 0.1", "none = 0.2")
    sheet = sheet.replace('text = "She ate an apple."', 'text = "She ate."')
    (labels / "fruit.toml").write_text(sheet, encoding="utf-8")

    with pytest.raises(BadInput) as refusal:
        load_task(labels, "fruit")

    told = str(refusal.value)
    assert "not a key that is known here" in told
    assert "must sum to 1" in told
    assert "'apple' is not so written" in told
    assert "at least 1 item" not in told


@pytest.mark.parametrize(
    ("entity", "text", "is_there"),
    [
        ("scopolamin", "She took scopolamine.", False),
        ("apple", "Two pineapples.", False),
        ("beta", "A beta-blocker.", True),
        ("IgG+", "IgG+ cells.", True),
        ("(R)-warfarin", "Of (R)-warfarin.", True),
        ("Wilson", "Wilson's disease.", True),
        ("apple", "An Apple.", False),
    ],
)
def test_an_entity_of_a_demonstration_is_whole_words_of_it(labels, entity, text, is_there):
    """As curation finds it in an answer: runs of letters and digits, whatever joins them."""
    sheet = SHEET.replace('["apple"]\ntext', f'["{entity}"]\ntext')
    sheet = sheet.replace("She ate an apple.", text)
    (labels / "fruit.toml").write_text(sheet, encoding="utf-8")

    if is_there:
        load_task(labels, "fruit")
    else:
        with pytest.raises(BadInput, match="is not so written in its text"):
            load_task(labels, "fruit")


def test_faults_of_a_sheet_hide_none_of_its_vocabulary(labels):
    (labels / "fruit.tsv").write_text(WORDS + "apple\t\t\n", encoding="utf-8")
    _change(labels, "none = 0.1", "none = 0.2")

    with pytest.raises(BadInput, match=r"must sum to 1.*line 4: the name of line 2 again"):
        load_task(labels, "fruit")


def test_a_list_that_is_empty_is_told_to_be(labels):
    _change(labels, 'topics = ["weather"]', "topics = []")

    with pytest.raises(BadInput, match=r"topics: .*at least 1 item"):
        load_task(labels, "fruit")


def test_two_types_of_one_name_are_refused(labels):
    entity = SHEET[SHEET.index("[[entity]]") : SHEET.index("[[demonstration]]")]
    _change(labels, "[[demonstration]]", f"{entity}[[demonstration]]")

    with pytest.raises(BadInput, match="share a name"):
        load_task(labels, "fruit")


def test_a_missing_sheet_is_told_with_those_there_are(labels):
    with pytest.raises(BadInput, match=r"Sheets of this site: fruit\."):
        load_task(labels, "vegetable")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no `name` column"),
        (b"word\napple\n", "no `name` column"),
        (b"name\n\n", "0 term"),
        (b"name\napple\n", "1 term"),
        (b"name\tlabel\napple\tNut\npear\tFruit\n", "line 2"),
        (b"name\n\xff\xfe\n", "not UTF-8"),
        (b"name\tcolour\napple\tred\npear\t\n", "line 1: column 'colour'"),
        (b"name\tname\napple\tx\npear\ty\n", "line 1: column 'name' stands twice"),
        (b"name\tsynonyms\napple\t\npear\t\tPR\n", "line 3: more columns than the header"),
        (b"name\napple\n\npear\nApple \n", "line 5: the name of line 2 again"),
        (b"name\tsynonyms\napple\tpome\n\tpippin\npear\t\n", "line 3: no name"),
    ],
)
def test_a_vocabulary_that_can_not_be_used_is_refused(labels, content, complaint):
    (labels / "fruit.tsv").write_bytes(content)

    with pytest.raises(BadInput) as refusal:
        load_task(labels, "fruit")

    assert complaint in str(refusal.value)


def test_files_that_can_not_be_read_are_named(labels):
    (labels / "fruit.tsv").unlink()
    with pytest.raises(BadInput, match=r"fruit\.tsv can't be read"):
        load_task(labels, "fruit")

    (labels / "fruit.toml").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="not UTF-8"):
        load_task(labels, "fruit")


def test_with_two_types_every_line_names_its_own(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("name\tlabel\napple\tFruit\nhazel\tNut\n", encoding="utf-8")

    terms = load_vocabulary(path, ("Fruit", "Nut"), "invented").terms

    assert [(term.name, term.label) for term in terms] == [("apple", "Fruit"), ("hazel", "Nut")]


def test_all_faults_of_a_vocabulary_are_named_together(labels):
    """Up to ten: whoever mends a list mends it once."""
    words = "name\n" + "apple\npear\n" * 10
    (labels / "fruit.tsv").write_text(words, encoding="utf-8")

    with pytest.raises(BadInput, match=r"line 4: .*; line 13: .*; and 8 more"):
        load_task(labels, "fruit")


def test_a_public_list_may_have_more_than_is_read(tmp_path):
    """Columns of its own and names that stand twice are not the hospital's to mend."""
    path = tmp_path / "public.tsv"
    path.write_text("id\tname\n1\tapple\n2\tpear\n3\tApple\n", encoding="utf-8")

    assert len(load_vocabulary(path, ("Fruit",), "public").terms) == 3
