"""A sheet of another kind than diseases brings its own first words, and its own names."""

from collections import Counter
from itertools import islice

import pytest

from appliance.errors import BadInput
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import load_sheet_file, load_task
from appliance.settings.vocabularies.selection import Selection
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows.task import make_vocabulary
from tests.lib.pair_task import SHEET as PAIRS
from tests.lib.pair_task import write_pair_task

SHEET = """
title = "Fruit"
vocabulary = "fruit.tsv"
vocabulary_source = "invented"
registers = ["letter"]
topics = ["weather"]
[mix]
single = 0.3
several = 0.3
abbreviation = 0.2
none = 0.2
[[entity]]
name = "Fruit"
definition = "What grows on trees."
includes = ["apples"]
excludes = ["codes"]
examples = ["apple"]
counter_examples = ["E120"]
[openings]
single = ["{First} from the market", "They ate {first}"]
several = ["{First} with {second}", "{First}, {second}, {third} and"]
abbreviation = ["{First} ({second})", "A box of {first}"]
none = ["Nobody ate", "The label {symbol} means {variant}"]
[[demonstration]]
entities = ["apple"]
text = "She ate an apple."
register = "letter"
[[demonstration]]
entities = []
text = "It rained."
register = "letter"
"""
WORDS = "name\tsynonyms\tabbreviations\n" + "".join(
    f"{name}\t\t{name[:2].upper()}\n" for name in ("apple", "pear", "plum", "quince", "cherry")
)


def sheet_of(tmp_path, old="", new=""):
    assert old in SHEET
    path = tmp_path / "fruit.toml"
    path.write_text(SHEET.replace(old, new, 1) if old else SHEET)
    (tmp_path / "fruit.tsv").write_text(WORDS)
    return path


def test_answers_begin_with_the_sheets_own_words(tmp_path):
    """Each names the entities of its draft; nothing of the product's, which speak of diseases."""
    begun = Counter()
    for draft in islice(drafts(*load_sheet_file(sheet_of(tmp_path)), 0), 400):
        for name in draft.entities if draft.opening else ():
            assert name.casefold() in draft.opening.casefold()
        begun[draft.kind.value, draft.opening.partition(" ")[0]] += 1

    ours = {"They", "A", "Nobody", "The", "Weather", "", "Apple", "Pear", "Plum", "Quince"}
    ours |= {
        "Cherry",
        "AP",
        "PE",
        "PL",
        "QU",
        "CH",
        "Apple,",
        "Pear,",
        "Plum,",
        "Quince,",
        "Cherry,",
    }
    assert {first for _, first in begun} <= ours
    assert begun["none", "The"] > 10
    assert begun["single", "They"] > 10


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("They ate {first}", "They ate it"),
        ("They ate {first}", "They ate {first} {second}"),
        ("They ate {first}", "They ate {First} {first}"),
        ("Nobody ate", "Nobody ate {first}"),
        ("{First} with {second}", "{First} with {third}"),
        ("A box of {first}", "A box of {first"),
        ("A box of {first}", "A box of {first} and {other}"),
    ],
)
def test_an_opening_that_names_too_few_or_too_many_is_refused(tmp_path, old, new):
    with pytest.raises(BadInput, match=r"openings\.\w+ [1-9]:"):
        load_sheet_file(sheet_of(tmp_path, old, new))


def test_no_prompt_of_the_shipped_sheets_shows_a_slot():
    """With openings of their own or with the product's."""
    labels = shipped_policies() / "labels"

    for task in ("disease", "gene-disease", "drug-adverse-event"):
        sheet, vocabulary = load_task(labels, task)
        assert bool(sheet.openings.single) == (task == "disease")
        assert all("{" not in draft.prompt for draft in islice(drafts(sheet, vocabulary, 0), 50))


def test_of_several_relations_a_prompt_names_the_one(tmp_path):
    """Two may join the same types: "stated" alone would say nothing."""
    block = PAIRS[PAIRS.index("[[relation]]") : PAIRS.index("[[demonstration]]")]
    another = block.replace('name = "causes"', 'name = "is-taken-for"')
    sheet = PAIRS.replace("[[demonstration]]", another + "[[demonstration]]", 1)

    one = next(drafts(*load_sheet_file(write_pair_task(tmp_path)), 0))
    several = list(islice(drafts(*load_sheet_file(write_pair_task(tmp_path, sheet)), 0), 20))

    assert "Relation: stated" in one.prompt or "Relation: denied" in one.prompt
    names = {draft.relation for draft in several}
    assert names == {"causes", "is-taken-for"}
    for draft in several:
        asked = draft.prompt.rpartition("Relation: ")[2]
        assert asked.startswith(f"{draft.relation.replace('-', ' ')}, ")


def terms_file(tmp_path, *names):
    path = tmp_path / "source.tsv"
    path.write_text("name\tsynonyms\n" + "".join(f"{name}\t\n" for name in names))
    return path


def test_names_can_stand_in_a_sentence_without_their_capitals(tmp_path):
    """Those that only begin a word; codes and abbreviations keep theirs."""
    source = terms_file(tmp_path, "Insulin Glargine", "D-Glucose", "Vitamin B12", "ATP", "Ca2+ Ion")
    out = tmp_path / "out.tsv"

    make_vocabulary(source, "tsv", Selection("Chemical", lower=True), out)

    names = {line.partition("\t")[0] for line in out.read_text().splitlines()[1:]}
    assert names == {"insulin glargine", "D-glucose", "vitamin B12", "ATP", "Ca2+ ion"}


def test_two_terminologies_become_one_vocabulary(tmp_path):
    """For a sheet of two entity types; what is there stays as it is."""
    out = tmp_path / "out.tsv"
    make_vocabulary(terms_file(tmp_path, "aspirin", "codeine"), "tsv", Selection("Drug"), out)
    first = out.read_text()
    more = terms_file(tmp_path, "asthma", "gout")

    planned = make_vocabulary(more, "tsv", Selection("Disease"), out, append=True, dry_run=True)
    assert (planned.terms, out.read_text()) == (2, first)
    make_vocabulary(more, "tsv", Selection("Disease"), out, append=True)

    both = first + "asthma\t\t\tDisease\ngout\t\t\tDisease\n"
    assert out.read_text() == both
    again = make_vocabulary(more, "tsv", Selection("Disease"), out, append=True)
    assert (again.terms, again.known, out.read_text()) == (2, 2, both)
    with pytest.raises(BadInput, match="to add to"):
        make_vocabulary(more, "tsv", Selection("D"), tmp_path / "none.tsv", append=True)
    out.write_text("name\tlabel\n")
    with pytest.raises(BadInput, match="other columns"):
        make_vocabulary(more, "tsv", Selection("D"), out, append=True)
