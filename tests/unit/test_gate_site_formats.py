"""A site's own number formats: found like any other identifier, refused where they could run on."""

import time

import pytest

from appliance.errors import BadInput, DetectorFailed
from appliance.gate.recognizers import site
from appliance.gate.recognizers.catalogue import finders
from appliance.gate.recognizers.rules import Rule
from appliance.gate.recognizers.site import is_safe, load_site_rules
from appliance.settings.policies import shipped_policies

FORMAT = """version = 1
[[formats]]
name = "our-mrn"
entity = "MEDICAL_RECORD_NUMBER"
pattern = 'H[0-9]{2}[- ]?\\d{2}'
"""


@pytest.fixture
def policy(tmp_path):
    return tmp_path / "identifiers.toml"


def test_the_shipped_file_has_no_format_and_says_how():
    assert load_site_rules(shipped_policies() / "identifiers.toml") == ()


@pytest.mark.parametrize("text", ["H12-34", "see h1234 there", "H12 34."])
def test_a_site_s_number_is_found_without_any_cue(policy, text):
    policy.write_text(FORMAT)

    found = finders(load_site_rules(policy))["hospital-numbers"](text)
    hits = [hit for hit in found if hit.detector == "site-our-mrn"]

    assert [hit.entity for hit in hits] == ["MEDICAL_RECORD_NUMBER"]
    assert hits[0].score > 0.9


@pytest.mark.parametrize("text", ["AH12-34", "H12-345", "H1234X", "H12"])
def test_it_must_stand_alone(policy, text):
    policy.write_text(FORMAT)

    (rule,) = load_site_rules(policy)

    assert not list(rule.find(text))


@pytest.mark.parametrize(
    "pattern",
    [r"[A-Z]{2}\d{6}", r"(?:AB|CD)-\d{4,6}", r"\d{3}\.\d{2}/\d", r"K\w{4}\s?\d{4}", r"[\d-]{8}"],
)
def test_a_safe_pattern_is_taken(pattern):
    assert is_safe(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d+",
        r"(?:a+)+b",
        r"\d*",
        r"(a)\1",
        r"(?=\d)\d{4}",
        r"(?<!x)\d{4}",
        r".{9}",
        r"[^a]{4}",
        r"\d{4,}",
        r"\d{0,9}",
        r"\d{9,1}",
        r"\w{1,40}\w{1,40}\w{1,40}",
        r"(?:ab",
        r"[z-a]{4}",
        "",
        "a" * 201,
    ],
)
def test_a_pattern_that_could_run_on_or_match_nothing_is_refused(pattern):
    assert not is_safe(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\w{1,30}\w{1,30}", r"(?:\w{1,6}|\d{1,6})\w{1,6}", "\\w?" * 9 + "x"]
)
def test_the_worst_safe_pattern_ends_soon(pattern):
    """Over a text of the greatest size that the policy allows."""
    assert is_safe(pattern)
    rule = site._make_rule("slow", "ACCOUNT_NUMBER", pattern)
    begun = time.process_time()

    assert not list(rule.find("a" * 60_000 + "!"))
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"version = 2", "version = 1"),
        (b"version = 1\nextra = 1", "only"),
        (b"version = 1\nformats = 3", "formats"),
        (b"version = 1\nformats = [3]", "formats"),
        (b"version = ", "TOML"),
        (b"\xff", "UTF-8"),
        (FORMAT.replace("our-mrn", "Our MRN").encode(), "name"),
        (FORMAT.replace("MEDICAL_RECORD_NUMBER", "mrn").encode(), "entity"),
        (FORMAT.replace("H[0-9]{2}", ".*").encode(), "format 1"),
        (FORMAT.replace("entity", "kind").encode(), "needs name"),
        (FORMAT.replace('"our-mrn"', "7").encode(), "needs name"),
        (FORMAT.encode() + b"score = 0.1\n", "nothing else"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(policy, content, complaint):
    """And the gate does not open."""
    policy.write_bytes(content)

    with pytest.raises(BadInput, match=complaint):
        load_site_rules(policy)


def test_a_missing_file_is_refused(policy):
    """Removing it must not remove the site's formats in silence."""
    with pytest.raises(BadInput, match="can't be read"):
        load_site_rules(policy)


def test_a_search_that_takes_too_long_denies():
    """The rule raises; the gate makes a denial of that."""

    class Slow:
        groupindex = ()

        def finditer(self, *_args, **_kwargs):
            raise TimeoutError

    with pytest.raises(DetectorFailed, match="site-slow"):
        list(Rule("site-slow", "ACCOUNT_NUMBER", 0.9, Slow()).find("text"))
