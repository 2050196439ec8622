"""`policies/backup.toml`: who can open a site's backups, and how old these may be."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.settings.validation import read_policy

FILE: Final = "backup.toml"
Name = Annotated[str, Field(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    version: Literal[1]
    recipients: tuple[Name, ...]
    backup_days: int = Field(ge=1, le=366)
    rehearsal_days: int = Field(ge=1, le=366)
    keep_days: int = Field(ge=1, le=3660)


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """A site's rules for backups.

    Attributes:
        recipients: Public names of age, each of whom can open every backup.
        backup_age: The oldest that the newest backup may be.
        rehearsal_age: The same of the newest rehearsal of a restore.
        keep: How long a backup may be kept.
    """

    recipients: tuple[str, ...]
    backup_age: timedelta
    rehearsal_age: timedelta
    keep: timedelta


def load_backup_policy(policies: Path) -> BackupPolicy:
    """The rules of a site.

    Raises:
        BadInput: The file is missing or broken.
    """
    parsed = read_policy(policies / FILE, _File)
    return BackupPolicy(
        parsed.recipients,
        timedelta(days=parsed.backup_days),
        timedelta(days=parsed.rehearsal_days),
        timedelta(days=parsed.keep_days),
    )
