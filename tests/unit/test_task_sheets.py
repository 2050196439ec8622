"""The label sheets that come with the product, and the commands that show them."""

import json
import re

import pytest

from appliance.cli.main import run
from appliance.errors import BadInput, SiteError
from appliance.settings.policies import _SHIPPED
from appliance.settings.tasks import list_tasks, load_task
from appliance.workflows import task as workflow
from appliance.workflows.site import init

_LABELS = _SHIPPED / "labels"
_DATE = re.compile(r"\b(?:\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|(?:19|20)\d\d)\b")


@pytest.mark.parametrize("name", list_tasks(_LABELS))
def test_every_shipped_sheet_is_well_formed(name):
    sheet, vocabulary = load_task(_LABELS, name)

    assert sheet.name == name
    assert {term.label for term in vocabulary.terms} == {entity.name for entity in sheet.entities}


@pytest.mark.parametrize("name", list_tasks(_LABELS))
def test_demonstrations_hold_no_date_and_no_great_age(name):
    """A prompt is made of them, and the gate lets no identifier through."""
    sheet, _ = load_task(_LABELS, name)

    for text in (*(shown.text for shown in sheet.demonstrations), *sheet.topics):
        assert not _DATE.search(text)
        assert not re.search(r"\b(?:9\d|1[01]\d)[- ]years?\b", text)


def test_the_disease_vocabulary_is_broad():
    sheet, vocabulary = load_task(_LABELS, "disease")

    assert len(vocabulary.terms) >= 600
    assert len(sheet.topics) >= 40
    assert len(sheet.demonstrations) >= 20
    assert {shown.register for shown in sheet.demonstrations} == set(sheet.registers)
    assert sum(not shown.entities for shown in sheet.demonstrations) >= 5


@pytest.mark.parametrize("name", list_tasks(_LABELS))
def test_no_concept_is_listed_twice(name):
    _, vocabulary = load_task(_LABELS, name)
    names = [
        (term.label, s.lower()) for term in vocabulary.terms for s in (term.name, *term.synonyms)
    ]

    assert len(names) == len(set(names))


def test_eponyms_stand_in_both_forms():
    _, vocabulary = load_task(_LABELS, "disease")
    surfaces = {surface for term in vocabulary.terms for surface in term.surfaces}
    possessive = [s for s in surfaces if "'s " in s and s[0].isupper() and " ear" not in s]

    assert len(possessive) > 40
    assert [s for s in possessive if s.replace("'s ", " ") not in surfaces] == []


def test_demonstrated_entities_stand_in_order():
    for name in list_tasks(_LABELS):
        sheet, _ = load_task(_LABELS, name)
        for shown in sheet.demonstrations:
            places = [shown.text.index(entity) for entity in shown.entities]
            assert places == sorted(places)


def test_validate_accepts_a_name_and_a_file(capsys):
    assert run(["task", "validate", "disease", "--json"]) == 0
    by_name = json.loads(capsys.readouterr().out)
    assert run(["task", "validate", str(_LABELS / "disease.toml"), "--json"]) == 0
    by_file = json.loads(capsys.readouterr().out)

    assert by_name == by_file
    assert by_name["entities"] == ["Disease"]


def test_list_and_show_print_every_sheet(capsys):
    assert run(["task", "list"]) == 0
    listed = capsys.readouterr().out
    assert run(["task", "show", "drug-adverse-event"]) == 0
    shown = capsys.readouterr().out

    assert "disease" in listed
    assert "drug-adverse-event" in listed
    assert "Drug > AdverseEvent" in shown


def test_show_prints_the_whole_sheet_as_json(capsys):
    assert run(["task", "show", "disease", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert len(document["demonstrations"]) >= 20


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(BadInput, match="disease"):
        workflow.validate("no-such-task")


def test_a_sheet_with_an_unknown_key_names_it(tmp_path, capsys):
    sheet = tmp_path / "disease.toml"
    sheet.write_text('colour = "red"\n' + (_LABELS / "disease.toml").read_text())
    (tmp_path / "disease.tsv").write_bytes((_LABELS / "disease.tsv").read_bytes())

    assert run(["task", "validate", str(sheet)]) == 2
    assert "colour" in capsys.readouterr().err


def test_a_vocabulary_with_one_entry_is_refused(tmp_path):
    sheet = tmp_path / "disease.toml"
    sheet.write_bytes((_LABELS / "disease.toml").read_bytes())
    (tmp_path / "disease.tsv").write_text("name\tsynonyms\tabbreviations\ngout\t\t\n")

    with pytest.raises(BadInput, match="at least 2"):
        workflow.validate(str(sheet))


def test_a_site_that_is_none_is_refused(tmp_path):
    with pytest.raises(SiteError):
        workflow.list_all(tmp_path)


def test_one_broken_sheet_hides_no_other(tmp_path, capsys):
    """The others are listed, the broken one is named with its fault, the exit code tells."""
    site = init(tmp_path / "site", "air-gapped")
    (site.paths.labels / "broken.toml").write_text("title = ", encoding="utf-8")
    words = ["task", "list", "--site", str(site.paths.root)]

    assert run(words) == 2
    table, complaint = capsys.readouterr()
    assert run([*words, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)

    assert "drug-adverse-event" in table
    assert "broken: " in complaint
    assert "not valid TOML" in complaint
    assert [sheet["name"] for sheet in document["sheets"]] == list(list_tasks(_LABELS))
    assert list(document["broken"]) == ["broken"]
