"""A small site with something of each kind in it, and what a backup of it needs."""

from dataclasses import dataclass
from pathlib import Path

from appliance.records.clock import Clock
from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient
from appliance.records.progress import Silent
from appliance.workflows.backup import Created, create
from appliance.workflows.ingest import import_stream
from appliance.workflows.patients import register
from appliance.workflows.recovery import make
from appliance.workflows.site import Site, init
from tests.lib.tiny_corpora import write_tiny_corpus

NOTES = tuple(
    SourceNote(
        f"LH-{number}",
        f"P-{number % 3}",
        "letter",
        "2026-01-02",
        f"Invented visit {number}: asthma.",
    )
    for number in range(6)
)
PATIENTS = tuple(
    SourcePatient(f"P-{number}", (PatientIdentifier("name", f"Zebedee Quill{number}feather"),))
    for number in range(3)
)


@dataclass(frozen=True)
class BackedUp:
    """A site, where its backups go, and who can open them."""

    site: Site
    to: Path
    identity: Path
    recipient: str

    @property
    def root(self) -> Path:
        """The site's directory."""
        return self.site.paths.root

    def backup(self) -> Created:
        """Another backup of the site, as it is now."""
        return create(self.root, self.to, [self.recipient], Silent(), clock=self.site.clock)


def make_backed_up(place: Path, clock: Clock | None = None) -> BackedUp:
    """A site with six notes of three registered patients, a corpus, a report and a cohort."""
    site = init(place / "site", "air-gapped", clock)
    import_stream(site, NOTES, Silent())
    register(site, PATIENTS, Silent())
    write_tiny_corpus(site.paths.corpora / "first")
    (site.paths.reports / "read-me.html").write_text("<p>Counts only.</p>")
    (place / "backups").mkdir()
    recipient = make(place / "identity.txt")
    return BackedUp(site, place / "backups", place / "identity.txt", recipient)
