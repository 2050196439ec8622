"""What went wrong in a worker, carried to the driver without the words it went wrong with."""

from typing import Final

from appliance import errors
from appliance.errors import ApplianceError

# The product's own errors hold no text by their contract, so their sentence may travel.
_OWN: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ApplianceError)
}


class WorkerFailure(Exception):
    """A worker's exception with its text left behind; safe to pickle, log and print.

    Args:
        kind: Name of the exception's class.
        what: Its sentence where it is one of the product's own errors, else "".
        next_step: The same.
    """

    def __init__(self, kind: str, what: str = "", next_step: str = "") -> None:
        super().__init__(kind, what, next_step)
        self.kind = kind
        self.what = what
        self.next_step = next_step


def strip(error: BaseException) -> WorkerFailure:
    """The failure that stands for `error`: its type, and its words only if they are our own."""
    if isinstance(error, WorkerFailure):
        return error
    if isinstance(error, ApplianceError) and type(error).__name__ in _OWN:
        return WorkerFailure(type(error).__name__, error.what, error.next_step)
    return WorkerFailure(type(error).__name__)


def to_error(failure: WorkerFailure, where: str) -> ApplianceError:
    """The product's error for a failure: of the same class if it was one of ours.

    Args:
        failure: From `strip`.
        where: What the worker was at, in ids and counts.
    """
    kind = _OWN.get(failure.kind)
    if kind is not None and failure.what:
        return kind(failure.what, failure.next_step)
    return ApplianceError(
        f"A worker failed at {where}: {failure.kind}.",
        "What was finished is kept; run the same command again.",
    )
