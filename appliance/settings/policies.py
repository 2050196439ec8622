"""Policies: files under review, digested, so that every event can say what was in force."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from appliance.errors import SiteError
from appliance.records.identifiers import Digest

_SHIPPED: Final = Path(__file__).resolve().parents[2] / "policies"


def shipped_policies() -> Path:
    """The policies that come with the product.

    Raises:
        SiteError: They are not where the product was installed.
    """
    if (_SHIPPED / "phi.toml").is_file():
        return _SHIPPED
    raise SiteError(
        "The product's own policies are missing.", "Install it again with `make install`."
    )


def copy_policies(destination: Path) -> None:
    """The site has its own copy of every shipped policy; from now on that copy is in force."""
    shipped = shipped_policies()
    # Not copytree: what it raises no longer says that the disk is full.
    for source in sorted(shipped.rglob("*")):
        path = source.relative_to(shipped)
        if source.is_file() and source.suffix != ".md":
            target = destination / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def digest_policies(policies: Path) -> Digest:
    """SHA-256 over names and bytes of every file under `policies`, in name order."""
    hasher = hashlib.sha256()
    for path in sorted(policies.rglob("*")):
        if path.is_file():
            name = path.relative_to(policies).as_posix().encode()
            content = path.read_bytes()
            hasher.update(len(name).to_bytes(4, "big") + name)
            hasher.update(len(content).to_bytes(8, "big") + content)
    return Digest(hasher.hexdigest())
