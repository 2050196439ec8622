"""A report's signature: a signed note that names its files by digest.

Source: https://c2sp.org/signed-note; the key is apart from the ledger's, of the same secret.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from appliance.ledger.signing import Signer, public_key_of
from appliance.records.audits import AuditReport

HEADER: Final = "appliance-audit/1"


def report_signer(key: bytes) -> Signer:
    """Signs reports of the site whose ledger has that key (32 bytes)."""
    seed = hmac.digest(key, b"appliance audit: report signature", "sha256")
    name = f"appliance-audit/{hashlib.sha256(public_key_of(seed)).hexdigest()[:16]}"
    return Signer(name, seed)


def statement(report: AuditReport, digests: Mapping[str, str]) -> str:
    """The text that is signed: whose audit, when, what it came to, and its files.

    Args:
        report: The audit.
        digests: Name of each file to its SHA-256, hex.
    """
    lines = [
        HEADER,
        f"site {report.site}",
        f"made {report.made_at}",
        f"verdict {report.verdict.value}",
        f"ledger {report.entries} {report.root or 'broken'}",
        f"policies {report.policy_digest}",
        *(f"sha256 {digest} {name}" for name, digest in sorted(digests.items())),
    ]
    return "".join(f"{line}\n" for line in lines)


def read_digests(text: str) -> dict[str, str]:
    """Name of each file to its digest, of a statement that was opened.

    Raises:
        ValueError: It is none.
    """
    lines = text.splitlines()
    if not lines or lines[0] != HEADER:
        raise ValueError("not a statement of an audit")
    parts = [line.split(" ", 2) for line in lines if line.startswith("sha256 ")]
    return {name: digest for _, digest, name in parts}
