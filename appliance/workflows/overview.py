"""A site at a glance: what is there, and what somebody should look at; no note is read."""

from dataclasses import dataclass
from pathlib import Path

from appliance import __version__
from appliance.artifacts.locks import is_locked
from appliance.artifacts.manifest import list_finished
from appliance.gateway.counting import LOCK, Latch
from appliance.records.audits import COMPLETED
from appliance.workflows.access import list_requests
from appliance.workflows.site import newest_entries, open_site


@dataclass(frozen=True, slots=True)
class Overview:
    """What one looks at first.

    Attributes:
        profile: Of the site.
        version: Of the product.
        policy_digest: Of the policies in force.
        entries: Of the ledger.
        root: Of its tree, hex.
        is_gateway_running: Whether a gateway of this site runs.
        latch: The rule whose breach shut its door; "" where it is open.
        audited_at: When the newest audit ended, ISO 8601, UTC; "" without one.
        audit_verdict: What it came to.
        requests: Requests that wait for a second person.
        products: Counts of finished corpora, adapters, findings, and of base models.
    """

    profile: str
    version: str
    policy_digest: str
    entries: int
    root: str
    is_gateway_running: bool
    latch: str
    audited_at: str
    audit_verdict: str
    requests: int
    products: tuple[int, int, int, int]


def look_over(root: Path) -> Overview:
    """The site as it is now.

    Raises:
        LedgerBroken: The ledger can't be opened.
    """
    site = open_site(root)
    paths, head = site.paths, site.ledger.head()
    newest = newest_entries(paths.ledger, head.size, (COMPLETED,))
    audit = newest.get(COMPLETED, {"at": "", "facts": {"verdict": ""}})
    return Overview(
        profile=site.settings.profile,
        version=__version__,
        policy_digest=site.policy_digest,
        entries=head.size,
        root=head.root.hex(),
        is_gateway_running=is_locked(paths.run / LOCK),
        latch=Latch(paths.run).breach(),
        audited_at=str(audit["at"]),
        audit_verdict=str(audit["facts"].get("verdict")),
        requests=sum(not one.is_approved for one in list_requests(root)),
        products=(
            len(list_finished(paths.corpora)),
            len(list_finished(paths.adapters)),
            len(list_finished(paths.findings)),
            len(list_finished(paths.models)),
        ),
    )
