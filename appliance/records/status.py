"""How a site stands: counts, ages and what is at work; nothing about any patient."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORK: Final = ("import", "synthesis", "gateway", "backup")
"""What can be at work at a site."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was done last: ISO 8601, and how many seconds ago."""

    at: str
    age_s: float


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """How a site stands.

    Attributes:
        site: Where it is.
        product: Version of the program.
        profile: Its profile.
        seen_at: ISO 8601: when this was seen.
        notes: Notes in the vault; None where it can't be opened now: a full or read-only disk.
        products: Finished corpora, adapters, findings and exports, by kind.
        ledger_entries: Entries of the ledger.
        ledger_moved: When the last of them came.
        audited: When the last audit was completed.
        audit_verdict: What it came to; "" where there was none.
        backed_up: When the last backup was made.
        rehearsed: When a restore was last rehearsed.
        is_latched: Whether the gateway shut itself.
        disk_free: Bytes free where the site lies.
        disk_size: Bytes in all.
        work: What is at work now, of `WORK`.
    """

    site: Path
    product: str
    profile: str
    seen_at: str
    notes: int | None
    products: dict[str, int]
    ledger_entries: int
    ledger_moved: Moment | None
    audited: Moment | None
    audit_verdict: str
    backed_up: Moment | None
    rehearsed: Moment | None
    is_latched: bool
    disk_free: int
    disk_size: int
    work: tuple[str, ...]
