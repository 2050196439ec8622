"""What the demo says of its own steps."""

import pytest

from appliance.errors import BadInput
from appliance.records.progress import Silent
from appliance.workflows.demo import _Diary, demo
from appliance.workflows.report.page import Page, Step, render_page


def test_a_step_that_had_nothing_to_do_is_not_said_to_take_no_time():
    """Nought seconds of training would be a lie; the step was done by an earlier run."""
    diary = _Diary()

    for was_there in (False, True):
        with diary.step("Train", was_there=was_there) as outcome:
            outcome("rank 32")

    first, second = diary.steps
    assert first.duration == f"{first.seconds:.1f}"
    assert second.duration == "was there already"


def test_gold_of_another_task_is_refused_before_anything_is_done(tmp_path):
    """Not after a quarter of an hour."""
    gold = tmp_path / "gold.tsv"
    gold.write_text("aspirin\tB-Drug\n\n")

    with pytest.raises(BadInput, match="line 1"):
        demo(tmp_path / "site", count=20, gold=gold, progress=Silent())

    assert not (tmp_path / "site" / "vault" / "vault.db").exists()


def test_the_report_says_so_too():
    steps = (Step("Train", "rank 32", 0.01, was_there=True), Step("Verify", "no fault", 2.5))
    page = Page(
        title="t",
        made_at="2026-03-01T06:00:00+00:00",
        steps=steps,
        cards=(),
        plots=(),
        examples=(),
        ledger_size=1,
        ledger_root="00",
        not_tested=(),
    )

    html = render_page(page)

    assert '<td>rank 32</td><td class="n">was there already</td>' in html
    assert '<td>no fault</td><td class="n">2.5</td>' in html
