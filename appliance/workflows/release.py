"""Release: what leaves the site does so with a passing audit and several people's signatures."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import MANIFEST, Manifest, read_manifest
from appliance.artifacts.writing import (
    check_absent,
    check_writable,
    disk_errors,
    folder_atomically,
    write_atomically,
)
from appliance.errors import BadInput, Denied, LedgerBroken, ManifestMismatch
from appliance.learning.adapters import read_adapter, refuse_site_only
from appliance.ledger.signing import Verifier
from appliance.records.audits import COMPLETED, KEPT, PATIENTS, SEARCHED, Overall, Standing
from appliance.records.events import Event
from appliance.settings.names import is_name
from appliance.settings.release import ReleasePolicy, load_release_policy
from appliance.workflows.approvers import HEADER
from appliance.workflows.site import Site, open_site, read_events

KINDS: Final = ("corpus", "adapter")
POLICY: Final = "release.toml"
_MADE: Final = {"corpus.written": "digest", "corpus.revised": "digest"} | {
    "adapter.trained": "adapter_digest"
}
_BOTH: Final = ("ledger", "safeguards", "provenance", "replay", "clear-text-at-rest")
_NEEDED: Final = {"corpus": (*_BOTH, "overlap"), "adapter": _BOTH}
_AUDIT_AGAIN: Final = "Run `appliance audit run`, deal with what it finds, and ask again."


@dataclass(frozen=True, slots=True)
class Statement:
    """What people sign.

    Attributes:
        kind: "corpus" or "adapter".
        name: Of its directory.
        digest: Of its manifest.
        audit: Digest of the audit's JSON.
        text: The lines that are signed.
    """

    kind: str
    name: str
    digest: str
    audit: str
    text: str


@dataclass(frozen=True, slots=True)
class Release:
    """What left, and who let it.

    Attributes:
        statement: What was signed.
        approvers: Names of those who signed.
        directory: Where the copy is; None for a dry run.
    """

    statement: Statement
    approvers: tuple[str, ...]
    directory: Path | None


def ask(root: Path, kind: str, name: str, out: Path | None = None) -> Statement:
    """What people are to sign so that the product may leave; in `out`, where that is given.

    Raises:
        BadInput: There is no such product.
        Denied: It may never leave, or there is no audit that counts.
        ManifestMismatch: It is not what was written.
    """
    site = open_site(root)
    statement = _state(site, _load_policy(site), kind, name)
    if out is not None:
        check_absent(out)
        write_atomically(out, statement.text.encode(), 0o644)
    return statement


@dataclass(frozen=True, slots=True)
class Signed:
    """How far a release has come.

    Attributes:
        statement: What people are to sign.
        by: Whose good signatures are on it.
        approvers: All who may sign.
        needed: How many signatures it takes.
    """

    statement: Statement
    by: tuple[str, ...]
    approvers: tuple[str, ...]
    needed: int


def count_signed(root: Path, kind: str, name: str, contents: Sequence[bytes] = ()) -> Signed:
    """Who has signed what `ask` says now, by the signed statements in `contents`.

    Raises:
        BadInput, Denied, ManifestMismatch: As `ask`.
    """
    site = open_site(root)
    policy = _load_policy(site)
    statement = _state(site, policy, kind, name)
    by = _find_signers(policy, statement, contents)
    return Signed(statement, tuple(sorted(by)), tuple(sorted(policy.approvers)), policy.approvals)


def release(
    root: Path,
    kind: str,
    name: str,
    approvals: Sequence[Path],
    out: Path,
    *,
    dry_run: bool = False,
) -> Release:
    """A copy of the product, with its manifest and the signed statement, is in `out`.

    Raises:
        BadInput: There is no such product, or `out` is there already.
        Denied: The audit or the approvals are not enough.
        ManifestMismatch: The product is not what was written.
        NoSpace: The disk is full; nothing is left in `out`.
    """
    check_absent(out)
    check_writable(out)
    site = open_site(root)
    statement = _state(site, _load_policy(site), kind, name)
    approvers = check_approvals(_load_policy(site), statement, approvals)
    if dry_run:
        return Release(statement, approvers, None)
    record(site, statement, approvers, "released")
    with folder_atomically(out, 0o700) as draft, disk_errors(out):
        _copy(_directory(site, kind, name), draft, statement)
        for number, approval in enumerate(approvals, 1):
            shutil.copyfile(approval, draft / f"approval-{number}.txt")
    return Release(statement, approvers, out)


def require_for_export(site: Site, name: str, approvals: Sequence[Path]) -> None:
    """Where the policy asks for it, the corpus may be written for use elsewhere.

    Raises:
        BadInput: The policy can't be read.
        Denied: The audit or the approvals are not enough.
    """
    policy = _load_policy(site)
    if not policy.exports_need_release and not approvals:
        return
    statement = _state(site, policy, "corpus", name)
    record(site, statement, check_approvals(policy, statement, approvals), "export")


def check_approvals(
    policy: ReleasePolicy, statement: Statement, approvals: Sequence[Path]
) -> tuple[str, ...]:
    """The names of the approvers whose good signatures are on this very statement.

    Raises:
        BadInput: A file can't be read.
        Denied: They are too few.
    """
    contents: list[bytes] = []
    for path in approvals:
        try:
            contents.append(path.read_bytes())
        except OSError as error:
            raise BadInput(
                f"{path} can't be read: {error.strerror}.", "Name what the approvers signed."
            ) from None
    signed = _find_signers(policy, statement, contents)
    if len(signed) < policy.approvals:
        raise Denied(
            f"{statement.kind} {statement.name} has {len(signed)} of {policy.approvals} approvals "
            f"that count; {len(policy.approvers)} people may approve.",
            "Let others of release.toml sign what `appliance release ask` says now.",
        )
    return tuple(sorted(signed))


def record(site: Site, statement: Statement, approvers: Sequence[str], how: str) -> None:
    """The ledger knows what leaves and who let it, before it does."""
    site.ledger.record(
        "product.released",
        {
            "kind": statement.kind,
            "name": statement.name,
            "digest": statement.digest,
            "audit": statement.audit,
            "approvers": "+".join(approvers),
            "how": how,
        },
    )


def _copy(source: Path, draft: Path, statement: Statement) -> None:
    """What the manifest names is in `draft`, and nothing else that lies in `source`."""
    manifest = read_manifest(source, statement.kind, check=False)
    _check_signed(manifest, statement)
    for name in (*manifest.files, MANIFEST):
        target = draft / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target, follow_symlinks=False)
        if target.is_symlink():
            raise ManifestMismatch(f"{source.name}: {name} is a link.", "Make it again.")
    # The copy is what leaves: what took a file's place after the check of the source does not.
    _check_signed(read_manifest(draft, statement.kind), statement)


def _check_signed(manifest: Manifest, statement: Statement) -> None:
    if manifest.digest != statement.digest:
        raise ManifestMismatch(
            f"{statement.name} is not what was signed.", "Find out who changed it; ask again."
        )


def _state(site: Site, policy: ReleasePolicy, kind: str, name: str) -> Statement:
    digest = _check_product(site, kind, name)
    events = [event for _, event in read_events(site)]
    audit, made = _find_audit(site, policy, events, digest)
    _check_tested(site, kind, str(audit.facts["json"]), made)
    lines = (
        HEADER,
        f"site {site.ledger.verifier.name}",
        f"{kind} {name}",
        f"digest {digest}",
        f"audit {audit.facts['json']} of {audit.at[:19]}",
    )
    text = "".join(f"{line}\n" for line in lines)
    return Statement(kind, name, digest, str(audit.facts["json"]), text)


def _check_product(site: Site, kind: str, name: str) -> str:
    """The product is whole and may leave at all; its digest."""
    directory = _directory(site, kind, name)
    if kind == "adapter":
        card, digest = read_adapter(directory)
        refuse_site_only(card)
        return digest
    return read_manifest(directory, "corpus").digest


def _find_audit(
    site: Site, policy: ReleasePolicy, events: Sequence[Event], digest: str
) -> tuple[Event, int]:
    """The newest audit, which passed and is young enough; the entry that made the product."""
    made = [
        at
        for at, event in enumerate(events)
        if event.kind in _MADE and event.facts.get(_MADE[event.kind]) == digest
    ]
    if not made:
        raise Denied("The ledger has no event that made it as it is.", "Make it again, here.")
    audits = [(at, event) for at, event in enumerate(events) if event.kind == COMPLETED]
    if not audits or audits[-1][0] < made[0]:
        raise Denied("There is no audit since it was made.", _AUDIT_AGAIN)
    audit = audits[-1][1]
    age = site.clock.now() - datetime.fromisoformat(audit.at)
    # What could not be tried is no failure: what speaks for the product is asked for one by one.
    if audit.facts.get("verdict") not in {Overall.PASS.value, Overall.INCOMPLETE.value}:
        raise Denied("The newest audit failed.", _AUDIT_AGAIN)
    if age > policy.audit_age:
        raise Denied(f"The newest audit is {age.days} days old.", _AUDIT_AGAIN)
    if audit.policy_digest != site.policy_digest:
        raise Denied("Policies were changed since the newest audit.", _AUDIT_AGAIN)
    return audit, made[0]


def _check_tested(site: Site, kind: str, digest: str, made: int) -> None:
    """Every attack that speaks for such a product was carried out: not tested is no pass."""
    path = site.paths.reports / KEPT / f"{digest}.json"
    try:
        content = path.read_bytes()
        document = json.loads(content)
        results, entries = document["results"], int(document["entries"])
        passed = {one["attack"] for one in results if one["standing"] == Standing.PASS.value}
        patients = int(document["asked"][SEARCHED])
    except (OSError, ValueError, KeyError, TypeError):
        raise Denied(
            "The newest audit's JSON is gone from SITE/reports, or of a release before.",
            _AUDIT_AGAIN,
        ) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise Denied("The newest audit's JSON in SITE/reports was altered.", _AUDIT_AGAIN)
    if patients < PATIENTS:
        raise Denied(
            f"The newest audit was asked to search for {patients} patients at most.",
            f"Run `appliance audit run` without --patients: {PATIENTS} is the least here.",
        )
    # It is on record where it ended: what was made meanwhile it may not have looked at.
    if entries <= made:
        raise Denied("The newest audit began before it was made.", _AUDIT_AGAIN)
    missing = [attack for attack in _NEEDED[kind] if attack not in passed]
    if missing:
        raise Denied(
            f"The newest audit did not test what a {kind} needs: {', '.join(missing)}.",
            "Import notes and patients, so that there is something to compare with; audit again.",
        )


def _directory(site: Site, kind: str, name: str) -> Path:
    parent = site.paths.corpora if kind == "corpus" else site.paths.adapters
    directory = parent / name
    if not is_name(name) or not directory.is_dir():
        known = ", ".join(sorted(path.name for path in parent.glob("[!.]*"))) or "none"
        raise BadInput(f"There is no {kind} of that name.", f"There are: {known}.")
    return directory


def _load_policy(site: Site) -> ReleasePolicy:
    return load_release_policy(site.paths.policies / POLICY)


def _find_signers(
    policy: ReleasePolicy, statement: Statement, contents: Sequence[bytes]
) -> frozenset[str]:
    return frozenset(
        name
        for content in contents
        for name, key in policy.approvers.items()
        if _bears(content, key, statement)
    )


def _bears(content: bytes, key: str, statement: Statement) -> bool:
    try:
        return Verifier.from_key(key).open(content) == statement.text
    except LedgerBroken:
        return False
