"""A site's status in Prometheus's text format: fixed names, labels from fixed lists only."""

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from appliance.records.status import WORK, Moment, SiteStatus

PREFIX: Final = "appliance_site"


def expose(found: SiteStatus) -> bytes:
    """Everything that can be told of a site without telling of anybody in it.

    What never happened has no time: an alert on its absence says so.
    """
    registry = CollectorRegistry()

    def gauge(name: str, what: str, value: float) -> None:
        Gauge(f"{PREFIX}_{name}", what, registry=registry).set(value)

    def moment(name: str, what: str, when: Moment | None) -> None:
        if when is not None:
            gauge(f"{name}_timestamp_seconds", what, _unix(when.at))

    gauge("seen_timestamp_seconds", "When this was written.", _unix(found.seen_at))
    if found.notes is not None:
        gauge("notes", "Notes in the vault.", found.notes)
    gauge("ledger_entries", "Entries of the ledger.", found.ledger_entries)
    moment("ledger_moved", "When the ledger's last entry came.", found.ledger_moved)
    moment("audited", "When the last audit was completed.", found.audited)
    if found.audited is not None:
        gauge("audit_failed", "1 where the last audit failed.", found.audit_verdict == "fail")
    moment("backed_up", "When the last backup was made.", found.backed_up)
    moment("rehearsed", "When a restore was last rehearsed.", found.rehearsed)
    gauge("gateway_latched", "1 while the gateway has shut itself.", found.is_latched)
    gauge("disk_free_bytes", "Bytes free where the site lies.", found.disk_free)
    gauge("disk_size_bytes", "Bytes in all where the site lies.", found.disk_size)
    products = Gauge(f"{PREFIX}_products", "Finished products.", ("kind",), registry=registry)
    for kind, count in found.products.items():
        products.labels(kind).set(count)
    work = Gauge(f"{PREFIX}_at_work", "1 while it is at work.", ("work",), registry=registry)
    for name in WORK:
        work.labels(name).set(name in found.work)
    return generate_latest(registry)


def _unix(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
