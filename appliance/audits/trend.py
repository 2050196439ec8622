"""An audit beside the one before: which attacks ended otherwise, and which shares moved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from appliance.records.audits import AttackResult, Standing, Trend

# A share that moved by less is told in the attack's own figures only.
_LEAST: Final = 0.01
_MOST_TOLD: Final = 3


def compare(before: Mapping[str, Any], results: Sequence[AttackResult]) -> tuple[Trend, ...]:
    """Each attack that both audits made.

    Args:
        before: The JSON of the audit before; empty where there was none.
        results: Of this one.
    """
    then = {one["attack"]: one for one in before.get("results", ())}
    return tuple(
        Trend(
            result.attack,
            Standing(then[result.attack]["standing"]),
            result.standing,
            "; ".join((_change(then[result.attack], result), *_moves(then[result.attack], result))),
        )
        for result in results
        if result.attack in then
    )


def _change(then: Mapping[str, Any], result: AttackResult) -> str:
    if then["standing"] == result.standing.value:
        return "as before"
    if result.standing is Standing.FAIL:
        return "worse"
    return "better" if result.standing is Standing.PASS else "no longer tested"


def _moves(then: Mapping[str, Any], result: AttackResult) -> Iterator[str]:
    """The shares that moved most, as percentages."""
    before = {one["name"]: one["value"] for one in then.get("estimates", ())}
    moved = [
        (abs(one.value - before[one.name]), one.name, before[one.name], one.value)
        for one in result.estimates
        if one.unit == "share" and one.value is not None and before.get(one.name) is not None
    ]
    for by, name, old, new in sorted(moved, reverse=True)[:_MOST_TOLD]:
        if by >= _LEAST:
            yield f"{name}: {old:.1%}, now {new:.1%}"
