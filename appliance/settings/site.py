"""Where everything of one site lies on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import SiteError

PATIENT_INDEX: Final = "patients.index"
"""The gate's index of patients, in `SitePaths.vault`."""


@dataclass(frozen=True, slots=True)
class SitePaths:
    """The paths of one site; nothing is created by naming one."""

    root: Path

    @property
    def settings(self) -> Path:
        """`site.toml`."""
        return self.root / "site.toml"

    @property
    def schema(self) -> Path:
        """`schema.json`: the layout that the site has."""
        return self.root / "schema.json"

    @property
    def snapshots(self) -> Path:
        """One directory per migration, until it can't be undone any more."""
        return self.root / "snapshots"

    @property
    def policies(self) -> Path:
        """The policies in force."""
        return self.root / "policies"

    @property
    def labels(self) -> Path:
        """Label sheets and vocabularies."""
        return self.policies / "labels"

    @property
    def vault(self) -> Path:
        """Sealed notes, catalogue, patient index."""
        return self.root / "vault"

    @property
    def ledger(self) -> Path:
        """Log entries, tree, signed checkpoints."""
        return self.root / "ledger"

    @property
    def journal(self) -> Path:
        """Generation journals."""
        return self.root / "journal"

    @property
    def corpora(self) -> Path:
        """One directory per corpus."""
        return self.root / "corpora"

    @property
    def adapters(self) -> Path:
        """One directory per adapter."""
        return self.root / "adapters"

    @property
    def findings(self) -> Path:
        """One directory per extraction."""
        return self.root / "findings"

    @property
    def exports(self) -> Path:
        """One directory per export of findings; there once there is one."""
        return self.root / "exports"

    @property
    def cohorts(self) -> Path:
        """One file per list of notes; there once there is one."""
        return self.root / "cohorts"

    @property
    def reviews(self) -> Path:
        """One directory per review of findings; there once there is one."""
        return self.root / "reviews"

    @property
    def keys(self) -> Path:
        """Key files, 0600."""
        return self.root / "keys"

    @property
    def models(self) -> Path:
        """Base models by digest."""
        return self.root / "models"

    @property
    def reports(self) -> Path:
        """Reports for people."""
        return self.root / "reports"

    @property
    def run(self) -> Path:
        """What running services write: Ray's session, vLLM's log; 0700."""
        return self.root / "run"

    @property
    def invitations(self) -> Path:
        """One sealed file per host that was invited into the cluster; there once there is one."""
        return self.run / "invitations"

    @property
    def gateway(self) -> Path:
        """What the egress gateway keeps: its callers' use, replies in quarantine."""
        return self.root / "gateway"

    def directories(self) -> tuple[Path, ...]:
        """Every directory a site has from the start."""
        return (
            self.policies,
            self.vault,
            self.ledger,
            self.journal,
            self.corpora,
            self.adapters,
            self.findings,
            self.keys,
            self.models,
            self.reports,
            self.run,
            self.gateway,
        )


def find_site(root: Path) -> SitePaths:
    """The paths of an existing site.

    Raises:
        SiteError: No `site.toml` there, or none that this user can see.
    """
    paths = SitePaths(root.absolute())
    try:
        found = paths.settings.is_file()
    except OSError as error:
        raise SiteError(
            f"{root} can't be looked into: {error.strerror}.",
            "Give this user the site's directory, or name another with --site.",
        ) from None
    if not found:
        raise SiteError(
            f"There is no site at {root}.",
            f"Make one with `appliance init {root} --profile air-gapped`, "
            "or name another with --site.",
        )
    return paths
