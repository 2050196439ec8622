"""What the gate denies of a sheet is told by place and rule, and no word of it is."""

import shutil
from dataclasses import replace
from itertools import islice

import pytest

from appliance.cli.main import run
from appliance.records.identifiers import Digest
from appliance.records.tasks import Openings
from appliance.records.verdicts import Decision, Hit, Verdict
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import list_tasks, load_task
from appliance.synthesis.prompting.places import ASKED, fixed_texts, place_of
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows.sheet_denials import EVERYTHING, DeniedPlace, denied_places
from appliance.workflows.site import init
from tests.lib.small_task import small_sheet, small_vocabulary

_DIGEST = Digest("3" * 64)
_LABELS = shipped_policies() / "labels"


class Finder:
    """A gate that takes one word for a person; with none it denies every text for a reason."""

    def __init__(self, word="", reason="identifier"):
        self.word, self.reason = word, reason

    def inspect_many(self, texts):
        """A verdict each."""
        return [self._rule(text) for text in texts]

    def _rule(self, text):
        at = text.find(self.word) if self.word else -1
        hits = (Hit(at, at + len(self.word), "PERSON", 0.9, "names"),) if at >= 0 else ()
        is_denied = bool(hits) or not self.word
        decision = Decision.DENY if is_denied else Decision.ALLOW
        return Verdict(decision, hits, (), self.reason if is_denied else "no-hit", _DIGEST)


def _sheet():
    openings = Openings(single=("The dose of {first}",), none=("Nobody", "Plasma"))
    attributes = {"section": ("impression", "past history"), "writer": ("an old hand",)}
    return replace(small_sheet(), openings=openings, attributes=attributes)


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("Drug mentions", "title"),
        ("Both aspirin", "demonstration 3"),
        ("walked to the window", "demonstration 5"),
        ("a normal scan", "topic 2"),
        ("past history", "attribute section 2"),
        ("an old hand", "attribute writer 1"),
        ("The dose of", "opening single 1"),
        ("Plasma", "opening none 2"),
    ],
)
def test_what_the_gate_denies_is_named_by_its_place(word, place):
    """From 1, as people count; what merely stands behind a denied part is not blamed."""
    found = denied_places(_sheet(), small_vocabulary(), Finder(word))

    assert found == (DeniedPlace(place, "PERSON (names)"),)


def test_an_attribute_of_a_draft_has_its_place():
    """Also where a topic stands behind it."""
    for draft in islice(drafts(_sheet(), small_vocabulary(), 0), 60):
        at = draft.prompt.rindex("an old hand")
        assert place_of(_sheet(), draft, at + 3) == "attribute writer 1"


def test_a_clean_sheet_and_a_shut_gate_are_told_apart():
    """A gate that denies whatever it is asked says so once, not for each part."""
    clean = denied_places(_sheet(), small_vocabulary(), Finder("Quackenbush"))
    shut = denied_places(_sheet(), small_vocabulary(), Finder(reason="patient-index-empty"))

    assert clean == ()
    assert shut == (DeniedPlace(EVERYTHING, "patient-index-empty"),)


@pytest.mark.parametrize("name", list_tasks(_LABELS))
def test_every_part_of_a_prompt_has_its_place(name):
    """What a draft shows of its sheet is found in it again, at its place, and nothing else is."""
    sheet, vocabulary = load_task(_LABELS, name)
    parts = {one.place: one.text[one.start :] for one in fixed_texts(sheet, vocabulary)}

    stream = drafts(sheet, vocabulary, seed=1)
    for draft in (next(stream) for _ in range(40)):
        for at in range(0, len(draft.prompt), 7):
            place = place_of(sheet, draft, at)
            if place.startswith(("demonstration", "relation")):
                assert parts[place] in draft.prompt
        assert place_of(sheet, draft, 0) == "title"
        topic = place_of(sheet, draft, len(draft.prompt) - 1)
        assert topic == ASKED or parts[topic].split("\n")[0] in draft.prompt


def test_validate_names_a_brand_that_is_taken_for_a_person(tmp_path, capsys):
    """By the real gate; nothing but the place and the rule, and the sheet is well-formed still."""
    site = init(tmp_path / "site", "air-gapped")
    sheet = site.paths.labels / "disease.toml"
    text = sheet.read_text(encoding="utf-8")
    shown = text.index("[[demonstration]]")
    brand = '[[demonstration]]\nentities = ["gout"]\nregister = "progress note"\n'
    brand += 'text = "Seen by Dr. Zebulon Quackenbush for gout."\n\n'
    sheet.write_text(text[:shown] + brand + text[shown:], encoding="utf-8")
    words = ["task", "validate", "--site", str(site.paths.root)]

    assert run([*words, "disease"]) == 0
    told = capsys.readouterr().err
    assert run([*words, "disease", "--quick"]) == 0
    quick = capsys.readouterr().err
    shutil.copy(sheet.with_suffix(".tsv"), tmp_path)
    shutil.copy(sheet, tmp_path)
    assert run([*words, str(tmp_path / "disease.toml")]) == 0
    elsewhere = capsys.readouterr().err

    assert "the gate denies demonstration 1: PERSON" in told
    assert told.count("the gate denies") == 1
    assert "Quackenbush" not in told
    assert "denies" not in quick + elsewhere
