"""What every attack is, and how they are carried out one after the other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from appliance.errors import ApplianceError, Exhausted, IntegrityError
from appliance.records.audits import AttackResult, Chart, Estimate, Problem, Standing
from appliance.records.progress import Progress

_Found = TypeVar("_Found")
MOST_PROBLEMS: Final = 50
"""One is enough to fail; a list of a thousand helps nobody. All are counted."""


class Attack(Protocol):
    """Something that must not succeed.

    Attributes:
        name: Stable: what monitoring and trends may rely on.
        claim: What holds where the attack does not succeed.
    """

    name: str
    claim: str

    def run(self, progress: Progress) -> AttackResult:
        """What became of it; nothing of what it looks at is changed.

        Raises:
            IntegrityError: What it looks at is not what was written: the claim is false.
            ApplianceError: It can't be carried out.
        """


def carry_out(attacks: Sequence[Attack], progress: Progress) -> tuple[AttackResult, ...]:
    """Each attack's result, in order; one that can't be carried out is not tested, never passed."""
    results = []
    for attack in attacks:
        began = time.monotonic()
        progress.begin(attack.name)
        result = _attempt(attack, progress)
        result = replace(result, seconds=round(time.monotonic() - began, 3))
        progress.end(f"{result.standing.value}; {result.summary}")
        results.append(result)
    return tuple(results)


def try_adapter(
    name: str, work: Callable[[], _Found], skipped: list[str], gone: list[str]
) -> _Found | None:
    """What `work` finds of one adapter; None, and said in `skipped`, where it can't be attacked.

    Args:
        name: Of the adapter.
        work: The attack.
        skipped: Takes why not, for people.
        gone: Takes the name where nothing that anybody could do would make it possible again.

    Raises:
        IntegrityError: It is not what was written: that is no reason to go on with the next.
    """
    try:
        return work()
    except IntegrityError:
        raise
    except ApplianceError as error:
        if isinstance(error, Exhausted):
            gone.append(name)
        skipped.append(f"Adapter {name} could not be attacked: {error.what}")
        return None


def conclude(
    attack: Attack,
    summary: str,
    problems: Sequence[Problem],
    *,
    estimates: Sequence[Estimate] = (),
    blind_spots: Sequence[str] = (),
    charts: Sequence[Chart] = (),
) -> AttackResult:
    """A failure where there is a problem, else a pass."""
    return AttackResult(
        attack.name,
        attack.claim,
        Standing.FAIL if problems else Standing.PASS,
        summary,
        tuple(estimates),
        tuple(problems[:MOST_PROBLEMS]),
        tuple(blind_spots),
        tuple(charts),
    )


def not_tested(
    attack: Attack, why: str, *, is_broken: bool = False, so_far: AttackResult | None = None
) -> AttackResult:
    """The attack was not carried out, or not to its end, and the claim stands unproved.

    Args:
        attack: The attack.
        why: For people.
        is_broken: Whether it should have been possible.
        so_far: What a part of it found; its figures are told.
    """
    result = so_far or AttackResult(attack.name, attack.claim, Standing.NOT_TESTED, "")
    summary = f"{why} Beside that, {so_far.summary}" if so_far and so_far.estimates else why
    return replace(result, standing=Standing.NOT_TESTED, summary=summary, is_broken=is_broken)


def _attempt(attack: Attack, progress: Progress) -> AttackResult:
    try:
        return attack.run(progress)
    except IntegrityError as error:
        fix = error.next_step or "Restore it from the backup, and find out who changed it."
        problem = Problem(f"{attack.name}.bytes", "", error.what, fix)
        return conclude(attack, error.what, [problem])
    except ApplianceError as error:
        return not_tested(attack, f"It could not be carried out: {error.what}", is_broken=True)
    except Exception as error:  # noqa: BLE001 - an audit that stops halfway proves nothing
        # The type only: the message of a library may hold text.
        return not_tested(attack, f"The attack broke: {type(error).__name__}.", is_broken=True)
