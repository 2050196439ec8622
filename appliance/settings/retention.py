"""`policies/retention.toml`: how long notes, and what a site makes of them, may lie there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.settings.validation import read_policy

FILE: Final = "retention.toml"
# A hundred years: a limit is a limit, and the day it leads to is one of the calendar.
_Days = Annotated[int, Field(ge=1, le=36_600, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Limits(_Strict):
    notes: _Days | None = None
    run: _Days
    journal: _Days
    findings: _Days
    reports: _Days


class _File(_Strict):
    version: Literal[1]
    days: _Limits


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """A site's limits, in days.

    Attributes:
        notes: How long after the day on which it was written a note may lie in the vault; None for
            no limit.
        folders: The same of files since they were last written, by their folder in the site.
    """

    notes: int | None
    folders: Mapping[str, int]

    def oldest_note(self, now: datetime) -> str:
        """The first day whose notes may lie in the vault, ISO 8601; "" where all may.

        >>> from datetime import UTC
        >>> RetentionPolicy(365, {}).oldest_note(datetime(2026, 3, 1, 6, tzinfo=UTC))
        '2025-03-01'
        """
        if self.notes is None:
            return ""
        return (now.date() - timedelta(days=self.notes)).isoformat()


def load_retention(policies: Path) -> RetentionPolicy:
    """The limits of a site.

    Raises:
        BadInput: The file is missing or broken.
    """
    limits = read_policy(policies / FILE, _File).days
    folders = limits.model_dump(exclude={"notes"})
    return RetentionPolicy(limits.notes, folders)
