"""`policies/release.toml`: what must be shown before something leaves the site, and by whom."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.settings.validation import explain

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]{0,31}$")]
Key = Annotated[str, Field(pattern=r"^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    version: Literal[1]
    exports_need_release: bool
    # A site may be stricter than this, never looser.
    audit_days: int = Field(ge=1, le=90)
    approvals: int = Field(ge=2, le=9)
    approvers: dict[Name, Key] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleasePolicy:
    """What must be shown.

    Attributes:
        exports_need_release: Whether exports for other tools need one as well.
        audit_age: The oldest audit that counts.
        approvals: How many people.
        approvers: Name to verifier key (name+hash+key).
    """

    exports_need_release: bool
    audit_age: timedelta
    approvals: int
    approvers: Mapping[str, str]


def load_release_policy(path: Path) -> ReleasePolicy:
    """The policy in that file.

    Raises:
        BadInput: It is missing, does not parse, or is looser than the product allows.
    """
    try:
        raw = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise BadInput(
            f"{path} can't be read.", "Copy policies/release.toml of the product into the site."
        ) from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}.", "Mend the keys that are named.") from None
    wrong = [name for name, key in raw.approvers.items() if not key.startswith(f"{name}+")]
    if wrong:
        raise BadInput(
            f"{path}: the key of {', '.join(wrong)} is of another name.",
            "Take the line as `appliance release key` printed it.",
        )
    # The same key under another name has other digits before it.
    keys = {key.split("+", 2)[2] for key in raw.approvers.values()}
    if len(keys) != len(raw.approvers):
        raise BadInput(f"{path}: two approvers have one key.", "Give each a key of their own.")
    return ReleasePolicy(
        raw.exports_need_release,
        timedelta(days=raw.audit_days),
        raw.approvals,
        dict(raw.approvers),
    )
