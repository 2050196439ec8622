"""Logs that drop by default: what is not on a list does not get out, whoever logged it.

A library's message can quote the text that it worked on. So no message of anybody's is written:
a record gets through only from this product's own logger, with an event and fields of the lists
below, whose values are numbers or words of the product. Everything else is counted and dropped.

A library's own handlers never see a record: some set up one that prints to stderr.

Under systemd, which says so by JOURNAL_STREAM, one line of JSON goes to stderr for each record,
with the priority in front that journald reads (sd-daemon(3)). Elsewhere nothing is written at all.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from appliance import errors

LOGGER: Final = "appliance"
STARTED: Final = "command.started"
ENDED: Final = "command.ended"
EVENTS: Final = frozenset({STARTED, ENDED})
_ERRORS: Final = frozenset(
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ApplianceError)
)
OTHER: Final = "other"
_LARGEST: Final = 1_000_000
# sd-daemon(3): what journald takes for the level.
_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_FIELD: Final = "fields"


def install(commands: frozenset[str], stream: TextIO | None = None) -> None:
    """Every log record of this process goes through the list, and warnings too; asked twice, once.

    Args:
        commands: Words of the commands there are: what the field "command" may say.
        stream: Where lines go; None for stderr under systemd, and nowhere elsewhere.
    """
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, ListedHandler)]:
        root.removeHandler(handler)
    is_service = bool(os.environ.get("JOURNAL_STREAM"))
    # A root that has a handler never falls back on logging.lastResort, which prints messages.
    root.addHandler(ListedHandler(commands, stream or (sys.stderr if is_service else None)))
    # transformers and ray give their loggers a handler that prints, and propagate=False; there is
    # no hook in front of a handler but this method.
    logging.Logger.callHandlers = _hand_over  # type: ignore[method-assign, assignment]
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    if is_service:
        logging.captureWarnings(capture=True)


def tell(event: str, **fields: object) -> None:
    """The event is in the log, with those of the fields that may be told."""
    logging.getLogger(LOGGER).info(event, extra={_FIELD: fields})


def _hand_over(_logger: logging.Logger, record: logging.LogRecord) -> None:
    """The record is the list's and no other handler's, whichever logger it came by."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, ListedHandler):
            handler.handle(record)


class ListedHandler(logging.Handler):
    """Writes what is listed, one line each, and drops the rest.

    Attributes:
        dropped: How many records were dropped.
    """

    def __init__(self, commands: frozenset[str], stream: TextIO | None) -> None:
        super().__init__()
        self._commands = commands
        self._stream = stream
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or drop it; never raises, never quotes."""
        try:
            line = self._line(record)
            if line is not None and self._stream is not None:
                self._stream.write(f"{line}\n")
                self._stream.flush()
        except Exception:  # noqa: BLE001 - a record may be anything, and its complaint would quote it
            line = None
        self.dropped += line is None

    def _line(self, record: logging.LogRecord) -> str | None:
        # The text as it was given: nothing is put into it.
        event = record.msg
        if record.name != LOGGER or not isinstance(event, str) or event not in EVENTS:
            return None
        if record.args:
            return None
        given = getattr(record, _FIELD, None)
        listed = self._listed(given) if isinstance(given, Mapping) else {}
        body = {
            "event": event,
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "process": os.getpid(),
            **listed,
            "dropped": self.dropped,
        }
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{json.dumps(body)}"

    def _listed(self, given: Mapping[str, object]) -> dict[str, Any]:
        checked = {
            "command": lambda value: isinstance(value, str) and value in self._commands,
            "error": lambda value: isinstance(value, str) and value in _ERRORS | {OTHER},
            "exit_code": _is_small,
            "seconds": _is_small,
        }
        return {
            name: given[name] for name, may in checked.items() if name in given and may(given[name])
        }


def name_error(error: BaseException | None) -> str:
    """What a log may call an error: its kind where that is the product's own."""
    name = type(error).__name__
    return name if name in _ERRORS else OTHER


def _is_small(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_LARGEST < value < _LARGEST
