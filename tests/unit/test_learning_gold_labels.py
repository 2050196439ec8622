"""Gold of other people's tasks: their labels, their format, their pairs."""

import json

import pytest

from appliance.errors import BadInput
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.labels import read_renames
from appliance.learning.evaluation.pair_gold import read_pair_gold
from appliance.records.cards import PairTypes
from appliance.records.spans import UNRELATED, Span

INDUCES = PairTypes("induces", "Chemical", "Disease")
TREATS = PairTypes("treats", "Chemical", "Disease")
MEETS = PairTypes("meets", "Chemical", "Chemical")
TITLE, ABSTRACT = "Nausea after quinine.", "Zinc helped. Quinine gave nausea and deafness."
TEXT = f"{TITLE} {ABSTRACT}"


def entity(words, label, concept, occurrence=0):
    at = -1
    for _ in range(occurrence + 1):
        at = TEXT.index(words, at + 1)
    return f"7\t{at}\t{at + len(words)}\t{words}\t{label}\t{concept}"


LINES = (
    f"7|t|{TITLE}",
    f"7|a|{ABSTRACT}",
    entity("Nausea", "Disease", "D1"),
    entity("quinine", "Chemical", "C1"),
    entity("Zinc", "Chemical", "C2"),
    entity("Quinine", "Chemical", "C1"),
    entity("nausea and deafness", "Disease", "D1|D2"),
    entity("deafness", "Disease", "D2"),
)
CID = "7\tCID\tC1\tD1"


def pubtator(tmp_path, *more, lines=LINES, name="gold.PubTator.txt"):
    path = tmp_path / name
    path.write_text("\n".join((*lines, *more)) + "\n\n8|t|None here.\n8|a|\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["gold.pubtator", "CDR_TestSet.PubTator.txt"])
def test_pubtator_is_title_and_abstract_with_the_outer_spans(tmp_path, name):
    """Of a composite mention and its part the whole counts; relations are no entities."""
    first, second = read_gold(pubtator(tmp_path, CID, name=name), ("Chemical", "Disease"))

    assert first.text == TEXT
    assert [first.text[span.start : span.end] for span in first.spans] == [
        *("Nausea", "quinine", "Zinc", "Quinine", "nausea and deafness")
    ]
    assert (second.document_id, second.text, second.spans) == ("8", "None here. ", ())


def test_a_pair_of_concepts_is_judged_once_where_its_mentions_are_nearest(tmp_path):
    """Stated or not; a document's other pairs of the right types are unrelated."""
    gold = pubtator(tmp_path, CID, "7\tCID\tC1\t-1")

    first, _ = read_pair_gold(gold, (INDUCES,), read_renames(["CID=induces"]))

    places = [(first.spans[one.head], first.spans[one.tail], one.label) for one in first.relations]
    composite = TEXT.index("nausea and")
    assert [(TEXT[head.start : head.end], tail.start, label) for head, tail, label in places] == [
        ("Zinc", 0, UNRELATED),
        ("Zinc", composite, UNRELATED),
        ("Quinine", composite, "induces"),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("7\t0\t6\tMorphine\tChemical\tC1", "do not stand at its offsets"),
        ("7\t0\t6\tNausea\tSpecies\tC1", "not one of the task's: Chemical, Disease"),
        ("7 nothing", "no title, abstract, entity or relation"),
    ],
)
def test_what_is_wrong_in_pubtator_is_named_by_line(tmp_path, line, complaint):
    """And its words are not told."""
    with pytest.raises(BadInput, match=f"line {len(LINES) + 1}: .*{complaint}") as caught:
        read_gold(pubtator(tmp_path, line), ("Chemical", "Disease"))

    assert "Morphine" not in str(caught.value)
    assert "Nausea" not in str(caught.value)


def test_an_unknown_relation_of_pubtator_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"document at line 1: .*induces, none"):
        read_pair_gold(pubtator(tmp_path, CID), (INDUCES,))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gold.conll", "aspirin\tB-DRUG\nor\tO\nrat\tB-Species\nfood\tI-Species\n"),
        (
            "gold.jsonl",
            json.dumps(
                {
                    "id": "1",
                    "text": "aspirin or rat food",
                    "spans": [
                        {"start": 0, "end": 7, "label": "DRUG"},
                        {"start": 11, "end": 19, "label": "Species"},
                    ],
                }
            ),
        ),
    ],
)
def test_labels_of_the_gold_are_read_as_those_of_the_task(tmp_path, name, content):
    """Or left out, where they stand for nothing."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")

    [document] = read_gold(path, ("Chemical",), read_renames(["Drug=chemical", "species="]))

    assert document.spans == (Span(0, 7, "Chemical"),)
    with pytest.raises(BadInput, match="--map GOLD=OURS"):
        read_gold(path, ("Chemical",), read_renames(["Drug=Chemical"]))


def test_labels_of_brat_are_read_so_too(tmp_path):
    (tmp_path / "a.txt").write_text("aspirin for rats")
    (tmp_path / "a.ann").write_text("T1\tDRUG 0 7\taspirin\nT2\tSpecies 12 16\trats\n")

    [document] = read_gold(tmp_path, ("Chemical",), read_renames(["DRUG=Chemical", "Species="]))

    assert document.spans == (Span(0, 7, "Chemical"),)


@pytest.mark.parametrize("given", [["Chemical"], ["=Chemical"], ["A=", "A=B"], ["A=B", "A="], [""]])
def test_a_map_that_says_nothing_is_refused(given):
    with pytest.raises(BadInput, match="GOLD=OURS"):
        read_renames(given)


def spans_gold(tmp_path, *relations):
    spans = [("Chemical", 0, 7), ("Chemical", 8, 15), ("Disease", 16, 22), ("Species", 23, 27)]
    row = {
        "id": "1",
        "text": "aspirin codeine nausea rats",
        "spans": [{"start": start, "end": end, "label": label} for label, start, end in spans],
        "relations": [dict(zip(("head", "tail", "label"), one, strict=True)) for one in relations],
    }
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(row))
    return path


def test_one_label_of_the_gold_may_be_several_of_ours(tmp_path):
    """The one that joins the types of the pair, in the direction in which it does."""
    gold = spans_gold(tmp_path, (2, 0, "Association"), (1, 0, "Association"), (0, 3, "Bind"))
    renames = ["Association=treats", "Association=meets", "Species=", "Bind="]

    [document] = read_pair_gold(gold, (INDUCES, TREATS, MEETS), read_renames(renames))

    assert [(pair.head, pair.tail, pair.label) for pair in document.relations] == [
        (0, 2, "treats"),
        (1, 0, "meets"),
        (1, 2, UNRELATED),
    ]


def test_a_pair_whose_label_is_left_out_is_not_judged(tmp_path):
    """It is neither right nor wrong."""
    gold = spans_gold(tmp_path, (0, 2, "Comparison"))

    [document] = read_pair_gold(gold, (INDUCES,), read_renames(["Species=", "Comparison="]))

    assert [(pair.head, pair.tail) for pair in document.relations] == [(1, 2)]


def test_a_label_that_joins_other_types_is_refused(tmp_path):
    """No adapter could ever say it of that pair."""
    gold = spans_gold(tmp_path, (0, 1, "induces"))

    with pytest.raises(BadInput, match="a label that joins their types"):
        read_pair_gold(gold, (INDUCES, MEETS), read_renames(["Species="]))


def test_masks_are_named_as_the_gold_names_them(tmp_path):
    path = tmp_path / "gold.jsonl"
    rows = [
        {"text": "@CHEM$ gave @DIS$.", "label": "CPR:9"},
        {"text": "@CHEM$ met @DIS$.", "label": "false"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    renames = ["CHEM=Chemical", "DIS=Disease", "CPR:9=treats"]

    documents = read_pair_gold(path, (INDUCES, TREATS), read_renames(renames))

    assert [document.relations[0].label for document in documents] == ["treats", UNRELATED]


def brat(tmp_path, *relations):
    (tmp_path / "a.txt").write_text("aspirin gave the rats nausea and cured gout")
    lines = ["T1\tDRUG 0 7\taspirin", "T2\tSpecies 17 21\trats", "T3\tDisease 22 28\tnausea"]
    lines += ["T4\tDisease 39 43\tgout", *relations]
    (tmp_path / "a.ann").write_text("\n".join(lines) + "\n")
    return tmp_path


RENAMES = read_renames(["DRUG=Chemical", "Species=", "CID=induces"])


def test_relations_of_brat_are_pairs(tmp_path):
    """As this product exports them: what is joined, and the rest unrelated."""
    gold = brat(tmp_path, "R1\tCID Arg1:T3 Arg2:T1", "R2\ttreats Arg1:T1 Arg2:T2")

    [document] = read_pair_gold(gold, (INDUCES, TREATS), RENAMES)

    assert [(pair.head, pair.tail, pair.label) for pair in document.relations] == [
        (0, 1, "induces"),
        (0, 2, UNRELATED),
    ]


@pytest.mark.parametrize(
    "line", ["R1\tCID Arg1:T1 Arg2:T9", "R1\tCID T1 T3", "R1\tCID Arg1:T1 Arg2:T3 Arg3:T4"]
)
def test_a_broken_relation_of_brat_is_refused(tmp_path, line):
    with pytest.raises(BadInput, match=r"line 5 of its \.ann: no relation"):
        read_pair_gold(brat(tmp_path, line), (INDUCES, TREATS), RENAMES)


def test_a_relation_of_brat_that_joins_other_types_is_refused(tmp_path):
    with pytest.raises(BadInput, match="none that joins its types"):
        read_pair_gold(brat(tmp_path, "R1\tCID Arg1:T3 Arg2:T4"), (INDUCES,), RENAMES)


def test_unrelated_ends_that_nothing_could_join_are_no_pair(tmp_path):
    """To say so of them would be right whatever an adapter has learned."""
    gold = spans_gold(tmp_path, (0, 1, "none"), (0, 2, "none"))

    [document] = read_pair_gold(gold, (INDUCES,), read_renames(["Species="]))

    assert [(pair.head, pair.tail) for pair in document.relations] == [(0, 2), (1, 2)]
