"""Turning pydantic's complaints into one sentence that holds keys and rules, never the input."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from appliance.errors import BadInput

_Model = TypeVar("_Model", bound=BaseModel)
_HELP: Final = "Mend it, or copy the one that ships with the product."

# For whoever writes the file; what is not here, pydantic says well enough.
_WORDS: Final = {
    "missing": "missing",
    "extra_forbidden": "not a key that is known here",
    "string_pattern_mismatch": "of a form that is not allowed",
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def explain(error: ValidationError) -> str:
    """Every complaint as "key: rule", joined by "; "; the offending values are left out."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    places = [complaint["loc"] for complaint in found]
    # A list counts what is sound in it: that it is too short then says nothing new.
    complaints = [
        complaint
        for complaint in found
        if complaint["type"] != "too_short"
        or not any(_is_inside(place, complaint["loc"]) for place in places)
    ]
    return "; ".join(
        f"{_name(complaint['loc']) or 'the file'}: "
        f"{_WORDS.get(complaint['type']) or complaint['msg'].removeprefix('Value error, ')}"
        for complaint in complaints
    )


def _name(place: Sequence[int | str]) -> str:
    """The key as people write and count: what is first in a list is 1."""
    parts = (f" {part + 1}" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).strip(" .")


def without_unknown(document: dict[str, Any], error: ValidationError) -> None:
    """The document has no unknown key left, so that its other faults are found too.

    What such a key held goes to the missing key beside it that it must have been meant for.
    """
    places: dict[str, list[tuple[int | str, ...]]] = {"missing": [], "extra_forbidden": []}
    for complaint in error.errors(include_input=False, include_url=False, include_context=False):
        places.setdefault(complaint["type"], []).append(complaint["loc"])
    for *within, key in places["extra_forbidden"]:
        table: Any = document
        for part in within:
            table = table[part]
        value = table.pop(key)
        missing = [str(place[-1]) for place in places["missing"] if [*place[:-1]] == within]
        for meant in get_close_matches(str(key), missing, n=1):
            table.setdefault(meant, value)


def _is_inside(place: Sequence[int | str], whole: Sequence[int | str]) -> bool:
    return len(place) > len(whole) and tuple(place[: len(whole)]) == tuple(whole)


def read_policy(path: Path, model: type[_Model], mending: str = _HELP) -> _Model:
    """The TOML file, checked; `mending` is the next step where it is not in order.

    Raises:
        BadInput: It is missing or broken; names the key.
    """
    return read_digested(path, model, mending)[0]


def read_digested(path: Path, model: type[_Model], mending: str = _HELP) -> tuple[_Model, str]:
    """The same, and the SHA-256 of the very bytes that were checked, in hexadecimal."""
    try:
        content = path.read_bytes()
        return model.model_validate(tomllib.loads(content.decode())), sha256(content).hexdigest()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", mending) from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}.", mending) from None
    except ValueError:
        raise BadInput(f"{path} is no TOML.", mending) from None
