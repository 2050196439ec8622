"""The page of an evaluation is numbers, and few ones are not on it."""

import re
from dataclasses import replace

import pytest

from appliance.cli.main import run
from appliance.errors import BadInput, Denied
from appliance.learning.evaluation.breakdown import break_down
from appliance.learning.evaluation.score import score, score_labels
from appliance.records.gold import GoldDocument
from appliance.records.progress import Silent
from appliance.records.scores import ScoreCard
from appliance.records.spans import ScoredSpan, Span
from appliance.settings.disclosure import load_disclosure
from appliance.settings.policies import shipped_policies
from appliance.workflows.evaluate_shown import Mistakes, evaluate_shown
from appliance.workflows.report.evaluation import render_evaluation
from appliance.workflows.site import init

TEXT = "Secretosis and asthma were seen."


def make_card(right, missed):
    """Of documents in which both names were found, and of some in which one was."""
    spans = (Span(0, 10, "Disease"), Span(15, 21, "Disease"))
    gold = [GoldDocument(str(number), TEXT, spans) for number in range(right + missed)]
    found = [
        tuple(ScoredSpan(span, 0.9) for span in (spans if number < right else spans[:1]))
        for number in range(right + missed)
    ]
    plain = [[one.span for one in document] for document in found]
    overall = score(gold, plain)
    return ScoreCard(
        adapter="reader",
        gold="gold.jsonl",
        documents=len(gold),
        overall=overall,
        per_label=score_labels(gold, plain, ("Disease",)),
        baselines={"dictionary": overall},
        breakdown=break_down(gold, found, ("Disease",), frozenset({"asthma"})),
    )


def cells(page):
    return dict(re.findall(r'<tr><td>([^<]+)</td><td class="n">([^<]*)</td></tr>', page))


def test_no_word_of_a_text_is_on_the_page():
    page = render_evaluation(make_card(40, 15), made_at="2026-11-27", smallest=11)

    assert "ecretosis" not in page
    assert "asthma" not in page
    assert not re.search(r"""(src|href)=["'](?!#)|<link|@import""", page)
    assert "<script" not in page


def test_few_mistakes_are_hidden_and_many_are_shown():
    few = render_evaluation(make_card(40, 3), made_at="2026-11-27", smallest=11)
    many = render_evaluation(make_card(40, 15), made_at="2026-11-27", smallest=11)

    assert cells(few)["missed"] == "–"
    assert cells(many)["missed"] == "15"
    assert cells(many)["spurious"] == "0"


def test_a_small_count_can_not_be_worked_out_from_a_total():
    """Of two labels that add up to a row above, either both are told or none."""
    card = make_card(40, 0)
    few, many = (replace(card.overall, gold=gold) for gold in (3, 77))
    page = render_evaluation(
        replace(card, per_label={"Rare": few, "Common": many}), made_at="2026-11-27", smallest=11
    )

    assert ">80<" in page
    assert ">77<" not in page
    assert ">3<" not in page


def test_of_a_handful_of_entities_no_rate_is_shown():
    page = render_evaluation(make_card(2, 1), made_at="2026-11-27", smallest=11)

    assert "83.3" not in page
    assert "<svg" not in page


def test_the_smallest_count_is_the_policys(tmp_path):
    assert load_disclosure(shipped_policies()).smallest == 11
    (tmp_path / "disclosure.toml").write_text("version = 1\n[counts]\nsmallest = 0\n")

    with pytest.raises(BadInput, match=r"counts\.smallest"):
        load_disclosure(tmp_path)


def test_words_go_to_a_terminal_and_nowhere_else(tmp_path):
    site = init(tmp_path / "site", "air-gapped")

    with pytest.raises(Denied, match="terminal"):
        evaluate_shown(
            site.paths.root, adapter="a", gold=tmp_path / "gold.jsonl",
            mistakes=Mistakes(is_terminal=False), progress=Silent(),
        )  # fmt: skip
    assert run(["evaluate", "--adapter", "a", "--gold", str(tmp_path), "--show-text",
                "--site", str(site.paths.root)]) == 5  # fmt: skip


def test_a_page_that_is_there_is_not_overwritten(tmp_path):
    site = init(tmp_path / "site", "air-gapped")
    (tmp_path / "page.html").write_text("mine")

    with pytest.raises(BadInput, match="there already"):
        evaluate_shown(
            site.paths.root, adapter="a", gold=tmp_path / "gold.jsonl",
            report=tmp_path / "page.html", progress=Silent(),
        )  # fmt: skip
    assert (tmp_path / "page.html").read_text() == "mine"
