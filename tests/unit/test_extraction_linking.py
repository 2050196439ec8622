"""A concept, or none and why: a wrong code is worse than none."""

import pytest

from appliance.clinical.extraction.linking import Linker, digest_vocabulary, plain, read_vocabulary
from appliance.errors import BadInput
from appliance.records.findings import Link, LinkReason

TABLE = (
    "concept\tname\tsynonyms\n"
    "C1\tCrohn's disease\tregional enteritis|CD\n"
    "C2\tdiabetes mellitus type 1\t\n"
    "C3\tdiabetes mellitus type 2\t\n"
    "C4\tchronic depression\tCD\n"
    "C5\tpneumonia\t\n"
    "C6\tcongenital cataracts\t\n"
    "C7\tcongenital cataracta\t\n"
)


@pytest.fixture
def linker(tmp_path):
    path = tmp_path / "concepts.tsv"
    path.write_text(TABLE)
    return read_vocabulary(path)


@pytest.mark.parametrize(
    ("words", "link"),
    [
        ("Crohn's disease", Link("C1", 1.0, LinkReason.EXACT)),
        ("CROHN S  DISEASE", Link("C1", 1.0, LinkReason.EXACT)),
        ("Regional-Enteritis", Link("C1", 1.0, LinkReason.EXACT)),
        ("CD", Link("", 1.0, LinkReason.AMBIGUOUS)),
        ("CF", Link("", 0.0, LinkReason.TOO_SHORT)),
        ("broken leg", Link("", 0.0, LinkReason.UNKNOWN)),
    ],
)
def test_words_are_linked_or_it_is_said_why_not(linker, words, link):
    """Case and punctuation aside."""
    assert linker.link(words) == link


def test_a_slip_and_another_order_are_near_enough(linker):
    """With the similarity by which."""
    slip, order = linker.link("pneumonai"), linker.link("enteritis, regional")

    assert (slip.concept, slip.reason) in {("C5", LinkReason.NEAR), ("", LinkReason.UNKNOWN)}
    assert order == Link("C1", 1.0, LinkReason.NEAR)


def test_between_two_that_are_as_near_none_is_chosen(linker):
    """One letter from either."""
    link = linker.link("congenital cataract")

    assert (link.concept, link.reason) == ("", LinkReason.AMBIGUOUS)
    assert link.score > 0.95


@pytest.mark.parametrize("words", ["diabetes mellitus type 3", "diabetes mellitus type"])
def test_a_number_that_differs_is_another_name(linker, words):
    """Though all the other letters are the same."""
    assert linker.link(words).reason == LinkReason.UNKNOWN


def test_the_answer_does_not_depend_on_the_order_of_the_vocabulary():
    """The same names from the other end."""
    names = {plain(f"disease of kind {n}"): frozenset({f"C{n}"}) for n in range(10, 60)}
    back = dict(reversed(names.items()))
    words = [f"diseases of kind {n}" for n in range(10, 60)]

    assert [Linker(names).link(one) for one in words] == [Linker(back).link(one) for one in words]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("code\tterm\nC1\tx\n", "no columns"),
        ("concept\tname\nC1\t\n", "line 2"),
        ("concept\tname\n", "names no concept"),
        ("", "no columns"),
        ("concept\tname\nC1\tAndr\udce9\n", "no table in UTF-8"),
    ],
)
def test_a_vocabulary_that_is_none_is_bad_input(tmp_path, content, said):
    """With the line and what to give instead."""
    path = tmp_path / "concepts.tsv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(BadInput, match=said):
        read_vocabulary(path)


def test_a_vocabulary_that_is_not_there_is_bad_input(tmp_path):
    """Before any note is read."""
    for read in (read_vocabulary, digest_vocabulary):
        with pytest.raises(BadInput, match="can't be read"):
            read(tmp_path / "absent.tsv")
