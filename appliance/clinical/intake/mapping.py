"""Which column of a hospital's table is which field of a note, as the operator says it."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from appliance.clinical.intake.formats.encoding import check_encoding
from appliance.clinical.intake.formats.reading import FIELDS, Reading
from appliance.errors import BadInput

_REQUIRED: Final = frozenset({"id", "text"})
_HELP: Final = (
    "Write `--map id=NOTE_ID,text=NOTE_TEXT` (fields: id, text, patient, kind, date), or name a "
    ".toml with a table [columns] of the same and, where dates are not ISO 8601, `date-format`."
)
_SUFFIX: Final = ".toml"


def make_reading(mapping: Sequence[str], encoding: str | None) -> Reading:
    """What the operator declares about an export.

    Args:
        mapping: Each `field=COLUMN`, several with commas, or the path of a `.toml`.
        encoding: Name of a character set, or None.

    Raises:
        BadInput: No such field, a field twice or missing, an unreadable file, no such encoding.
    """
    known = None if encoding is None else check_encoding(encoding)
    if not mapping:
        return Reading(known)
    if len(mapping) == 1 and "=" not in mapping[0] and mapping[0].endswith(_SUFFIX):
        columns, date_format = _from_file(Path(mapping[0]))
    else:
        columns, date_format = _from_words(mapping), ""
    _check(columns)
    return Reading(known, columns, date_format)


def _from_words(mapping: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in (pair for words in mapping for pair in words.split(",")):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not column or field in columns:
            raise BadInput("A mapping is a field, =, and a column, each field once.", _HELP)
        columns[field] = column
    return columns


def _from_file(path: Path) -> tuple[dict[str, str], str]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _HELP) from None
    except ValueError:
        content = {}
    columns, date_format = content.pop("columns", None), content.pop("date-format", "")
    if content or not isinstance(columns, dict) or not isinstance(date_format, str):
        raise BadInput(f"{path} is no mapping.", _HELP)
    if not all(isinstance(column, str) and column for column in columns.values()):
        raise BadInput(f"{path}: a column's name is a text in quotes.", _HELP)
    return columns, date_format


def _check(columns: Mapping[str, str]) -> None:
    foreign = sorted(set(columns) - set(FIELDS))
    if foreign:
        raise BadInput(f"A note has no field {', '.join(foreign)}.", _HELP)
    missing = sorted(_REQUIRED - set(columns))
    if missing:
        raise BadInput(f"The mapping does not say where {' and '.join(missing)} stands.", _HELP)
