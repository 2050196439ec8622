"""Drafts: repeatable, in the sheet's shares, the constant part first."""

import random
import re
import shutil
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import pytest

from appliance.gate.unwrapping.spelling import unleet
from appliance.records.prompts import ENTITY_KINDS, DraftKind
from appliance.records.tasks import DraftMix, Openings, Term, Vocabulary
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import load_sheet_file
from appliance.synthesis.prompting.codes import invent_symbol, invent_variant
from appliance.synthesis.prompting.demonstrations import ROTATION
from appliance.synthesis.prompting.drafting import make_draft
from appliance.synthesis.prompting.stream import drafts
from tests.lib.small_task import small_sheet, small_vocabulary


def take(count, seed=0, sheet=None, vocabulary=None):
    return list(
        islice(drafts(sheet or small_sheet(), vocabulary or small_vocabulary(), seed), count)
    )


def test_the_same_seed_gives_the_same_drafts():
    """A run can be repeated from its order alone."""
    assert take(100) == take(100)
    assert take(100) != take(100, seed=1)


def test_kinds_come_in_the_shares_of_the_sheet():
    """Forty drafts hold the mix exactly."""
    kinds = Counter(draft.kind for draft in take(40))

    assert kinds == {
        DraftKind.SINGLE: 16,
        DraftKind.SEVERAL: 12,
        DraftKind.ABBREVIATION: 4,
        DraftKind.NONE: 8,
    }


def test_a_grid_asks_for_each_value_in_turn():
    """Register, section and writer stand in every request; those of an attribute come equally."""
    grid = {
        "section": ("impression", "past history"),
        "writer": ("a nurse", "a surgeon", "a clerk"),
    }
    found = take(60, sheet=replace(small_sheet(), attributes=grid))
    asked = [draft.prompt.rpartition("Register: ")[2].partition("\n")[0] for draft in found]
    styles = [line.split(", ")[:3] for line in asked]

    assert [style[0] for style in styles] == [draft.register for draft in found]
    assert Counter(style[1] for style in styles) == dict.fromkeys(grid["section"], 30)
    assert Counter(style[2] for style in styles) == dict.fromkeys(grid["writer"], 20)
    assert len({tuple(style[1:]) for style in styles}) == 6


def test_a_sheet_without_a_grid_asks_as_it_did():
    """Journals of earlier runs stay good: not a byte of a prompt is another."""
    plain = take(80, sheet=replace(small_sheet(), attributes={}))

    assert plain == take(80)
    for draft in plain:
        style = draft.prompt.rpartition("Register: ")[2].partition("\n")[0]
        assert style.split(", ")[0] == draft.register
        assert (style != draft.register) == (draft.kind is DraftKind.NONE)


def test_the_grid_that_the_shipped_sheet_shows_can_be_switched_on(tmp_path):
    """Its comment is no dead letter."""
    shipped = shipped_policies() / "labels"
    text = (shipped / "disease.toml").read_text()
    begin = text.index("# [attributes]")
    end = text.index("\n\n", begin)
    shown = re.sub("^# ", "", text[begin:end], flags=re.MULTILINE)
    (tmp_path / "disease.toml").write_text(text[:begin] + shown + text[end:])
    shutil.copy(shipped / "disease.tsv", tmp_path)

    sheet, _ = load_sheet_file(tmp_path / "disease.toml")

    assert {"section", "population", "writer", "hedging", "length"} == set(sheet.attributes)


def test_what_begins_an_answer_of_any_sheet_speaks_of_no_kind_of_entity():
    """Words as in "a case of aspirin", or "mutations in this gene", belong into a sheet."""
    begun = {
        word
        for draft in take(400)
        for word in re.findall("[a-z]+", draft.opening.lower())
        if draft.kind is not DraftKind.NONE and word not in " ".join(draft.entities).lower()
    }

    assert {"we", "studied", "unlike"} <= begun
    assert not begun & {"gene", "case", "mutations", "diagnosis", "treated", "family", "patients"}


def test_every_term_is_asked_for_before_any_comes_again():
    """Coverage: no name waits for luck."""
    sheet = small_sheet(DraftMix(1, 0, 0, 0))
    terms = small_vocabulary().terms

    named = [draft.entities[0] for draft in take(len(terms), sheet=sheet)]

    assert all(any(name in term.surfaces for name in named) for term in terms)


def test_drafts_of_one_kind_share_their_constant_part():
    """The engine computes the demonstrations once for many drafts."""
    singles = take(ROTATION, sheet=small_sheet(DraftMix(1, 0, 0, 0)))

    constant = {draft.prompt[: draft.prompt.rindex("Entities:")] for draft in singles}

    assert len(constant) == 1


def test_demonstrations_change_after_a_while():
    """No demonstration is shown so long that the model learns it by heart."""
    singles = take(ROTATION * 6, sheet=small_sheet(DraftMix(1, 0, 0, 0)))

    constants = [draft.prompt[: draft.prompt.rindex("Entities:")] for draft in singles]

    assert sum(one != other for one, other in pairwise(constants)) >= 2


def test_a_prompt_ends_where_the_answer_begins():
    """With the answer's mark, or with the opening that the draft tells of."""
    found = Counter()
    for draft in take(200):
        found[bool(draft.opening)] += 1
        end = f"Sentence: {draft.opening}" if draft.opening else "Sentence:"
        assert draft.prompt.endswith(end)

    assert min(found.values()) > 40


def test_openings_of_entity_drafts_keep_the_entity_whole():
    """Whatever part of an opening names an entity, it names it as asked for."""
    for draft in take(300):
        if draft.kind is DraftKind.SINGLE and draft.opening:
            assert draft.entities[0].lower() in draft.opening.lower()


def test_the_id_is_the_digest_of_all_fields():
    """The same draft has the same id; any other one has not."""
    one = make_draft("drug", DraftKind.SINGLE, ("aspirin",), "note", "prompt")

    assert (
        one.draft_id
        == make_draft("drug", DraftKind.SINGLE, ("aspirin",), "note", "prompt").draft_id
    )
    assert (
        one.draft_id != make_draft("drug", DraftKind.SINGLE, ("aspirin",), "note", "other").draft_id
    )
    assert (
        one.draft_id
        != make_draft("drug", DraftKind.SINGLE, ("aspirin",), "note", "prompt", "A").draft_id
    )


@pytest.mark.parametrize("count", [2, 3])
def test_the_smallest_vocabulary_serves(count):
    """Two names without abbreviations are enough for a stream."""
    terms = tuple(Term(f"drug{number}", (), (), "Drug") for number in range(count))

    found = take(100, vocabulary=Vocabulary("tests", terms, "2" * 64))

    assert {draft.kind for draft in found} == set(ENTITY_KINDS) - {DraftKind.ABBREVIATION}
    assert all(len(set(draft.entities)) == len(draft.entities) for draft in found)


def test_a_repr_shows_no_prompt():
    """Logs of a draft hold its id."""
    (draft,) = take(1)

    assert draft.prompt not in repr(draft)


def with_codes():
    openings = Openings(single=("{symbol} in {first}",), none=("{symbol} was", "{variant} in"))
    return replace(small_sheet(), openings=openings)


def codes(drafts_taken):
    """Words of capitals and digits in openings that no entity explains."""
    return [
        word
        for draft in drafts_taken
        for word in re.findall(r"\b[A-Z]{2,}\d+\b", draft.opening)
        if word not in draft.entities
    ]


def test_invented_codes_stand_where_the_sheet_has_openings_for_them():
    """A task of medicines is not begun with genes that nobody asked for."""
    assert len(codes(take(200, sheet=with_codes()))) > 20
    assert not codes(take(200))


def test_an_invented_code_is_no_name_of_the_vocabulary():
    """A look-alike never is what it looks like."""
    names = {surface for term in small_vocabulary().terms for surface in term.surfaces}

    assert not names.intersection(codes(take(400, sheet=with_codes())))


def test_an_invented_code_is_nobody():
    """The gate reads no name out of its digits and no room out of its letters."""
    rng = random.Random(7)
    made = [invent_symbol(rng, set()) for _ in range(2000)]
    made += [invent_variant(rng) for _ in range(2000)]

    assert not [code for code in made if unleet(code) or code.startswith("RM")]
