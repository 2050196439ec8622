"""The charts of an audit: what is drawn is text that can be read aloud, and named."""

from appliance.audits.attack import carry_out
from appliance.audits.membership import Membership, Trial
from appliance.records.audits import Chart, Series
from appliance.records.progress import Silent
from appliance.workflows.report.audit_page import _charts
from appliance.workflows.report.audit_plots import draw

LEAST, MOST = "the attack shows at least", "training promised at most"


def _chart(shown, promised):
    names = tuple(f"adapter-{number}" for number in range(len(shown)))
    return Chart(
        "epsilon", "Both.", "epsilon", "",
        (Series(LEAST, tuple(shown), tuple(map(float, range(len(shown))))),
         Series(MOST, tuple(promised.values()), tuple(map(float, promised)))),
        names,
    )  # fmt: skip


def test_bounds_of_epsilon_are_drawn_beside_each_other_and_a_missing_one_is_left_out():
    both, none = draw(_chart([0.4, 3.0], {0: 8.0})), draw(_chart([0.4], {}))

    for text in ("adapter-0", "adapter-1", LEAST, MOST, "epsilon"):
        assert text in both
    assert "adapter-0" in none


def test_a_broken_promise_has_another_colour():
    """Beside its place: the mark of the least is then to the right of that of the most."""
    kept, broken = draw(_chart([1.0], {0: 2.0})), draw(_chart([2.0], {0: 1.0}))

    line = "stroke-width: 3"
    strokes = [
        next(part for part in drawing.split("style=") if line in part) for drawing in (kept, broken)
    ]
    assert strokes[0].split(line)[0] != strokes[1].split(line)[0]


def test_who_hears_the_chart_hears_its_numbers():
    groups = [[0.0 + number / 100] for number in range(40)]
    trial = Trial("reader", True, lambda: (groups, groups), epsilon=3.0, delta=1e-5)
    [result] = carry_out([Membership([trial])], Silent())

    captions = [caption for caption, drawing in _charts(result) if 'role="img"' in drawing]

    assert len(captions) == 2
    assert "reader at least 0, promised at most 3" in captions[1]
    assert captions[1] in _charts(result)[1][1]
