"""A document reduced to one identifier keeps that one, where it stands, and no other."""

from appliance.records.gold import GoldDocument
from appliance.records.spans import Span
from tests.lib.reduction import reduce_to_one

TEXT = "Ann Lee, MRN 4417, seen in Quuxton."
SPANS = (Span(0, 7, "NAME"), Span(13, 17, "MEDICAL_RECORD_NUMBER"), Span(27, 34, "GPE"))


def test_each_span_is_alone_once():
    reduced = list(reduce_to_one(GoldDocument("d", TEXT, SPANS)))

    assert [one.text for one in reduced] == [
        "Ann Lee, MRN on file, seen in town.",
        "the patient, MRN 4417, seen in town.",
        "the patient, MRN on file, seen in Quuxton.",
    ]
    assert [one.text[span.start : span.end] for one in reduced for span in one.spans] == [
        "Ann Lee",
        "4417",
        "Quuxton",
    ]


def test_a_document_without_a_span_has_no_reduction():
    assert not list(reduce_to_one(GoldDocument("d", TEXT, ())))
