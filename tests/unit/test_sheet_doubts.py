"""What a well-formed label sheet contradicts itself in is named, and refused nowhere."""

import json
from dataclasses import replace

import pytest

from appliance.cli.main import run
from appliance.records.tasks import Composition, Demonstration, Term
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import list_tasks, load_task
from appliance.synthesis.curation.doubts import doubts_about

_LABELS = shipped_policies() / "labels"


def shipped():
    """The shipped sheet of diseases, which holds none, and its vocabulary."""
    return load_task(_LABELS, "disease")


def doubts(**changes):
    sheet, vocabulary = shipped()
    return [(one.place, one.what) for one in doubts_about(replace(sheet, **changes), vocabulary)]


def with_entity(**changes):
    sheet, _ = shipped()
    return doubts(entities=(replace(sheet.entities[0], **changes),))


def shown(text, *entities):
    sheet, _ = shipped()
    return doubts(demonstrations=(*sheet.demonstrations, Demonstration(entities, text, "x")))


@pytest.mark.parametrize("name", list_tasks(_LABELS))
def test_no_shipped_sheet_contradicts_itself(name):
    assert doubts_about(*load_task(_LABELS, name)) == ()


def test_a_counter_example_that_the_vocabulary_names_is_in_doubt():
    """Curation labels it all the same; one that only holds a name hides that name, as it should."""
    assert with_entity(counter_examples=("cough", "Gout", "gout stool")) == [
        (
            "entity Disease, counter-example 2",
            "a name of the vocabulary: it is labelled all the same",
        )
    ]


def test_a_counter_example_that_is_a_name_of_another_type_is_in_no_doubt():
    sheet, vocabulary = load_task(_LABELS, "drug-adverse-event")
    drug, event = sheet.entities
    marked = replace(
        sheet, entities=(drug, replace(event, counter_examples=("amiodarone", "nausea")))
    )

    assert [one.place for one in doubts_about(marked, vocabulary)] == [
        "entity AdverseEvent, counter-example 2"
    ]


def test_a_topic_without_an_entity_that_names_one_is_in_doubt():
    sheet, _ = shipped()
    place = f"topic {len(sheet.topics) + 1}"

    assert [one for one, _ in doubts(topics=(*sheet.topics, "a visit for gout"))] == [place]


def test_a_demonstration_that_curation_would_label_otherwise_is_in_doubt():
    number = len(shipped()[0].demonstrations) + 1
    place = f"demonstration {number}"

    none, narrower, unknown = (
        shown("He has gout."),
        shown("Hereditary breast and ovarian cancer was found.", "ovarian cancer"),
        shown("He has gout and blahitis.", "gout", "blahitis"),
    )
    assert none == [(place, "1 name(s) of the vocabulary that it does not call an entity")]
    assert [one for one, _ in narrower] == [place, place]
    assert unknown == [(place, "1 of its entities would not be labelled so in its text")]
    assert not shown("Gout: he has gout, no asthma.", "Gout", "gout", "asthma")


def test_a_frame_with_a_name_outside_its_braces_is_in_doubt():
    sheet, _ = shipped()
    frames = (*sheet.composition.frames, "{Disease} and gout", "BP {number}")
    composition = replace(sheet.composition, frames=frames)
    assert isinstance(composition, Composition)

    assert [place for place, _ in doubts(composition=composition)] == [
        f"compose.frames {len(frames) - 1}"
    ]


def test_what_stands_twice_is_in_doubt():
    sheet, _ = shipped()
    registers = (*sheet.registers, sheet.registers[0].upper())
    topics = (*sheet.topics, f" {sheet.topics[2]}")

    assert doubts(registers=registers, topics=topics) == [
        (f"register {len(registers)}", "the same as register 1"),
        (f"topic {len(topics)}", "the same as topic 3"),
    ]


def test_a_rule_for_and_against_and_a_blank_definition_are_in_doubt():
    entity = shipped()[0].entities[0]

    assert with_entity(excludes=(*entity.excludes, entity.includes[1].lower()), definition=" ") == [
        ("entity Disease", "its definition is blank"),
        (f"entity Disease, excludes {len(entity.excludes) + 1}", "the same rule as includes 2"),
    ]


def test_a_doubt_holds_no_word_of_the_sheet_and_a_name_of_the_vocabulary_makes_it():
    """Of the same sheet with another vocabulary nothing is in doubt, or something else."""
    sheet, vocabulary = shipped()
    wider = replace(vocabulary, terms=(*vocabulary.terms, Term("low-grade", (), (), "Disease")))

    found = doubts_about(sheet, wider)

    assert found
    assert "grade" not in "".join(f"{one.place} {one.what}" for one in found)


def test_validate_names_doubts_and_refuses_nothing(tmp_path, capsys):
    sheet = tmp_path / "disease.toml"
    text = (_LABELS / "disease.toml").read_text()
    sheet.write_text(text.replace('"cough", "chest pain"', '"gout", "chest pain"', 1))
    (tmp_path / "disease.tsv").write_bytes((_LABELS / "disease.tsv").read_bytes())

    assert run(["task", "validate", str(sheet)]) == 0
    assert "counter-example 1" in capsys.readouterr().out
    assert run(["task", "validate", str(sheet), "--json"]) == 0
    assert [one["place"] for one in json.loads(capsys.readouterr().out)["doubts"]] == [
        "entity Disease, counter-example 1"
    ]
    assert run(["task", "validate", "disease", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["doubts"] == []
