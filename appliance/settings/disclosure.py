"""`policies/disclosure.toml`: what may leave the site, and from which count on."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.settings.validation import explain

FILE: Final = "disclosure.toml"
_HELP: Final = "Mend it, or copy the one that ships with the product."

Leave = Literal["never", "after-audit"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Leaves(_Strict):
    notes: Leave
    findings: Leave
    adapters: Leave
    corpora: Leave
    reports: Leave


class _Counts(_Strict):
    smallest: int = Field(ge=2)


class _File(_Strict):
    version: Literal[1]
    leaves: _Leaves
    counts: _Counts


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What may leave the site.

    Attributes:
        smallest: A count of patients below this is kept back.
    """

    smallest: int


def load_disclosure(policies: Path) -> Disclosure:
    """The rules of a site.

    Raises:
        BadInput: The file is missing or broken.
    """
    path = policies / FILE
    try:
        parsed = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", _HELP) from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}.", _HELP) from None
    except ValueError:
        raise BadInput(f"{path} is no TOML.", _HELP) from None
    return Disclosure(parsed.counts.smallest)
