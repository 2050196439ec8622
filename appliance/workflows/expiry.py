"""Notes that have lain in the vault for as long as the site's policy allows, and longer: erased."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from appliance.artifacts.staging import nothing_staged
from appliance.clinical.vault.store import Vault
from appliance.errors import BadInput
from appliance.records.access import Verb
from appliance.records.backups import STAGES
from appliance.records.clock import Clock
from appliance.settings.retention import FILE, load_retention
from appliance.workflows.access import allow
from appliance.workflows.erasing import Confirm, check_confirmed, erase_notes, find_traces
from appliance.workflows.fingerprints import forget_but_present
from appliance.workflows.ingest import opened_vault
from appliance.workflows.site import Site, open_site

EXPIRED: Final = "notes.expired"
"""The kind of the event that says that notes past the limit are gone."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """What was erased, or would be.

    Attributes:
        notes: Notes that were written before the day, in all their versions.
        undated: Notes that name no day; they stay.
        days: The limit; 0 where there is none any more, and what was begun is only ended.
        before: The first day whose notes stay, ISO 8601, by UTC; "" where there is no limit.
        is_dry_run: Whether nothing was erased.
        is_unfinished: Whether an expiry of before was begun and not ended; this run ends it.
        findings: Findings of these notes, of all extractions.
        exports: Exports that held some; they can be made again.
        adapters: Adapters that had learned from notes: nobody can take single notes out of them.
    """

    notes: int
    undated: int
    days: int
    before: str
    is_dry_run: bool
    is_unfinished: bool = False
    findings: int = 0
    exports: int = 0
    adapters: int = 0


def expire(
    root: Path,
    *,
    dry_run: bool = False,
    confirm: Confirm[Expiry] | None = None,
    clock: Clock | None = None,
) -> Expiry:
    """No note is in the site that is older than its policy allows; an event stays.

    In the order of `notes.erase`, and like it gone on with by the same command wherever it was
    killed. Where nothing is past the limit, nothing is asked and nothing is done.

    Args:
        root: The site.
        dry_run: Count only.
        confirm: Asks before anything is erased; None asks nobody.
        clock: The time.

    Raises:
        BadInput: The policy is broken or has no limit for notes, a backup or rehearsal is under
            way, or it is not confirmed.
        ManifestMismatch: Findings are not what was written; nothing was erased.
        NoSpace: The disk is full; run it again.
    """
    site = open_site(root, clock)
    policy = load_retention(site.paths.policies)
    subject = f"expire after {policy.notes or 0} days"
    allow(site, Verb.ERASE, subject, with_second=False)
    oldest = policy.oldest_note(site.clock.now())
    with opened_vault(site) as vault:
        found = Expiry(
            vault.count_outlived(oldest),
            vault.count_undated(),
            policy.notes or 0,
            oldest,
            is_dry_run=True,
            is_unfinished=vault.is_expiring(),
        )
        if policy.notes is None and not found.is_unfinished:
            raise BadInput(
                "This site's policy has no limit for notes; nothing was erased.",
                f"Set `notes` under [days] in policies/{FILE}.",
            )
        if dry_run:
            traces = find_traces(site, vault.outlived(oldest), teach=True)
            return replace(found, **asdict(traces))
        if not (found.notes or found.is_unfinished):
            return replace(found, is_dry_run=False)
        if confirm is not None:
            check_confirmed(confirm, found)
        allow(site, Verb.ERASE, subject)
        # What a killed backup or rehearsal left is a copy of the vault, and the notes are in it.
        with nothing_staged(site.paths.run, *STAGES):
            return _expire_alone(site, vault, found)


def _expire_alone(site: Site, vault: Vault, found: Expiry) -> Expiry:
    begun = vault.begin_expiry(found.before)
    # Any of them can have taught: before it was given to another patient, a note was in that one's
    # share.
    erased, traces = erase_notes(
        site, begun.note_ids, lambda: vault.erase_outlived(found.before), teach=True
    )
    forget_but_present(site, vault, begun.owners)
    vault.end_expiry()
    done = replace(
        found,
        notes=erased,
        undated=vault.count_undated(),
        is_dry_run=False,
        is_unfinished=False,
        **asdict(traces),
    )
    facts = asdict(done)
    del facts["is_dry_run"], facts["is_unfinished"]
    site.ledger.record(EXPIRED, facts)
    return done
