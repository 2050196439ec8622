"""What a check comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from appliance.errors import ApplianceError, IntegrityError, KeyMismatch

Subject = TypeVar("Subject")
_MEND: Final = "Mend what is named, or restore it from the backup."


class Status(StrEnum):
    """How a check ended, from best to worst."""

    PASS = "pass"  # noqa: S105 - a status
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check saw.

    Attributes:
        status: How it ended.
        evidence: What was seen, in counts, names and versions.
        fix: What to do about it; "" where there is nothing to do.
        causes: The errors for which it could not be made.
        follows: Id of the check that tells why this one could not be made, or "".
        is_damage: Whether one of the errors is that bytes are not those that were written.
    """

    status: Status
    evidence: str
    fix: str = ""
    causes: tuple[str, ...] = ()
    follows: str = ""
    is_damage: bool = False


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One thing that must hold.

    Attributes:
        check_id: Stable, e.g. "SITE001": what monitoring may rely on.
        title: What must hold, as a statement.
        look: Looks and says what it saw; may raise an `ApplianceError` for a failure.
    """

    check_id: str
    title: str
    look: Callable[[Subject], Outcome]

    def run(self, subject: Subject) -> Outcome:
        """The outcome; a check that can't be made is an error, never a pass."""
        try:
            return self.look(subject)
        except ApplianceError as error:
            return refused(error)
        except Exception as error:  # noqa: BLE001 - a doctor that stops halfway helps nobody
            # The type only: what the error holds may not be fit to print.
            return Outcome(Status.ERROR, f"The check itself failed: {type(error).__name__}.")


def passed(evidence: str) -> Outcome:
    """It holds."""
    return Outcome(Status.PASS, evidence)


def skipped(evidence: str) -> Outcome:
    """There is nothing to check."""
    return Outcome(Status.SKIP, evidence)


def refused(*errors: ApplianceError) -> Outcome:
    """It can't be looked at for these errors, or they are what it looks for."""
    causes = tuple(dict.fromkeys(error.what for error in errors))
    fixes = dict.fromkeys(error.next_step or _MEND for error in errors)
    # A key that does not fit says nothing about what it was tried on.
    is_damage = any(
        isinstance(error, IntegrityError) and not isinstance(error, KeyMismatch) for error in errors
    )
    return Outcome(Status.FAIL, " ".join(causes), " ".join(fixes), causes, is_damage=is_damage)


def judge(evidence: str, fix: str, *, fails: bool = False, warns: bool = False) -> Outcome:
    """A failure if it `fails`, a warning if it `warns`, else a pass that needs no fix."""
    if fails:
        return Outcome(Status.FAIL, evidence, fix)
    if warns:
        return Outcome(Status.WARN, evidence, fix)
    return passed(evidence)
