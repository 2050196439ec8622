"""`policies/roles.toml`: who may do what; and who is asking, as the operating system says."""

import grp
import os
import pwd
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.records.access import AccessRules, Duty, Holders, Identity, Verb
from appliance.settings.validation import read_policy

FILE: Final = "roles.toml"
_HELP: Final = (
    "Mend it, or copy the one that ships with the product; until then nothing is allowed."
)
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\$?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, frozen=True, populate_by_name=True
    )


class _Holders(_Strict):
    users: tuple[_Name, ...] = ()
    groups: tuple[_Name, ...] = ()


class _TwoPersons(_Strict):
    verbs: tuple[Verb, ...] = ()
    days: int = Field(default=7, ge=1, le=90)
    bulk: int = Field(default=200, ge=1)


class _File(_Strict):
    version: Literal[1]
    mode: Literal["owner", "roles"]
    holders: dict[Duty, _Holders]
    verbs: dict[Verb, tuple[Duty, ...]]
    two_persons: Annotated[_TwoPersons, Field(alias="two-persons")]


def load_roles(policies: Path) -> AccessRules:
    """The rules of a site.

    Raises:
        BadInput: The file is missing or broken.
    """
    parsed = read_policy(policies / FILE, _File, _HELP)
    return AccessRules(
        by_roles=parsed.mode == "roles",
        holders={
            duty: Holders(frozenset(one.users), frozenset(one.groups))
            for duty, one in parsed.holders.items()
        },
        verbs={verb: frozenset(duties) for verb, duties in parsed.verbs.items()},
        two_persons=frozenset(parsed.two_persons.verbs),
        days=parsed.two_persons.days,
        bulk=parsed.two_persons.bulk,
    )


def current_identity() -> Identity:
    """Who runs this process, by the kernel's number of the user; no variable is asked."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = None
    return Identity(uid, user, frozenset(filter(None, map(_group, os.getgroups()))))


def identity_of(uid: int) -> Identity:
    """Another user, whose number the kernel gave, with the groups that the system knows of."""
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return Identity(uid, None)
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return Identity(uid, account.pw_name, frozenset(filter(None, map(_group, groups))))


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
