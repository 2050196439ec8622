"""Curation: what is kept is labelled right, what is not is counted."""

from dataclasses import replace

import pytest

from appliance.records.examples import Line, Split
from appliance.records.prompts import QUARANTINED, Completion, DraftKind, Route
from appliance.records.tasks import Composition, Term, Vocabulary
from appliance.synthesis.curation.answers import read_answer
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.lexicon import Lexicon
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.prompting.drafting import make_draft
from tests.lib.small_task import small_sheet, small_vocabulary


def ask(*entities, opening="", kind=DraftKind.SINGLE):
    return make_draft("drug", kind if entities else DraftKind.NONE, entities, "note", "p", opening)


def answer(draft, text, finish="stop"):
    return Completion(draft.draft_id, Route.SCRIPTED, "m", text, finish, 10, 10)


def curator():
    return Curator(small_sheet(), small_vocabulary())


def keep(draft, text, judge=None):
    judge = judge or curator()
    example = judge.consider(draft, answer(draft, text))
    assert example is not None, dict(judge.dropped)
    return [example.text[span.start : span.end] for span in example.spans]


def drop(draft, text, finish="stop", judge=None):
    judge = judge or curator()
    assert judge.consider(draft, answer(draft, text, finish)) is None
    ((reason, count),) = judge.dropped.items()
    assert count == 1
    return reason


def test_every_occurrence_is_labelled():
    """A name that comes twice is labelled twice, in whatever case."""
    text = " Warfarin was stopped on Monday, and warfarin was begun again at home."

    assert keep(ask("warfarin"), text) == ["Warfarin", "warfarin"]


def test_what_was_not_asked_for_is_labelled_too():
    """The vocabulary is a second pass over the whole text."""
    text = " She took warfarin with atorvastatin until the visit last week."

    assert keep(ask("warfarin"), text) == ["warfarin", "atorvastatin"]


def test_a_sentence_that_should_hold_none_is_labelled_when_it_does():
    """No name of the vocabulary stays unlabelled in a sentence meant to hold none."""
    assert keep(ask(), " They gave her aspirin before the visit to the ward.") == ["aspirin"]


def test_the_longest_name_wins():
    """A name inside a longer one is not labelled by itself."""
    assert keep(ask("morphine"), " He was given morphine sulfate at six in the morning.") == [
        "morphine sulfate"
    ]


def test_plurals_and_hyphens_are_the_same_name():
    """A hyphen for a space, and an s more, is the same name."""
    assert keep(ask("beta blocker"), " Most beta-blockers were held on the day before.") == [
        "beta-blockers"
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("we saw all of them", []),
        ("we gave ALL to them", ["ALL"]),
        ("statin therapy and the statin", ["statin therapy"]),
        ("prewarfarin or warfarine", []),
        ("aspirin/warfarin", ["aspirin", "warfarin"]),
        ("(aspirin), warfarin.", ["aspirin", "warfarin"]),
        ("aspirin \N{EN DASH} warfarin", ["aspirin", "warfarin"]),
    ],
)
def test_names_are_whole_words_and_short_forms_keep_their_case(text, found):
    """Neither part of a word nor a common word is taken for a name."""
    matches = Lexicon(small_vocabulary()).find(text)

    assert [text[match.span.start : match.span.end] for match in matches] == found


def test_two_letters_need_their_long_form():
    """A short form of two letters is believed when asked for or spelled out."""
    lexicon = Lexicon(small_vocabulary())

    assert [match.is_doubtful for match in lexicon.find("MS was given")] == [True]
    assert [match.is_doubtful for match in lexicon.find("MS was given", ["MS"])] == [False]
    assert [match.is_doubtful for match in lexicon.find("morphine (MS) was given")] == [False] * 2


def test_what_is_said_to_be_no_entity_hides_the_names_in_it():
    """A name of the vocabulary stays one, also in a longer name and where it is passed over."""
    lexicon = Lexicon(small_vocabulary())
    lexicon.pass_over(["morphine pump", "beta blocker", "statin"])
    text = "morphine by a morphine pump, a beta-blocker and statin therapy"

    matches = lexicon.find(text)

    assert [text[match.span.start : match.span.end] for match in matches] == [
        *("morphine", "beta-blocker", "statin therapy")
    ]


def test_a_word_of_a_slot_and_a_counter_example_are_not_labelled_in_part():
    """No creatine in "creatine kinase", which a slot for enzymes has."""
    sheet = small_sheet(composition=Composition(0, 1.0, (), {"device": ("morphine pump",)}))
    (drug,) = sheet.entities
    said = replace(drug, counter_examples=("aspirin sensitivity test",))
    judge = Curator(replace(sheet, entities=(said,)), small_vocabulary())

    line = judge.take(Line("A morphine pump and an aspirin sensitivity test.", ()))
    both = judge.take(Line("morphine by morphine pump", ("morphine",)))

    assert line.spans == ()
    assert [(span.start, span.end) for span in both.spans] == [(0, 8)]


def test_a_counter_example_of_one_type_keeps_the_names_of_another_in_it():
    """What is no event may hold a drug all the same."""
    sheet = small_sheet()
    (drug,) = sheet.entities
    event = replace(drug, name="Event", counter_examples=("warfarin level",), examples=("rash",))
    judge = Curator(replace(sheet, entities=(drug, event)), small_vocabulary())

    line = judge.take(Line("The warfarin level was low.", ("warfarin",)))

    assert [(span.start, span.end, span.label) for span in line.spans] == [(4, 12, "Drug")]


def test_a_short_form_in_the_plural_is_found():
    """The letter that makes a plural does not hide a short form."""
    text = "two ASAs were given"

    (match,) = Lexicon(small_vocabulary()).find(text)
    assert text[match.span.start : match.span.end] == "ASAs"


def test_a_text_without_the_asked_entity_is_dropped():
    """Every requested entity must be in the text."""
    both = ask("warfarin", "aspirin", kind=DraftKind.SEVERAL)

    assert drop(both, " She took warfarin until the visit of last week.") is Reason.UNGROUNDED


def test_a_doubtful_short_form_drops_the_text():
    """Labelled or not, it could teach a lie."""
    assert drop(ask(), " MS was discussed with the family on Monday.") is Reason.DOUBTFUL


def test_an_unlabelled_name_look_alike_drops_the_text():
    """What ends like many names of the vocabulary, and is none of them, is suspect."""
    names = [f"{stem}mycin" for stem in ("strepto", "erythro", "vanco", "clinda", "genta", "neo")]
    names += [f"{stem}mycin" for stem in ("kana", "tobra", "azithro")]
    terms = tuple(Term(name, (), (), "Drug") for name in names)
    judge = Curator(small_sheet(), Vocabulary("tests", terms, "2" * 64))

    assert (
        drop(ask(), " He was given spiramycin on the ward at night.", judge=judge) is Reason.SUSPECT
    )


def test_a_large_vocabulary_does_not_make_suspects_of_ordinary_words():
    """Of thousands of names some end with "1", with "human", and like "another" and "mutation"."""
    names = [f"x{number}amycin" for number in range(3000)]
    names += [f"factor {number} {end}" for number in range(6) for end in ("1", "b", "human")]
    names += [f"{chr(97 + number)}qather" for number in range(9)]
    names += [f"{chr(97 + number)}qotation" for number in range(9)]
    terms = tuple(Term(name, (), (), "Drug") for name in names)
    judge = Curator(small_sheet(), Vocabulary("tests", terms, "2" * 64))
    wanted = ask(names[0])

    clean = f" {names[0]} came with 1 human cell, b, and another mutation."
    assert keep(wanted, clean, judge) == [names[0]]
    assert drop(wanted, f"{clean[:-1]} of zephamycin.", judge=judge) is Reason.SUSPECT


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        (" no", "stop", Reason.LENGTH),
        ("", "stop", Reason.LENGTH),
        (" It went on and on and", "length", Reason.TRUNCATED),
        (" He said Entities: none and went home again.", "stop", Reason.ECHO),
        (" See https://example.org for the rest of the text.", "stop", Reason.ECHO),
        (" She went home, she went home, she went home again.", "stop", Reason.REPETITION),
        (" \u4eca\u65e5\u306f\u3044\u3044 one two three four five six", "stop", Reason.GARBAGE),
        (" one two three 1.2 3.4 5.6 7.8 9.1 2.3 4.5 6.7 8.9 1.2 3.4", "stop", Reason.GARBAGE),
        (" the patient\x07 was seen on the ward today", "stop", Reason.GARBAGE),
        ("", QUARANTINED, Reason.QUARANTINED),
        (" He was started on a new tablet, and then the", "stop", Reason.TRUNCATED),
        (" She came back to the clinic on the same day,", "stop", Reason.TRUNCATED),
        (" The pills were given by Dr. Then he", "length", Reason.TRUNCATED),
        (" As an AI language model I give no advice on tablets.", "stop", Reason.TALK),
        (" Sure! The man was seen on the ward in the evening.", "stop", Reason.TALK),
        (" Here is a short sentence about a man on the ward.", "stop", Reason.TALK),
        (" Write a sentence that names no drug, as a nurse would.", "stop", Reason.TALK),
        (" He went home well. I hope this helps with the task.", "stop", Reason.TALK),
        (" The man is seen in the style of a progress note.", "stop", Reason.TALK),
    ],
)
def test_spoiled_answers_are_dropped_under_their_reason(text, finish, reason):
    """Every drop is counted, none is silent."""
    assert drop(ask(), text, finish) is reason


def test_accents_and_greek_are_no_garbage():
    """Medicine is not written in ASCII."""
    assert not keep(ask(), " The caf\u00e9-au-lait spots measured 3 \u00b5m in the \u03b1 band.")


def test_a_cut_answer_is_kept_to_its_last_whole_sentence():
    """What stands before the cut is as good as any."""
    draft = ask()

    text = read_answer(draft, answer(draft, " He slept well in the night. Then he", "length"))

    assert text == "He slept well in the night."


@pytest.mark.parametrize(
    "further",
    [
        "Human: Could you give me one more sentence?",
        "Which of the following is the best answer",
        " Assistant: The next one is about a drug.",
    ],
)
def test_what_a_model_goes_on_with_behind_its_answer_is_cut_off(further):
    """An instruction model that misses its end plays the next turn too."""
    draft = ask()

    text = read_answer(draft, answer(draft, f" He slept well in the night.{further}"))

    assert text == "He slept well in the night."


@pytest.mark.parametrize(
    "text",
    [
        " Strain no. 12 grew at 4.5 mg/L, i.e. less than the wild type.",
        " Of course he was seen again by the nurse on the ward.",
        " The patient was asked to write down a sentence, and did it well.",
        " We compared the given dose with that of the previous visit.",
        " The assistant: nobody else was there in the night.",
    ],
)
def test_a_plain_sentence_is_not_taken_for_talk(text):
    """Words of those rules in their ordinary meaning."""
    draft = ask()

    assert read_answer(draft, answer(draft, text)) == text.strip()


def test_the_opening_is_part_of_the_text():
    """What the prompt began, the example holds."""
    draft = ask("warfarin", opening="Known warfarin,")

    assert keep(draft, " stopped two days before the visit.") == ["warfarin"]


def test_a_repeated_demonstration_is_dropped():
    """The same sentence about another drug is the same sentence."""
    text = " The trial compared atorvastatin with no tablet."

    assert drop(ask("atorvastatin"), text) is Reason.PARROTED


def test_the_same_text_is_kept_once():
    """Case and punctuation do not make another text."""
    judge = curator()
    keep(ask(), " He walked to the window and back again.", judge)

    assert drop(ask(), " he walked to the window, and back again", judge=judge) is Reason.DUPLICATE


def test_the_same_text_about_another_drug_is_a_near_duplicate():
    """Entities are masked before texts are compared."""
    judge = curator()
    text = " After the long visit {} was given twice by the new nurse on the ward."
    keep(ask("warfarin"), text.format("warfarin"), judge)

    reason = drop(ask("atorvastatin"), text.format("atorvastatin"), judge=judge)

    assert reason is Reason.NEAR_DUPLICATE


def test_one_beginning_does_not_fill_the_corpus():
    """After a few texts that begin alike, another one is one too many."""
    judge = curator()
    ends = ["the garden", "a tall nurse", "old books", "heavy rain", "an open door", "warm bread"]
    for end in ends:
        judge.consider(
            ask(), answer(ask(), f" He went out to {end} and stayed for {len(end)} hours.")
        )

    assert judge.dropped[Reason.MONOTONOUS] == 3


def test_a_dev_concept_is_never_trained_on():
    """Every example that names a concept kept for dev is in dev."""
    judge = curator()
    splits = {}
    for number in range(40):
        for term in small_vocabulary().terms:
            text = f" On day {number} of spring, bed {number * 7} had {term.name} as well."
            example = judge.consider(ask(term.name), answer(ask(term.name), text))
            if example is not None and len(example.spans) == 1:
                splits.setdefault(term.name, set()).add(example.split)

    assert all(len(found) == 1 for found in splits.values())
    assert {Split.TRAIN} in splits.values()
