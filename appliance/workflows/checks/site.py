"""Checks of a site: settings, modes, keys, policies, ledger."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from appliance.errors import ApplianceError, BadInput, LedgerBroken
from appliance.ledger.examination import MAX_FAULTS, Examination, examine
from appliance.records.clock import Clock
from appliance.settings.keys import FileKeys, KeyProvider, Purpose
from appliance.settings.policies import digest_policies, shipped_policies
from appliance.settings.release import load_release_policy
from appliance.settings.schema import SITE_SCHEMA, Schema, check_not_newer, read_schema
from appliance.settings.site import SitePaths
from appliance.settings.site_file import SiteSettings, load_site_file
from appliance.settings.tasks import list_tasks, load_task
from appliance.settings.wrapping import FILE as WRAPPING
from appliance.workflows.checks.outcome import (
    Check,
    Outcome,
    judge,
    passed,
    refused,
    skipped,
)

FIRST_EVENT: Final = "site.initialised"
_OTHERS: Final = 0o077
# What nobody may begin anew in a site that has had one.
_KEPT: Final = frozenset({"vault", "ledger", "keys", "policies"})
# A UNIX socket's path has at most 107 bytes (unix(7)); Ray adds 66 to SITE/run/ray.
_LONGEST: Final = 107 - 66 - len("/run/ray")
_SNAPSHOT_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site to look at, which need not be sound.

    Attributes:
        paths: Where its files lie.
        keys: Where its keys come from.
        clock: The time.
    """

    paths: SitePaths
    keys: KeyProvider
    clock: Clock

    @property
    def has_our_layout(self) -> bool:
        """Whether this program works with the site as it is."""
        return read_schema(self.paths.schema) == Schema(SITE_SCHEMA)

    @property
    def owner(self) -> int:
        """Number of the user whose site it is: root may be the one who looks."""
        return self.paths.root.stat().st_uid

    def settings(self) -> SiteSettings:
        """The settings, or the error that they are."""
        return load_site_file(self.paths.settings)

    def examination(self) -> Examination:
        """The ledger, read in full, once for all checks."""
        return _examine(self)


@lru_cache(maxsize=1)
def _examine(site: SiteView) -> Examination:
    key = site.keys.key(Purpose.LEDGER)
    return examine(site.paths.ledger, key, first_kind=FIRST_EVENT)


def view(paths: SitePaths, clock: Clock) -> SiteView:
    """The site at `paths`, with the keys beside it."""
    return SiteView(paths, FileKeys(paths.keys), clock)


def _settings(site: SiteView) -> Outcome:
    settings = site.settings()
    return passed(f"Profile {settings.profile}, generator {settings.vllm.model}.")


def _directories(site: SiteView) -> Outcome:
    wanted = (site.paths.root, *site.paths.directories())
    missing = [path.name for path in wanted if not path.is_dir()]
    shut = [path.name for path in wanted if path.name not in missing and not _can_enter(path)]
    open_ = [path.name for path in wanted if path.is_dir() and _mode(path) & _OTHERS]
    return judge(
        f"{len(wanted)} directories"
        f"{f', missing: {_list(missing)}' if missing else ''}"
        f"{f', shut to this user: {_list(shut)}' if shut else ''}"
        f"{f', open to others: {_list(open_)}' if open_ else ''}.",
        " ".join(_remedies(site.paths, missing, shut, open_)),
        fails=bool(missing or shut or open_),
    )


def _remedies(
    paths: SitePaths, missing: list[str], shut: list[str], open_: list[str]
) -> Iterator[str]:
    kept = [name for name in missing if name in _KEPT]
    if kept:
        yield f"Mount or restore {_list(kept)}, and find out who removed it: nothing is made anew."
    if paths.policies.name in missing:
        yield (
            f"Where no backup has policies, copy {shipped_policies()} to {paths.policies} and set "
            "again what this site had changed."
        )
    if len(missing) > len(kept):
        yield f"Run `mkdir -m 700` under {paths.root} for what was empty, and restore the rest."
    if shut:
        yield f"Run `chmod 700` on {_list(shut)}, under {paths.root}, or work as the site's user."
    if open_:
        yield (
            f"Run `chmod 700` on {_list(open_)}, under {paths.root}, and find out who could have "
            "read what is in it."
        )


def _files(site: SiteView) -> Outcome:
    kept = (site.paths.vault, site.paths.ledger, site.paths.keys, site.paths.journal)
    found = [path for directory in kept for path in _regular(directory)]
    open_ = [path for path in found if _mode(path) & _OTHERS]
    foreign = [path for path in found if path.stat().st_uid != site.owner]
    return judge(
        f"{len(found)} files in vault, ledger, keys and journal; {len(open_)} open to others, "
        f"{len(foreign)} of another owner.",
        "Run `chmod -R go= SITE` and `chown -R` to the appliance's user.",
        fails=bool(open_ or foreign),
    )


def _keys(site: SiteView) -> Outcome:
    from appliance.backups.keys import fingerprint
    from appliance.workflows.backup_parts import read_keys

    keys, errors = set(), []
    for purpose in Purpose:
        try:
            keys.add(site.keys.key(purpose))
        except ApplianceError as error:
            errors.append(error)
    if errors:
        return refused(*errors)
    return judge(
        f"{len(keys)} different keys for {len(Purpose)} purposes; fingerprint of all, as "
        f"`backup verify` prints a backup's: {fingerprint(read_keys(site.paths.keys))}.",
        "Restore the keys from the backup: one key must not serve two purposes.",
        fails=len(keys) != len(Purpose),
    )


def _wrapping(site: SiteView) -> Outcome:
    if not (site.paths.keys / WRAPPING).exists():
        return skipped("Keys lie in files; no program that wraps them is named.")
    keys = FileKeys(site.paths.keys)
    clear = [purpose for purpose in Purpose if keys.is_in_clear(purpose)]
    return judge(
        f"{len(Purpose) - len(clear)} of {len(Purpose)} keys are wrapped.",
        "Run `appliance keys wrap`.",
        warns=bool(clear),
    )


def _policies(site: SiteView) -> Outcome:
    from appliance.gate.policy import check_strict, load_phi_policy

    policy = load_phi_policy(site.paths.policies / "phi.toml")
    check_strict(policy, load_phi_policy(shipped_policies() / "phi.toml"))
    load_release_policy(site.paths.policies / "release.toml")
    tasks = list_tasks(site.paths.labels)
    terms = sum(len(load_task(site.paths.labels, name)[1].terms) for name in tasks)
    return judge(
        f"phi.toml with {len(policy.detectors)} detectors; {len(tasks)} label sheets with "
        f"{terms} terms.",
        "Copy a label sheet into the site's policies/labels.",
        warns=not tasks,
    )


def _policy_digest(site: SiteView) -> Outcome:
    if not _can_enter(site.paths.policies):
        raise BadInput(f"{site.paths.policies} can't be read.", "Mount or restore it.")
    now = digest_policies(site.paths.policies)
    last = site.examination().last
    if last is None:
        return skipped("No event has recorded a policy yet.")
    return judge(
        f"Policies {now[:16]}; those of the last event {last.policy_digest[:16]}.",
        "They were changed since. If that was meant, the next command records it; if not, "
        "restore the site's policies.",
        warns=now != last.policy_digest,
    )


def _ledger(site: SiteView) -> Outcome:
    found = site.examination()
    if not found.is_intact:
        many = "at least " if len(found.faults) >= MAX_FAULTS else ""
        raise LedgerBroken(
            f"{many}{len(found.faults)} fault(s); the first: {found.faults[0].what}",
            "Run `appliance ledger verify`, keep a copy of the ledger directory, and find out "
            "who changed it.",
        )
    return passed(f"{found.entries} entries, {found.unsigned} unsigned, root {found.root[:16]}.")


def _clock(site: SiteView) -> Outcome:
    last = site.examination().last
    if last is None:
        return skipped("There is no event to compare with.")
    behind = datetime.fromisoformat(last.at) - site.clock.now()
    return judge(
        f"The last event is of {last.at[:19]}.",
        "The clock is behind the last event: set it, and find out when it was wrong.",
        warns=behind > timedelta(seconds=1),
    )


def _path_length(site: SiteView) -> Outcome:
    length = len(os.fsencode(site.paths.root))
    return judge(
        f"{length} bytes; Ray's sockets leave room for {_LONGEST}.",
        "Nothing has to be done: a link in /tmp (0700) is used. A shorter path needs none.",
        warns=length > _LONGEST,
    )


def _layout(site: SiteView) -> Outcome:
    schema = read_schema(site.paths.schema)
    check_not_newer(schema)
    if not site.has_our_layout:
        on_its_way = "" if schema.becoming is None else f", on its way to {schema.becoming}"
        return judge(
            f"Layout {schema.number}{on_its_way}; this program works with {SITE_SCHEMA}.",
            "Run `appliance site migrate`; a snapshot is kept.",
            warns=True,
        )
    now, kept = site.clock.now().timestamp(), _SNAPSHOT_KEPT.total_seconds()
    found = list(site.paths.snapshots.glob("[!.]*"))
    old = [path.name for path in found if now - path.stat().st_mtime > kept]
    return judge(
        f"Layout {SITE_SCHEMA}; {len(found)} snapshot(s) of before a migration"
        f"{f', older than {_SNAPSHOT_KEPT.days} days: {_list(old)}' if old else ''}.",
        f"Remove what is old under {site.paths.snapshots}: nobody will go back that far.",
        warns=bool(old),
    )


SITE_CHECKS: Final = (
    Check("SITE001", "The settings are complete and known", _settings),
    Check("SITE002", "The site's directories are there, and private", _directories),
    Check("SITE003", "What the site keeps is private", _files),
    Check("SITE004", "There is a sound key for each purpose", _keys),
    Check("SITE034", "No key that is to be wrapped lies in clear", _wrapping),
    Check("SITE005", "The policies can be read", _policies),
    Check("SITE006", "The policies are those of the last event", _policy_digest),
    Check("SITE007", "The ledger is intact", _ledger),
    Check("SITE008", "The clock is not behind the ledger", _clock),
    Check("SITE009", "The site's path is short enough for sockets", _path_length),
    Check("SITE030", "The site has the layout of this program", _layout),
)
# The others would find what a migration is about to put right, or open what an older program is
# still at work with.
ANY_LAYOUT: Final = frozenset({"SITE001", "SITE003", "SITE007", "SITE008", "SITE009", "SITE030"})


def lost_directories(site: SiteView) -> frozenset[str]:
    """Names of the site's directories that are missing, or that this user can't enter."""
    return frozenset(path.name for path in site.paths.directories() if not _can_enter(path))


def _can_enter(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _regular(directory: Path) -> Iterator[Path]:
    yield from (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def _list(names: list[str]) -> str:
    return ", ".join(names)
