"""Turning pydantic's complaints into one sentence that holds keys and rules, never the input."""

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

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
    complaints = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in complaint['loc']) or 'the file'}: "
        f"{_WORDS.get(complaint['type']) or complaint['msg'].removeprefix('Value error, ')}"
        for complaint in complaints
    )


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
