"""One entry of a terminology, and the complaint that a file is none."""

from dataclasses import dataclass
from pathlib import Path

from appliance.errors import BadInput


@dataclass(frozen=True, slots=True)
class Concept:
    """One entry.

    Attributes:
        code: Its id there.
        name: Preferred name.
        synonyms: Other names, abbreviations among them.
        places: Everything it lies under, itself among it: codes, tree numbers or names.
    """

    code: str
    name: str
    synonyms: tuple[str, ...]
    places: frozenset[str]


def not_of(path: Path, form: str) -> BadInput:
    """The complaint that a file is not of its format."""
    return BadInput(
        f"{path} can't be read as {form}.", "Name the file as its makers publish it, or --format."
    )
