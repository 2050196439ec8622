"""What holds for the invented hospital as a whole."""

import itertools
import re
from collections import Counter

import pytest

from appliance.invented.lookalikes import LOOKALIKE
from appliance.settings.policies import _SHIPPED
from appliance.settings.tasks import load_task
from tests.lib.invented_hospital import hospital, invent

_SAFE_HARBOR = {
    "name", "address", "birth-date", "phone", "fax", "email", "ssn", "mrn", "health-plan",
    "account", "licence", "vehicle", "device", "url", "ip", "biometric", "photo", "other-id",
}  # fmt: skip
_TOKEN = re.compile(r"\w+")


def _normalised(text):
    return " ".join(_TOKEN.findall(text.lower()))


def _vocabulary():
    _, vocabulary = load_task(_SHIPPED / "labels", "disease")
    names = {_normalised(name) for term in vocabulary.terms for name in (term.name, *term.synonyms)}
    return names, {short for term in vocabulary.terms for short in term.abbreviations}


def _vocabulary_hits(text, names, abbreviations):
    """Longest matches; abbreviations only in their own case."""
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    first = 0
    while first < len(tokens):
        for last in range(min(len(tokens), first + 9), first, -1):
            stretch = text[tokens[first][0] : tokens[last - 1][1]]
            if _normalised(stretch) in names or stretch in abbreviations:
                yield tokens[first][0], tokens[last - 1][1]
                first = last - 1
                break
        first += 1


def test_the_same_seed_gives_the_same_hospital():
    assert invent(3, 24) == invent(3, 24)
    assert invent(3, 24) != invent(4, 24)


@pytest.mark.parametrize("notes", [1, 2, 7, 50])
def test_it_makes_as_many_notes_as_asked(notes):
    assert len(invent(1, notes).notes) == notes


def test_it_refuses_to_make_no_notes():
    with pytest.raises(ValueError, match="at least one"):
        invent(1, 0)


def test_the_default_hospital_is_large_and_varied():
    made = hospital()
    kinds = Counter(note.kind for note in made.notes)

    assert len(made.notes) == 240
    assert len(made.patients) == 90
    assert len(kinds) == 12
    assert min(kinds.values()) >= 10
    assert len({note.text for note in made.notes}) == 240
    assert min(len(note.text) for note in made.notes) < 400
    assert max(len(note.text) for note in made.notes) > 2500


def test_gold_belongs_to_the_notes_one_to_one():
    made = hospital()

    for documents in (made.gold, made.identifier_gold, made.lookalikes):
        assert [(d.document_id, d.text) for d in documents] == [
            (note.source_id, note.text) for note in made.notes
        ]


def test_spans_are_sorted_and_whole_words():
    made = hospital()

    for document in (*made.gold, *made.identifier_gold, *made.relation_gold):
        spans = document.spans
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
        for span in spans:
            surface = document.text[span.start : span.end]
            assert surface == surface.strip()
            around = (
                document.text[max(0, span.start - 1) : span.start],
                document.text[span.end : span.end + 1],
            )
            assert not (around[0].isalnum() and surface[0].isalnum())
            assert not (around[1].isalnum() and surface[-1].isalnum())


def test_no_disease_of_the_vocabulary_is_left_unlabelled():
    """Only stretches listed as lookalikes, and identifiers, may look like a disease unlabelled."""
    made = hospital()
    names, abbreviations = _vocabulary()

    missed = []
    for gold, identifiers, lookalikes in zip(
        made.gold, made.identifier_gold, made.lookalikes, strict=True
    ):
        covered = [*gold.spans, *identifiers.spans, *lookalikes.spans]
        missed += [
            (gold.document_id, gold.text[start:end])
            for start, end in _vocabulary_hits(gold.text, names, abbreviations)
            if not any(span.start < end and start < span.end for span in covered)
        ]

    assert missed == []


def test_a_dictionary_does_not_win():
    """At least 35 % of the mentions are written as the vocabulary does not write them."""
    made = hospital()
    names, abbreviations = _vocabulary()
    known = names | {_normalised(short) for short in abbreviations}
    surfaces = [d.text[span.start : span.end] for d in made.gold for span in d.spans]

    unknown = [surface for surface in surfaces if _normalised(surface) not in known]

    assert len(surfaces) > 1000
    assert len(unknown) / len(surfaces) >= 0.35
    assert sum(len(d.spans) for d in made.lookalikes) >= 100
    assert {span.label for d in made.lookalikes for span in d.spans} == {LOOKALIKE}


def test_no_two_notes_are_one_template_with_names_swapped():
    """Masked notes share under half of their runs of five tokens, however alike they are."""
    made = hospital()
    notes = []
    for gold, identifiers in zip(made.gold, made.identifier_gold, strict=True):
        text = gold.text
        for span in sorted((*gold.spans, *identifiers.spans), reverse=True):
            mask = "disease" if span.label == "Disease" else "identifier"
            text = f"{text[: span.start]} {mask} {text[span.end :]}"
        tokens = _TOKEN.findall(re.sub(r"\d+", "0", text.lower()))
        notes.append({tuple(tokens[at : at + 5]) for at in range(max(1, len(tokens) - 4))})

    highest = max(
        len(one & other) / len(one | other)
        for place, one in enumerate(notes)
        for other in notes[:place]
    )

    assert highest < 0.5


def test_every_patient_carries_all_eighteen_identifiers():
    for patient in hospital().patients:
        assert {identifier.kind for identifier in patient.identifiers} >= _SAFE_HARBOR


def test_the_notes_write_all_eighteen_identifiers_and_great_age():
    written = Counter(span.label for d in hospital().identifier_gold for span in d.spans)

    assert set(written) >= _SAFE_HARBOR | {
        "date",
        "age",
        "clinician",
        "relative",
        "hospital",
        "zip",
    }


def test_identifiers_hold_every_written_form():
    made = hospital()
    known = {(identifier.kind, identifier.value) for identifier in made.identifiers()}

    for document in made.identifier_gold:
        for span in document.spans:
            assert (span.label, document.text[span.start : span.end]) in known
    for patient in made.patients:
        assert {(i.kind, i.value) for i in patient.identifiers} <= known


def test_registered_numbers_are_unique_and_of_a_valid_form():
    rows = [{i.kind: i.value for i in patient.identifiers} for patient in hospital().patients]

    assert len({row["mrn"] for row in rows}) == len(rows)
    for row in rows:
        area, group, serial = row["ssn"].split("-")
        assert area not in {"000", "666"}
        assert int(area) < 734
        assert group != "00"
        assert serial != "0000"
        assert row["ssn"] not in {"123-45-6789", "078-05-1120"}
        assert "-555-01" in row["fax"]


def test_notes_of_one_patient_are_in_order_of_time():
    by_patient = {}
    for note in hospital().notes:
        by_patient.setdefault(note.patient_source_id, []).append(note.written_on)

    assert all(days == sorted(days) for days in by_patient.values())


def test_text_stays_out_of_repr():
    made = hospital()

    assert made.notes[0].text[:20] not in repr(made)
    assert made.patients[0].identifiers[0].value not in repr(made.patients)


def test_relation_gold_has_related_and_unrelated_pairs():
    documents = hospital().relation_gold
    labels = {span.label for d in documents for span in d.spans}

    assert len(documents) >= 60
    assert len({d.text for d in documents}) == len(documents)
    assert labels == {"Drug", "AdverseEvent"}
    assert 0.3 < sum(bool(d.relations) for d in documents) / len(documents) < 0.8
    for document in documents:
        for relation in document.relations:
            assert document.spans[relation.head].label == "Drug"
            assert document.spans[relation.tail].label == "AdverseEvent"
