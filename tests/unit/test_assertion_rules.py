"""How findings are meant, on sentences as notes have them; and what the rules refuse."""

import pickle
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.clinical.assertion.context import ContextEngine
from appliance.clinical.assertion.sentences import _END, sentences_of
from appliance.errors import BadInput
from appliance.records.assertions import Assertion, Cue
from appliance.settings.assertion import FILE, load_assertion
from appliance.settings.policies import shipped_policies

EXAMPLES = Path(__file__).parents[1] / "lib" / "assertion_examples.txt"
RULES = load_assertion(shipped_policies())
ENGINE = ContextEngine(RULES)


def examples(part):
    found = []
    current = ""
    for line in EXAMPLES.read_text().splitlines():
        if line.startswith("== "):
            current = line.removeprefix("== ")
        elif current == part and "\t" in line:
            kinds, text = line.split("\t")
            found.append((text, frozenset(kinds.split(",")) - {"-"}))
    return found


def read(marked):
    """The text without brackets, and the interpretation of what stood in them."""
    start, end = marked.index("["), marked.index("]") - 1
    text = marked.replace("[", "", 1).replace("]", "", 1)
    [interpretation] = ENGINE.interpret(text, [(start, end)])
    return text, interpretation


def kinds(marked):
    return {cue.kind.value for cue in read(marked)[1].cues}


@pytest.mark.parametrize(("text", "expected"), examples("tuned"))
def test_a_finding_is_meant_as_its_sentence_says(text, expected):
    """One by one, so that a rule that is changed shows what it breaks."""
    assert kinds(text) == expected


def test_sentences_that_the_rules_were_not_made_with_are_read_as_well():
    """Micro-averaged over kinds; `deploy/MEASURED.md` has the figures."""
    hits = Counter()
    for text, expected in examples("check"):
        found = kinds(text)
        hits.update(
            right=len(found & expected), found=len(found), expected=len(expected), sentences=1
        )

    assert hits["sentences"] >= 50
    assert hits["right"] / hits["found"] >= 0.9
    assert hits["right"] / hits["expected"] >= 0.9


@pytest.mark.parametrize(("text", "expected"), examples("tuned"))
def test_every_cue_is_shown_where_it_stands(text, expected):
    """Within the text, outside the finding, on words of the rules."""
    plain, interpretation = read(text)
    known = {rule.words for rule in RULES.phrases}

    for cue in interpretation.cues:
        words = " ".join(plain[cue.start : cue.end].lower().split())
        assert words in known or any(words in section.headings for section in RULES.sections)
    assert {cue.kind.value for cue in interpretation.cues} == expected


def test_a_heading_says_what_all_below_it_is():
    """Family and past history, until the next heading; the heading is the cue."""
    text = (
        "HISTORY OF PRESENT ILLNESS:\nCough.\n\nPAST MEDICAL HISTORY\nGout. No asthma.\n"
        "Family history:\nStroke.\n\nUNHEARD-OF HEADING:\nRash.\n"
    )
    words = ("Cough", "Gout", "asthma", "Stroke", "Rash")
    spans = [(text.index(word), text.index(word) + len(word)) for word in words]

    cough, gout, asthma, stroke, rash = ENGINE.interpret(text, spans)

    assert (cough.section, cough.cues) == ("present-illness", ())
    assert gout.section == "past-history"
    [cue] = gout.cues
    assert (cue.kind, text[cue.start : cue.end]) == (Assertion.HISTORICAL, "PAST MEDICAL HISTORY")
    assert {cue.kind for cue in asthma.cues} == {Assertion.HISTORICAL, Assertion.NEGATED}
    assert {cue.kind for cue in stroke.cues} == {Assertion.FAMILY}
    assert (rash.section, rash.cues) == ("", ())


def test_notes_on_one_line_have_sections_too():
    """As exports flatten them."""
    text = "CHIEF COMPLAINT:  Cough.,FAMILY HISTORY:  Stroke.,PLAN:  Rest."

    [stroke] = ENGINE.interpret(text, [(text.index("Stroke"), text.index("Stroke") + 6)])

    assert stroke.section == "family-history"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No fever. Dr. Ada saw him.", ["No fever.", "Dr. Ada saw him."]),
        ("Temp. 38.5 C. Ill.", ["Temp. 38.5 C.", "Ill."]),
        ("wrapped in\nthe middle; new", ["wrapped in\nthe middle;", "new"]),
        ("one\n- two\n- three", ["one", "- two", "- three"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    """Not at abbreviations, initials, decimals or wrapped lines."""
    assert [text[start:end].strip() for start, end in sentences_of(text)] == expected


def test_the_engine_travels_to_workers():
    """Pickled and back it says the same."""
    again = pickle.loads(pickle.dumps(ENGINE))

    text = "No fever."
    assert again.interpret(text, [(3, 8)]) == ENGINE.interpret(text, [(3, 8)])
    assert again.interpret(text, [(3, 8)])[0].cues == (Cue(Assertion.NEGATED, 0, 2),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"no", ', '"no  such", ', "negated"),
        ("version = 1", "version = 2", "version"),
        ("[negated]", "[negative]", "negative"),
        ('implies = "family"', 'implies = "mine"', "implies"),
        ('"plan", ', '"assessment", ', "two sections"),
        ("version = 1", "version = ", "no TOML"),
    ],
)
def test_rules_that_are_broken_are_named(tmp_path, old, new, said):
    """By key; a site without its rules extracts nothing."""
    text = (shipped_policies() / FILE).read_text()
    assert old in text
    (tmp_path / FILE).write_text(text.replace(old, new, 1))

    with pytest.raises(BadInput, match=re.escape(said)):
        load_assertion(tmp_path)
    with pytest.raises(BadInput, match="copy the one that ships"):
        load_assertion(tmp_path / "nowhere")


OLD_END = re.compile(
    r"(?P<stop>[.!?]+)[\"')\]]*(?=\s+[A-Z0-9(\"'\[•*-]|\s*$)"
    r"|;"
    r"|\n(?=\s*(?:\n|[A-Z(\[•*>-]|\d+[.)]\s))"
)


@settings(max_examples=300)
@given(st.text(alphabet=".!?\"')](-;\n\t A1a", max_size=40))
def test_sentences_end_where_the_plain_pattern_ends_them(text):
    """Which takes the square of the time, and says more clearly what is meant."""
    ends = [match.span() for match in OLD_END.finditer(text)]

    assert [match.span() for match in _END.finditer(text)] == ends
