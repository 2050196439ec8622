"""How an error is told: a sentence for a person or, where JSON was asked for, an object."""

import errno
import json
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from appliance.cli import render
from appliance.errors import (
    EXIT_INTERRUPTED,
    ApplianceError,
    BadInput,
    NoSpace,
    OperatorError,
)

INTERRUPTED: Final = "Interrupted"
"""What `kind` says of Ctrl-C, which is no error of the tree."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
# What an operator can mend: owners and modes, mounts, names, limits.
_NO_BUG: Final = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR),
    *(errno.ELOOP, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE),
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a command that did not come to its end ends with.

    Attributes:
        kind: A class of `errors`, or `INTERRUPTED`.
        message: What is wrong.
        next_step: What the reader can do about it, or "".
        exit_code: Of the process.
    """

    kind: str
    message: str
    next_step: str
    exit_code: int

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` is among the options; also where the rest of the line can't be read."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def ending_of(error: BaseException) -> Ending:
    """What to tell of an error, whoever raised it."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Ending(
            INTERRUPTED,
            "Interrupted.",
            "What was finished is kept; run the same command to go on.",
            EXIT_INTERRUPTED,
        )
    if isinstance(error, click.ClickException):
        return Ending(BadInput.__name__, error.format_message(), _help_for(error), error.exit_code)
    known = error if isinstance(error, ApplianceError) else _translate(error)
    return Ending(type(known).__name__, known.what, known.next_step, known.exit_code)


def tell(error: BaseException, *, as_json: bool) -> int:
    """The error is told on stderr; returns the exit code."""
    ending = ending_of(error)
    if as_json:
        # Signs beyond ASCII are escaped: a name of a file need not be one that can be printed.
        render.say(json.dumps({"error": render.to_plain(ending)}))
    elif isinstance(error, click.ClickException):
        error.show()
    else:
        render.complain(str(ending))
    return ending.exit_code


def _help_for(error: click.ClickException) -> str:
    """The sentence that click prints between the usage and the error."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    names = context.command.get_help_option_names(context) if context else ()
    if context is None or not names:
        return ""
    return f"Try '{context.command_path} {max(names, key=len)}' for help."


def _translate(error: BaseException) -> ApplianceError:
    """What no room translated: a bug, unless the system refused what an operator can mend.

    The name of the file is left out: it may be a patient's.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL:
        return NoSpace("No space left.", "Free some and run the same command again.")
    if number in _NO_BUG:
        return OperatorError(
            f"The operating system refused: {os.strerror(number)}.",
            "Check the names given, and the owner and modes of the site's directory.",
        )
    return ApplianceError(_locate(error), "Report this line; it holds no text.")


def _locate(error: BaseException) -> str:
    """Type and place of an unforeseen error; never its message, which may hold a note's text."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[:-7:-1])
    return f"A bug: {type(error).__name__} at {places}."
