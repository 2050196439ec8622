"""Audit reports that are there: listed, checked against signature and ledger, and read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.audits.signing import read_digests, report_signer
from appliance.errors import (
    ApplianceError,
    BadInput,
    IntegrityError,
    LedgerBroken,
    ManifestMismatch,
)
from appliance.records.audits import COMPLETED
from appliance.settings.keys import FileKeys, Purpose
from appliance.settings.names import is_name
from appliance.settings.site import SitePaths, find_site
from appliance.workflows.audit_traffic import salvage_events

JSON, HTML, PDF = "audit.json", "audit.html", "audit.pdf"
SIGNATURE: Final = "audit.sig"


@dataclass(frozen=True, slots=True)
class Report:
    """One report in SITE/reports.

    Attributes:
        name: Of its directory.
        made_at: ISO 8601, UTC; "" where the report is not good.
        verdict: "pass" or "fail"; "" where the report is not good.
        files: Names of the files that were signed.
        fault: Why it is not good; "" where it is.
    """

    name: str
    made_at: str
    verdict: str
    files: tuple[str, ...]
    fault: str


def list_reports(root: Path) -> tuple[Report, ...]:
    """Every report in SITE/reports with what it says, newest first; each was checked."""
    paths = find_site(root)
    known = _list_known(root)
    found = sorted(paths.reports.glob(f"*/{SIGNATURE}"), reverse=True)
    return tuple(_describe(paths, path.parent, known) for path in found)


def read_report(root: Path, name: str, file: str) -> bytes:
    """One file of a report in SITE/reports, as it was signed.

    Raises:
        BadInput: There is no such report or file.
        ManifestMismatch, IntegrityError: It is not what was signed, or not on record.
    """
    paths = find_site(root)
    directory = paths.reports / name
    if not is_name(name) or not directory.is_dir():
        raise BadInput("There is no such report.", "Those there are, are listed.")
    content = _read(paths, directory, _list_known(root))
    if file not in content:
        raise BadInput("The report has no such file.", "Those it has, are listed.")
    return content[file]


def verify_report(root: Path, directory: Path) -> dict[str, Any]:
    """The report in `directory` is one of this site, whole, and on record; its JSON is returned.

    Raises:
        BadInput: There is no report.
        ManifestMismatch: A file is not the one that was signed.
        IntegrityError: The signature is not good, or the ledger does not know it.
    """
    content = _read(find_site(root), directory, _list_known(root))
    document: dict[str, Any] = json.loads(content[JSON])
    return document


def _list_known(root: Path) -> frozenset[str]:
    """Digests of the JSON of every audit that the ledger knows."""
    # Even where the ledger is broken: that is when a report is looked at.
    events = salvage_events(find_site(root).ledger)
    return frozenset(str(one.facts.get("json")) for one in events if one.kind == COMPLETED)


def _describe(paths: SitePaths, directory: Path, known: frozenset[str]) -> Report:
    try:
        content = _read(paths, directory, known)
        document = json.loads(content[JSON])
        made_at, verdict = str(document["made_at"]), str(document["verdict"])
    except ApplianceError as error:
        return Report(directory.name, "", "", (), error.what)
    except (ValueError, KeyError, TypeError):
        return Report(directory.name, "", "", (), "The report's JSON is unreadable.")
    return Report(directory.name, made_at, verdict, tuple(sorted(content)), "")


def _read(paths: SitePaths, directory: Path, known: frozenset[str]) -> Mapping[str, bytes]:
    verifier = report_signer(FileKeys(paths.keys).key(Purpose.LEDGER)).verifier
    try:
        digests = read_digests(verifier.open((directory / SIGNATURE).read_bytes()))
        content = {name: (directory / name).read_bytes() for name in digests}
    except (OSError, ValueError):
        raise BadInput(
            f"{directory} holds no whole audit report.", "Name what `appliance audit run` made."
        ) from None
    except LedgerBroken:
        raise IntegrityError(
            "The report's signature is not good: it is not of this site, or was altered.",
            "Compare it with another copy, and with the site's ledger.",
        ) from None
    for name, body in content.items():
        if hashlib.sha256(body).hexdigest() != digests[name]:
            raise ManifestMismatch(f"{name} is not the file that was signed.", "Get another copy.")
    if digests.get(JSON) not in known:
        raise IntegrityError(
            "The ledger has no event of this report.",
            "It was rolled back, or the report was signed outside: find out which.",
        )
    return content
