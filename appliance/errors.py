"""Every error this product raises on purpose, and the exit code each one ends the process with.

    ApplianceError                      1   a bug or an unforeseen state
    ├── OperatorError                   2   the operator can mend it
    │   ├── BadInput                    2   a file, an argument or a setting is not usable
    │   │   ├── NoteGone                2   a note is not, or no longer, in the vault
    │   │   └── NotWritable             2   a place takes nothing: read-only, or another user's
    │   ├── SiteError                   2   the site is missing, or already there
    │   ├── Exhausted                   9   fewer results than asked for, and no way to make more
    │   └── NoSpace                    10   the disk is full
    ├── PrivacyError                    5   privacy said no: never retried, never caught to go on
    │   ├── Denied                      5   the gate found, or could not rule out, an identifier
    │   ├── Forbidden                   5   the person who asks may not, or not alone
    │   ├── ClearanceInvalid            5   a stamp is missing, forged, spent or out of date
    │   └── DetectorFailed              5   a detector raised, hung or was not loaded
    ├── BackendError                    6   a model server failed
    │   ├── BackendUnavailable          6   try again later
    │   │   └── BackendBusy             6   the server says when
    │   └── BackendRefused              7   trying again will not help
    └── IntegrityError                  8   bytes do not match what was written
        ├── LedgerBroken                8
        ├── ManifestMismatch            8
        └── KeyMismatch                 8

Exit codes 3 (a check failed) and 4 (a check warns) belong to `doctor`; 130 is Ctrl-C.

Messages hold ids, counts, rule names and the next step. They never hold the text of a note, a
prompt or a completion: callers that have such text in reach raise `from None`.
"""

from typing import ClassVar, Final

EXIT_OK: Final = 0
EXIT_CHECK_FAILED: Final = 3
EXIT_CHECK_WARNS: Final = 4
EXIT_INTERRUPTED: Final = 130


class ApplianceError(Exception):
    """Root of the tree; carries what happened and what to do next.

    Args:
        what: One sentence: what is wrong, in ids, counts and rule names.
        next_step: One sentence: what the reader can do about it, or "" when nothing.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what, next_step)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}".strip()


class OperatorError(ApplianceError):
    """The operator can mend it."""

    exit_code = 2


class BadInput(OperatorError):
    """A file, an argument or a setting is not usable."""


class NoteGone(BadInput):
    """A note is not in the vault, or no longer: it may have been taken back meanwhile."""


class NotWritable(BadInput):
    """A place takes nothing: its disk is read-only, or it is another user's."""


class SiteError(OperatorError):
    """The site is missing, incomplete, or already there."""


class Exhausted(OperatorError):
    """Fewer results than asked for, and no way to make more."""

    exit_code = 9


class NoSpace(OperatorError):
    """The disk is full; what was finished before is kept."""

    exit_code = 10


class PrivacyError(ApplianceError):
    """Privacy said no: never retried, never caught to go on."""

    exit_code = 5


class Denied(PrivacyError):
    """The gate found, or could not rule out, an identifier."""


class Forbidden(PrivacyError):
    """The person who asks may not, or not alone."""


class ClearanceInvalid(PrivacyError):
    """A stamp is missing, forged, spent or out of date."""


class DetectorFailed(PrivacyError):
    """A detector raised, hung or was not loaded; unsure means no."""


class BackendError(ApplianceError):
    """A model server failed."""

    exit_code = 6


class BackendUnavailable(BackendError):
    """The server is down or busy: trying again later can help."""


class BackendBusy(BackendUnavailable):
    """The server asks to wait.

    Args:
        what: As for every error.
        next_step: The same.
        retry_after_s: How long, where the server said so.
    """

    def __init__(self, what: str, next_step: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(what, next_step)
        self.retry_after_s = retry_after_s


class BackendRefused(BackendError):
    """The server understood and refused: trying again will not help."""

    exit_code = 7


class IntegrityError(ApplianceError):
    """Bytes do not match what was written."""

    exit_code = 8


class LedgerBroken(IntegrityError):
    """The ledger's entries, tree and checkpoints do not agree."""


class ManifestMismatch(IntegrityError):
    """A file differs from its manifest, or a manifest is missing: the write never finished."""


class KeyMismatch(IntegrityError):
    """The key does not open, or does not belong to, what it was tried on."""
