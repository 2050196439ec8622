"""What every format has in common: what it is given, what it gives, what the operator declared."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, Protocol

from appliance.clinical.intake.rejections import Reason, Refusal, Withdrawal
from appliance.records.notes import SourceNote

Entry = tuple[int | None, SourceNote | Refusal]
"""A number inside the file (line, message or entry, from 1; None for the whole), and what it is."""

FIELDS: Final = ("id", "text", "patient", "kind", "date")
"""What a note has, by the names under which a table may give it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the operator says about an export, because the files don't say it themselves.

    Attributes:
        encoding: In what bytes are that declare nothing and are no UTF-8; None refuses them.
        columns: Field of a note to the column or key that holds it; None where a table uses our
            own names. Columns that are not named are left out, since the operator said so.
        date_format: How a table writes dates, as `strptime` has it; "" for ISO 8601.
    """

    encoding: str | None = None
    columns: Mapping[str, str] | None = None
    date_format: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file's notes come from.

    Attributes:
        identity: The file's path from the folder named on, with its suffix; an id where the
            format holds none.
        reading: What the operator declared.
    """

    identity: str = field(repr=False)
    reading: Reading


class Format(Protocol):
    """A way to read one kind of file."""

    def __call__(self, file: IO[bytes], origin: Origin) -> Iterator[Entry]:
        """Every entry, in file order, in memory that does not grow with the file.

        Raises:
            Refusal: The whole file is none of this kind, or what is left of it can't be read.
        """


def attempt(make: Callable[[], SourceNote]) -> SourceNote | Refusal:
    """What `make` gives, or why it gives nothing; whatever a hostile item does costs that item.

    The words of an error hold what it went wrong on; only the kind of refusal is kept.
    """
    try:
        return make()
    except Withdrawal as withdrawal:
        return Withdrawal(withdrawal.note)
    except Refusal as refusal:
        # A new one: this one's traceback and context hold frames that hold text.
        return Refusal(refusal.reason, refusal.field)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return Refusal(Reason.MALFORMED)
    except MemoryError:
        return Refusal(Reason.TOO_COSTLY)
    except Exception:  # noqa: BLE001 - an item that finds a bug of ours must not stop the others
        return Refusal(Reason.FAILED)
