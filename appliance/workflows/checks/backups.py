"""Checks of backups: whether there is a fresh one, whether it was rehearsed, who is in it."""

from datetime import datetime, timedelta
from typing import Any, Final

from appliance.records.backups import CREATED, REHEARSED
from appliance.records.events import ERASED
from appliance.settings.backup import load_backup_policy
from appliance.workflows.checks.outcome import Check, Outcome, judge, skipped
from appliance.workflows.checks.site import SiteView
from appliance.workflows.site import newest_entries

_VAULT: Final = "vault.db"
_EMPTY: Final = "Nothing was imported yet that could be lost."


def _backup(site: SiteView) -> Outcome:
    return _judge_age(
        site,
        _newest(site).get(CREATED),
        load_backup_policy(site.paths.policies).backup_age,
        "backup",
        "Run `appliance backup create --to DIR`, by a timer.",
    )


def _rehearsal(site: SiteView) -> Outcome:
    return _judge_age(
        site,
        _newest(site).get(REHEARSED),
        load_backup_policy(site.paths.policies).rehearsal_age,
        "rehearsal of a restore",
        "Run `appliance backup rehearse FILE --identity FILE`: a backup that was never restored "
        "is a hope.",
    )


def _erased(site: SiteView) -> Outcome:
    newest = _newest(site)
    erased, created = newest.get(ERASED), newest.get(CREATED)
    if erased is None or created is None:
        return skipped("Nobody was erased who could be in a backup.")
    return judge(
        f"The last erasure is of {erased['at'][:19]}, the last backup of {created['at'][:19]}.",
        "Make a new backup, then destroy those from before; `appliance backup list` names them.",
        warns=int(created["facts"]["begun"]) < int(erased["index"]),
    )


BACKUP_CHECKS: Final = (
    Check("BACK001", "There is a fresh backup", _backup),
    Check("BACK002", "A restore was rehearsed not long ago", _rehearsal),
    Check("BACK003", "The newest backup holds nobody who was erased", _erased),
)


def _newest(site: SiteView) -> dict[str, dict[str, Any]]:
    entries = site.examination().entries
    return newest_entries(site.paths.ledger, entries, (CREATED, REHEARSED, ERASED))


def _judge_age(
    site: SiteView, entry: dict[str, Any] | None, most: timedelta, what: str, fix: str
) -> Outcome:
    if entry is None and not (site.paths.vault / _VAULT).is_file():
        return skipped(_EMPTY)
    if entry is None:
        return judge(f"There was never a {what}.", fix, warns=True)
    age = site.clock.now() - datetime.fromisoformat(entry["at"])
    return judge(
        f"The last {what} is {age.total_seconds() / 86_400:.1f} days old.", fix, warns=age > most
    )
