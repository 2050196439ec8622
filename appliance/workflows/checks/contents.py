"""Checks of what a site holds: vault, models, corpora, adapters, findings, leftovers, rules."""

import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appliance.artifacts.manifest import is_finished, read_manifest
from appliance.errors import ApplianceError, BadInput
from appliance.records.events import Fact
from appliance.records.prompts import Route
from appliance.settings.keys import Purpose
from appliance.settings.policies import shipped_policies
from appliance.settings.retention import load_retention
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.checks.outcome import Check, Outcome, judge, passed, skipped
from appliance.workflows.checks.site import SiteView

if TYPE_CHECKING:
    from appliance.clinical.vault.store import Vault

_VAULT: Final = "vault.db"
_EMPTY: Final = "The vault is empty: nothing was imported yet."
_DAY_S: Final = 24 * 3600
# Strictest first.
_LEAVES: Final = ("never", "after-audit")


class _Nobody:
    """A recorder for a look that reads no note: there must be nothing to record."""

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """Refuse: the doctor looks, and does nothing that would have to be on record."""
        raise ApplianceError(f"The doctor must not cause the event {kind} ({len(facts)} facts).")


def _vault(site: SiteView) -> Outcome:
    if not (site.paths.vault / _VAULT).is_file():
        return skipped(_EMPTY)
    with closing(_open_vault(site)) as vault:
        notes = sum(vault.count().values())
    return passed(f"It opens with this site's keys and holds {notes} notes.")


def _open_vault(site: SiteView) -> "Vault":
    from appliance.clinical.vault.store import Vault

    return Vault.open(
        site.paths.vault,
        site.keys.key(Purpose.VAULT),
        site.keys.key(Purpose.PSEUDONYM),
        _Nobody(),
    )


def _gate_files(site: SiteView) -> Outcome:
    vault = site.paths.vault
    if not (vault / _VAULT).is_file():
        return skipped(_EMPTY)
    from appliance.gate.overlap.fingerprints import FILE, check_whole, read_fingerprints
    from appliance.gate.patients.index import PatientIndex

    key = site.keys.key(Purpose.PATIENT_INDEX)
    check_whole(vault / FILE, vault / _VAULT)
    prints = len(read_fingerprints(vault / FILE, key))
    patients = len(PatientIndex.load(vault / PATIENT_INDEX, key))
    return judge(
        f"{prints} fingerprints of notes, {patients} hashes of patients' identifiers.",
        "Run `appliance patients import FILE`: the gate knows no patient yet.",
        warns=not patients,
    )


def _models(site: SiteView) -> Outcome:
    return _intact([("model", path) for path in _finished_or_not(site.paths.models)])


def _products(site: SiteView) -> Outcome:
    found = [
        (kind, path)
        for kind, parent in (
            ("corpus", site.paths.corpora),
            ("adapter", site.paths.adapters),
            ("findings", site.paths.findings),
            ("export", site.paths.exports),
        )
        for path in _finished_or_not(parent)
    ]
    return _intact(found)


def _intact(found: list[tuple[str, Path]]) -> Outcome:
    if not found:
        return skipped("There is none yet.")
    unfinished = [path.name for _, path in found if not is_finished(path)]
    for kind, path in found:
        if is_finished(path):
            read_manifest(path, kind)
    never = f"; never finished: {', '.join(unfinished)}" if unfinished else ""
    return judge(
        f"{len(found) - len(unfinished)} with every byte as written{never}.",
        "Run the command that makes it again, or remove the directory.",
        warns=bool(unfinished),
    )


def _profile(site: SiteView) -> Outcome:
    from appliance.synthesis.routing.policy import load_routing

    profile = site.settings().profile
    routes = load_routing(site.paths.policies / "routing.toml", profile).routes
    outside = [route for route in routes if route is Route.CHATGPT]
    return judge(
        f"Profile {profile}; cleared prompts may go to {', '.join(routes)}.",
        "Remove chatgpt from that profile in policies/routing.toml: air-gapped means that nothing "
        "leaves.",
        fails=bool(outside) and profile == "air-gapped",
    )


def _devices(site: SiteView) -> Outcome:
    settings = site.settings()
    wanted = "cuda" in (settings.vllm.device, settings.learning.device)
    if not wanted:
        return skipped("Everything is set to run on the processor.")
    found = sorted(Path("/dev").glob("nvidia[0-9]*"))
    return judge(
        f"{len(found)} graphics device(s).",
        'Install the driver, or set device = "cpu" in site.toml.',
        fails=not found,
    )


def _rules(site: SiteView) -> Outcome:
    looser = [
        f"{name}: {key}"
        for name in ("retention", "disclosure")
        for key in _looser(
            _read(site.paths.policies / f"{name}.toml"),
            _read(shipped_policies() / f"{name}.toml"),
        )
    ]
    return judge(
        f"Looser than shipped: {', '.join(looser)}." if looser else "As strict as shipped.",
        "Set these back: a site may be stricter than the product, never looser.",
        fails=bool(looser),
    )


def _outlived(site: SiteView) -> Outcome:
    folders = load_retention(site.paths.policies).folders
    old = {
        name: count
        for name, limit in sorted(folders.items())
        if (count := _older(site.paths.root / name, limit))
    }
    return judge(
        "Outlived: " + ", ".join(f"{count} file(s) in {name}" for name, count in old.items()) + "."
        if old
        else "Nothing is older than policies/retention.toml allows.",
        "Look through them and remove what is no longer needed.",
        warns=bool(old),
    )


def _outlived_notes(site: SiteView) -> Outcome:
    policy = load_retention(site.paths.policies)
    if not (site.paths.vault / _VAULT).is_file():
        return skipped(_EMPTY)
    try:
        vault = _open_vault(site)
    except ApplianceError:
        return skipped("The vault does not open (SITE010): nobody can tell.")
    with closing(vault):
        notes = vault.count_outlived(policy.oldest_note(site.clock.now()))
        undated, is_begun = vault.count_undated(), vault.is_expiring()
    if policy.notes is None and not is_begun:
        return skipped("policies/retention.toml has no limit for notes.")
    limit = f"the limit of {policy.notes} days" if policy.notes else "a limit that is gone"
    half = " An expiry was begun and not ended." if is_begun else ""
    return judge(
        f"{notes} note(s) past {limit}, {undated} without a date.{half}",
        "Run `appliance notes expire`; `--dry-run` only counts.",
        warns=bool(notes) or is_begun,
    )


CONTENT_CHECKS: Final = (
    Check("SITE010", "The vault opens with this site's keys", _vault),
    Check("SITE011", "The base models are intact", _models),
    Check("SITE012", "Corpora, adapters and findings are whole", _products),
    Check("SITE013", "No rule is looser than the product's", _rules),
    Check("SITE014", "Nothing has outlived its retention", _outlived),
    Check("SITE015", "The profile and the routing policy agree", _profile),
    Check("SITE016", "The devices that the settings ask for are here", _devices),
    Check("SITE017", "The gate knows the vault's notes and patients", _gate_files),
    Check("SITE026", "No note has outlived its retention", _outlived_notes),
)


def _finished_or_not(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    found = (path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    return sorted(path for path in found if not path.name.startswith("."))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(
            f"policies/{path.name} can't be read.", "Copy the product's own into the site."
        ) from None


def _looser(ours: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterator[str]:
    if set(ours) != set(shipped):
        yield "its tables"
        return
    for table, rules in shipped.items():
        if not isinstance(rules, dict):
            continue
        for key, limit in rules.items():
            if not _is_as_strict(key, ours[table].get(key), limit):
                yield f"{table}.{key}"


def _is_as_strict(key: str, value: object, limit: object) -> bool:
    if isinstance(limit, str):
        return value in _LEAVES and _LEAVES.index(str(value)) <= _LEAVES.index(limit)
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    assert isinstance(limit, int)
    return value >= limit if key == "smallest" else 0 < value <= limit


def _older(directory: Path, days: float) -> int:
    limit = time.time() - days * _DAY_S
    return sum(
        path.lstat().st_mtime < limit
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
