"""`policies/disclosure.toml`: what may leave the site, and from which count on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.settings.validation import read_policy

FILE: Final = "disclosure.toml"

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
    parsed = read_policy(policies / FILE, _File)
    return Disclosure(parsed.counts.smallest)
