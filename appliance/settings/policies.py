"""Policies: files under review, digested, so that every event can say what was in force."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from appliance.errors import SiteError
from appliance.records.identifiers import Digest
from appliance.settings.product import product_directory

_SHIPPED: Final = product_directory() / "policies"


def shipped_policies() -> Path:
    """The policies that come with the product.

    Raises:
        SiteError: They are not where the product was installed.
    """
    if (_SHIPPED / "phi.toml").is_file():
        return _SHIPPED
    raise SiteError(
        "The product's own policies are missing.",
        "Install it again: `make install`, or deploy/install.sh from a bundle.",
    )


def copy_policies(destination: Path) -> None:
    """The site has its own copy of every shipped policy; from now on that copy is in force."""
    for path in missing_policies(destination):
        target = destination / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Half a policy must not be taken for one.
        draft = target.with_name(f".{target.name}.part")
        shutil.copyfile(shipped_policies() / path, draft)
        draft.replace(target)


def missing_policies(destination: Path) -> list[Path]:
    """Shipped policies that `destination` has no file for, relative to it, by name."""
    shipped = shipped_policies()
    # Not copytree: what it raises no longer says that the disk is full.
    found = (path for path in shipped.rglob("*") if path.is_file() and path.suffix != ".md")
    names = sorted(path.relative_to(shipped) for path in found)
    return [name for name in names if not (destination / name).exists()]


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
