# ruff: noqa: SIM905 - word lists read best whole
"""A sieve spares searches and nothing else: whatever a search would find is found."""

import re
from unittest import mock

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appliance.gate.recognizers import beginnings, contacts, dates, names, numbers, places
from appliance.gate.recognizers.rules import Rule, RuleSet, find_all

SETS = {
    "numbers": numbers.RULES,
    "contacts": contacts.RULES,
    "dates": dates.RULES,
    "places": places._RULES,
    "names": names._RULES,
}
RULE_SETS = {name: RuleSet(rules) for name, rules in SETS.items()}
# Something of every rule, and of what nearly is something.
PIECES = """
    MRN mrn: m.r.n. 00417722 4417 ID # policy group plan no. number is was account visit case lab
    serial s/n lot plate ABC-1234 NPI 1234567893 DEA AB1234563 SSN 123-45-6789 social security
    last four call 415-555-0142 (415) 555-0142 +44 20 7946 0958 ext. 12 pager 1EG4-TE5-MK73
    943 476 5919 4111 1111 1111 1111 1M8GDM9AXKP042788 (01)00012345678905 00:1B:44:11:3A:B7
    zq@example.org zq @ example (at) dot www.example.org http://x.yz/a 192.168.0.1 fe80::1 @handle
    scan.png QWxpY2UgU21pdGg1 0x4a6f686e %4A%6f &#74;&#x6f; \\u004a\\u006f S m i t h 1 2 3 4 5 6
    four one seven three 03/04/1957 3-4-57 04.03.57 2021-03-04T10:11 20210304 March 3rd, '21 the
    third of May Monday 03/2021 on 3/4 DOB born since Christmas 2020 winter of at 10:30 pm 92 y/o
    aged 93 nonagenarian ninety-one years old 12 Larkspur Court Apt 4 P.O. Box 8158 room 12b MA
    02118 ZIP code Boston, MA visited General Hospital in Cedar Heart Nightingale Ward Kent County
    initials J.K. patient A. B. mother Anna JohnSmith name: john doe K. Lindqvist Parkinson's mg of
""".split()
TEXTS = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(PIECES),
            st.text("aAbeKs\u017f\u212a\u0130\u00e90123456789.-/#@:()' \n\u00a0", max_size=8),
        ),
        st.sampled_from([str, str, str.upper, str.lower]),
        st.sampled_from([" ", " ", " ", "", "\n", ", ", "-", "."]),
    ),
    max_size=14,
).map(lambda parts: "".join(change(word) + gap for word, change, gap in parts))

ATOMS = st.sampled_from(
    r"a b B 1 é \d \w \s \S \D \W \. [ab] [^a] [b-d1] [^\d] [\w.] . \b \B ^ $ (?<!a) (?<![\w.])"
    r" (?!b) (?!\d) (?=a) (?=\w*1) (?!ab) (?<=b) (?<!ab) (?-i:a) (?i:b) (?P<g>a) (?>ab)".split()
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(
            inner,
            st.sampled_from(["?", "*", "+", "{0,2}?", "{1,5}", "{2}", "{4,}", "{6}"]),
            # Nothing, repeated, can take for ever.
        ).map(lambda two: f"(?:{two[0]}[ab1]){two[1]}"),
        st.sampled_from(
            [r"\d{3}", r"[ab]{2,}", r"\w*", r"[a-c1]{1,4}?", r"\d\d{2,}", ".?", "[^b]+"]
        ),
    ),
    max_leaves=7,
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_the_rules_find_through_the_sieve_what_they_find_alone(text):
    """In the same order, each rule as often."""
    for name, rules in SETS.items():
        assert list(RULE_SETS[name].find(text)) == list(find_all(rules, text))


@settings(max_examples=500, deadline=None)
@given(PATTERNS, PATTERNS, st.sampled_from([0, regex.IGNORECASE]), st.data())
def test_a_pattern_of_any_form_finds_through_the_sieve_what_it_finds_alone(one, two, flags, data):
    """However it is written: nothing is taken for impossible that is not."""
    pattern = f"{one}[ab1\u00e9]{two}"
    assume(pattern.count("(?P<g>") < 2)
    made = Rule("any", "UNIQUE_IDENTIFIER", 1.0, regex.compile(pattern, flags))
    rules = RuleSet([made])

    for text in data.draw(st.lists(st.text("aAbBcd1. \u00e9\n", max_size=16), max_size=6)):
        assert list(rules.find(text)) == list(find_all([made], text))


@pytest.mark.parametrize("pattern", [r"\p{L}\d", r"(?<n>a)\g<n>", r"(?P<s>[ab])1(?P=s)"])
def test_what_the_standard_library_does_not_understand_is_searched_everywhere(pattern):
    """Only time is lost."""
    made = Rule("any", "UNIQUE_IDENTIFIER", 1.0, regex.compile(pattern))

    assert list(RuleSet([made]).find("x a1 aa a1a")) == list(find_all([made], "x a1 aa a1a")) != []


def test_without_the_standard_librarys_parser_every_rule_is_searched_everywhere():
    """Its names are private and may change."""
    with mock.patch.object(re, "_parser", None):
        shape = beginnings.read_shape(r"MRN\d{5}", 0)

    assert shape == beginnings.read_shape(r"\p{L}", 0)
    assert shape.within == ()
    assert shape.digits == 0


def test_a_condition_on_a_group_could_begin_with_anything():
    """What is understood by the parser and not by us is searched everywhere."""
    pattern = r"(a)?(?(1)b|c)1"
    made = Rule("any", "UNIQUE_IDENTIFIER", 1.0, regex.compile(pattern))

    assert list(RuleSet([made]).find("ab1 c1 b1")) == list(find_all([made], "ab1 c1 b1")) != []
