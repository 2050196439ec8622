"""`policies/disclosure.toml`: from which count on a number is shown outside."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.settings.validation import explain

FILE = "disclosure.toml"
_Leave = Literal["never", "after-audit"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Leaves(_Strict):
    notes: _Leave
    findings: _Leave
    adapters: _Leave
    corpora: _Leave
    reports: _Leave


class _Counts(_Strict):
    smallest: int = Field(ge=1)


class _File(_Strict):
    version: Literal[1]
    leaves: _Leaves
    counts: _Counts


def smallest_count(policies: Path) -> int:
    """The smallest count, besides 0, that a page for people outside may show.

    Args:
        policies: Directory of the policies in force.

    Raises:
        BadInput: The file is not there or not well-formed; names the key.
    """
    path = policies / FILE
    try:
        return _File.model_validate(tomllib.loads(path.read_text("utf-8"))).counts.smallest
    except ValidationError as error:
        raise BadInput(f"{FILE}: {explain(error)}.", "Mend or remove that key.") from None
    except (OSError, ValueError):
        raise BadInput(
            f"{FILE} can't be read, or is not valid TOML.", "Restore it from the product's own."
        ) from None
