"""A support bundle: facts about a site by a list of what may be told, and the gate's leave.

Nothing is taken along because it is there: no log, no file, no name or number that somebody chose,
no text of a check. Each fact is what the product counted or measured itself, a truth value, or a
word of the product's own. Every text is then read by the gate as if it were a prompt, and all of it
searched for keys; one hit, and there is no bundle. The gate does not read counts and measures: it
takes those of four digits for telephone numbers.
"""

import hashlib
import importlib.metadata
import io
import json
import math
import platform
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from appliance import __version__, errors
from appliance.artifacts.writing import check_absent, check_writable, write_atomically
from appliance.audits.evasion import Inspector
from appliance.audits.needles import Needles
from appliance.errors import ApplianceError, Denied, NoSpace
from appliance.ledger.proofs import read_bodies
from appliance.records.access import Verb
from appliance.records.clock import Clock
from appliance.records.status import SiteStatus
from appliance.records.verdicts import Decision
from appliance.settings.policies import shipped_policies
from appliance.settings.site_file import SiteSettings, default_settings
from appliance.workflows.access import allow
from appliance.workflows.audit_evidence import find_secrets
from appliance.workflows.checks.packages import pins, product_lock
from appliance.workflows.doctor import check_up
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, open_site
from appliance.workflows.status import status

FACTS: Final = "facts.json"
_EVENT: Final = "support.bundled"
# Words that a setting may have; any other is told as "set".
_WORDS: Final = frozenset(
    {"", "air-gapped", "cloud-allowed", "cpu", "cuda", "auto", "bfloat16", "float16", "float32"}
    | {"cross-entropy", "gce", "embedded-encoder", "embedded-language-model"}
)
_MOST: Final = 1_000_000
"""A number of a setting that is as large, and not as shipped, is told as "set"."""
_SHIPPED: Final = "as shipped"
_KIND: Final = re.compile(r'"kind":"([a-z-]{1,40}\.[a-z-]{1,40})"')
_ERROR: Final = re.compile(r'"error":"([A-Za-z]{1,40})"')
_CODES: Final = {
    name: value.exit_code
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, ApplianceError)
}
# The gate takes the one for somebody's name, and the other not.
_CALLED: Final = {"lora_rank": "adapter_rank"}
_NUMBERS: Final = re.compile(r"\d{1,5}")
_SHOWN: Final = 5
# 1980: what a zip file says where nobody says when.
_WHEN: Final = (1980, 1, 1, 0, 0, 0)

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A support bundle that was made, or could be.

    Attributes:
        path: Where it is.
        size: In bytes.
        sha256: Of the file.
        facts: How many there are in it.
        inspected: How many texts the gate read.
        is_dry_run: Whether nothing was written.
    """

    path: Path
    size: int
    sha256: str
    facts: int
    inspected: int
    is_dry_run: bool


def bundle(
    root: Path,
    out: Path,
    *,
    clock: Clock | None = None,
    open_gate: Callable[[Site], Inspector] = open_site_gate,
    dry_run: bool = False,
) -> Bundle:
    """Facts about the site are in the zip file `out`, every one of them inspected.

    Args:
        root: The site.
        out: A new file.
        clock: The time.
        open_gate: Opens the site's gate.
        dry_run: Inspect, and write nothing.

    Raises:
        Denied: The gate denies one of them, or a key is among them; nothing was written.
        DetectorFailed: A detector does not load: then there is no bundle.
        Forbidden: Whoever runs this may not.
        BadInput: `out` is there already, or can't be written.
        NoSpace: The disk under `out`, or the site's, is full; there is no bundle.
    """
    check_absent(out)
    check_writable(out)
    site = open_site(root, clock)
    allow(site, Verb.COUNT)
    document = collect(site, root, clock)
    texts = list(leaves(document))
    check_clean(texts, open_gate(site))
    content = _pack(document)
    _check_no_key(site, content)
    digest = hashlib.sha256(content).hexdigest()
    if not dry_run:
        # Written ahead: what leaves is on record before it does.
        site.ledger.record(_EVENT, {"sha256": digest, "size": len(content)})
        with _room_elsewhere():
            write_atomically(out, content)
    return Bundle(out, len(content), digest, _count(document), len(texts), dry_run)


def collect(site: Site, root: Path, clock: Clock | None = None) -> Document:
    """Everything that may be told of a site, and nothing else."""
    began = time.monotonic()
    checks = check_up(root, clock)
    doctor_s = time.monotonic() - began
    began = time.monotonic()
    now = status(root, clock)
    status_s = time.monotonic() - began
    head = site.ledger.head()
    bodies = read_bodies(site.paths.ledger, head.size)
    return {
        "versions": _versions(),
        "doctor": {one.check_id: one.status.value for one in checks.results},
        "settings": _settings(site.settings),
        "policies": _policies(site.paths.policies),
        "status": _status(now),
        "ledger": {"entries": head.size, "root": list(head.root)},
        "events": _tally(_KIND, bodies),
        "exit_codes": _codes(bodies),
        "seconds": {"doctor": round(doctor_s, 3), "status": round(status_s, 3)},
    }


def leaves(document: Document) -> Iterator[tuple[str, str]]:
    """Every text in the document, keys too, with where it stands; the place quotes nothing."""
    for section, content in document.items():
        for number, text in enumerate(_texts(content), start=1):
            yield f"{section}, text {number}", text


def check_clean(texts: list[tuple[str, str]], gate: Inspector) -> None:
    """The gate lets every text pass.

    Raises:
        Denied: It does not; says where, and never what.
    """
    verdicts = gate.inspect_many([text for _, text in texts])
    denied = [
        f"{place} ({', '.join(sorted({hit.entity for hit in verdict.hits})) or verdict.reason})"
        for (place, _), verdict in zip(texts, verdicts, strict=True)
        if verdict.decision is not Decision.ALLOW
    ]
    if denied:
        shown = "; ".join(denied[:_SHOWN]) + ("; ..." if len(denied) > _SHOWN else "")
        raise Denied(
            f"The gate denies {len(denied)} of {len(texts)} texts of the bundle: {shown}. "
            "Nothing was written.",
            "Rename what is named so in the site, or tell your helper by telephone what you see.",
        )


@contextmanager
def _room_elsewhere() -> Iterator[None]:
    try:
        yield
    except NoSpace as error:
        raise NoSpace(error.what, "Name a file on another disk with --out.") from None


def _check_no_key(site: Site, content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = b"\n".join(archive.read(name) for name in archive.namelist())
    found = Needles(find_secrets(site.paths)).find(unpacked)
    if found:
        raise Denied(
            f"{len(found)} of the site's keys would be in the bundle. Nothing was written.",
            "Report this: it is a bug of the product.",
        )


def _versions() -> dict[str, Any]:
    lock = product_lock()
    wanted = pins(lock) if lock.is_file() else {}
    other = {name for name, version in wanted.items() if _installed(name) != version}
    return {
        "product": _parts(__version__),
        "python": _parts(platform.python_version()),
        "kernel": _parts(platform.release())[:3],
        "packages_as_locked": len(wanted) - len(other),
        # By the place in the lock file: the gate takes many of their names for somebody's.
        "packages_not_as_locked": [
            [at, *_parts(_installed(name))] for at, name in enumerate(wanted) if name in other
        ],
    }


def _parts(version: str) -> list[int]:
    """A version by its numbers: as a text, the gate can't tell some from a date."""
    return [int(number) for number in _NUMBERS.findall(version)]


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _settings(settings: SiteSettings) -> dict[str, Any]:
    shipped = asdict(default_settings(settings.profile))
    return {name: _told(value, shipped[name]) for name, value in asdict(settings).items()}


def _told(value: object, shipped: Any) -> Any:
    if isinstance(value, dict):
        items = value.items()
        return {_CALLED.get(name, name): _told(item, shipped[name]) for name, item in items}
    if isinstance(value, bool) or (isinstance(value, str) and value in _WORDS):
        return value
    if isinstance(value, int | float):
        return _SHIPPED if value == shipped else _magnitude(value)
    return "set"


def _magnitude(value: float) -> str:
    """The power of ten below a number: whoever chose it may have taken somebody's."""
    if abs(value) >= _MOST or not value:
        return "set" if value else "zero"
    return f"{'minus ' if value < 0 else ''}ten to the {math.floor(math.log10(abs(value)))}"


def _policies(policies: Path) -> dict[str, Any]:
    shipped = shipped_policies()
    names = sorted(
        path.relative_to(shipped).as_posix()
        for path in shipped.rglob("*")
        if path.is_file() and path.suffix != ".md"
    )
    ours = {path.relative_to(policies).as_posix() for path in policies.rglob("*") if path.is_file()}
    same = [
        name
        for name in names
        if name in ours and (policies / name).read_bytes() == (shipped / name).read_bytes()
    ]
    return {
        "as_shipped": len(same),
        "changed": _stems(name for name in names if name in ours and name not in same),
        "missing": _stems(name for name in names if name not in ours),
        "own": len(ours - set(names)),
    }


def _stems(names: Iterable[str]) -> list[str]:
    """Without their endings, which the gate takes for those of an address."""
    return [name.rpartition(".")[0] for name in names]


def _status(now: SiteStatus) -> dict[str, Any]:
    moments = {
        "ledger_moved": now.ledger_moved,
        "audited": now.audited,
        "backed_up": now.backed_up,
        "rehearsed": now.rehearsed,
    }
    return {
        "notes": now.notes,
        "products": now.products,
        "audit": now.audit_verdict,
        "is_latched": now.is_latched,
        "disk_free_mib": now.disk_free >> 20,
        "disk_size_mib": now.disk_size >> 20,
        "work": list(now.work),
        "seconds_since": {name: one.age_s for name, one in moments.items() if one is not None},
    }


def _tally(pattern: re.Pattern[str], bodies: list[bytes]) -> dict[str, int]:
    # By its form a fact could not hold what is looked for: a value has no quotes in it.
    found = (match for body in bodies for match in pattern.findall(body.decode()))
    return dict(sorted(Counter(found).items()))


def _codes(bodies: list[bytes]) -> dict[str, int]:
    """How often what was refused or failed would have ended a command with which exit code."""
    codes: Counter[int] = Counter()
    for name, count in _tally(_ERROR, bodies).items():
        codes[_CODES.get(name, ApplianceError.exit_code)] += count
    return {str(code): count for code, count in sorted(codes.items())}


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(content, list):
        for item in content:
            yield from _texts(item)


def _count(content: object) -> int:
    if isinstance(content, Mapping):
        return sum(map(_count, content.values()))
    return sum(map(_count, content)) if isinstance(content, list) else 1


def _pack(document: Document) -> bytes:
    buffer = io.BytesIO()
    body = (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(FACTS, _WHEN), body)
    return buffer.getvalue()
