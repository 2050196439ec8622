"""The registry of adapters: what the ledger says of the bytes that are there, and nothing else.

Evaluation, promotion and retirement are bound to an adapter's digest. There is no second file that
could disagree with the ledger, or be half-written.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.manifest import list_finished, read_manifest
from appliance.errors import BadInput, ManifestMismatch
from appliance.learning.adapters import KIND, read_adapter
from appliance.records.identifiers import Digest
from appliance.records.registry import RecordedEvaluation, Registered, Standing
from appliance.workflows.compare import find_adapter
from appliance.workflows.site import Site, find_entries, open_site

_TRAINED: Final = "adapter.trained"
_EVALUATED: Final = "adapter.evaluated"
_PROMOTED: Final = "adapter.promoted"
_RETIRED: Final = "adapter.retired"
_KINDS: Final = (_TRAINED, _EVALUATED, _PROMOTED, _RETIRED)
_MARKS: Final = tuple(f'"kind":"{kind}"' for kind in _KINDS)
_Entry = Mapping[str, Any]


class _History:
    """What the ledger says of adapters, by digest.

    Args:
        site: Open.
    """

    def __init__(self, site: Site) -> None:
        self.trained: dict[str, _Entry] = {}
        self.evaluations: dict[str, list[RecordedEvaluation]] = defaultdict(list)
        self.promoted: dict[str, str] = {}
        self._last: dict[str, _Entry] = {}
        for entry in find_entries(site, *_MARKS):
            self._take(entry)

    def _take(self, entry: _Entry) -> None:
        kind, facts = entry["kind"], entry["facts"]
        digest = str(facts.get("adapter_digest", ""))
        if kind == _TRAINED:
            self.trained[digest] = entry
        elif kind == _EVALUATED:
            self.evaluations[digest].append(_evaluation(entry))
        elif kind == _PROMOTED and self._last.get(digest, {}).get("kind") != _RETIRED:
            self.promoted[str(facts["task"])] = digest
            self._last[digest] = entry
        elif kind == _RETIRED:
            self.promoted = {task: one for task, one in self.promoted.items() if one != digest}
            self._last[digest] = entry

    def standing(self, digest: str) -> tuple[Standing, _Entry | None]:
        """The place of an adapter now, and the entry that brought it there."""
        last = self._last.get(digest)
        if last is not None and last["kind"] == _RETIRED:
            return Standing.RETIRED, last
        if digest in self.promoted.values():
            return Standing.PROMOTED, last
        return Standing.TRAINED, self.trained.get(digest)


def list_adapters(root: Path) -> tuple[Registered, ...]:
    """Every finished adapter of the site, by name.

    Raises:
        ManifestMismatch: One is not what was written.
    """
    site = open_site(root)
    history = _History(site)
    return tuple(_register(path, history) for path in list_finished(site.paths.adapters))


def show_adapter(root: Path, name: str) -> Registered:
    """One adapter with all that is on record about it.

    Raises:
        BadInput: There is none of that name.
        ManifestMismatch: It was never finished, or differs from what was written.
    """
    site = open_site(root)
    return _register(find_adapter(site, name), _History(site))


def promote(root: Path, name: str, *, dry_run: bool = False) -> Registered:
    """The adapter is the one of its task, and the ledger says on what evaluation.

    Args:
        root: The site.
        name: Of a finished adapter.
        dry_run: Only check that it could be.

    Raises:
        BadInput: There is none of that name, nobody has evaluated these very bytes, or it is
            retired.
        ManifestMismatch: It was never finished, or differs from what was written.
    """
    site = open_site(root)
    directory, history = find_adapter(site, name), _History(site)
    found = _register(directory, history)
    if found.standing is Standing.RETIRED:
        raise BadInput(
            f"Adapter {name!r} was retired on {found.since[:10]}.", "Train and promote another."
        )
    if not found.evaluations:
        raise BadInput(
            f"Nobody has evaluated adapter {name!r} as it is now.",
            f"Run `appliance evaluate --adapter {name} --gold FILE`, then promote it.",
        )
    if dry_run or found.standing is Standing.PROMOTED:
        return found
    evaluation = found.evaluations[-1]
    site.ledger.record(
        _PROMOTED,
        {
            "name": name,
            "task": found.card.task,
            "adapter_digest": found.digest,
            "replaces": history.promoted.get(found.card.task, ""),
            "evaluation": evaluation.entry,
            "value": evaluation.value,
        },
    )
    return _register(directory, _History(site))


def retire(root: Path, name: str, *, dry_run: bool = False) -> Registered:
    """The adapter reads no note any more; it stays where it is, to be looked at.

    Raises:
        BadInput: There is none of that name.
        ManifestMismatch: It was never finished, or differs from what was written.
    """
    site = open_site(root)
    directory = find_adapter(site, name)
    found = _register(directory, _History(site))
    if dry_run or found.standing is Standing.RETIRED:
        return found
    site.ledger.record(
        _RETIRED, {"name": name, "task": found.card.task, "adapter_digest": found.digest}
    )
    return _register(directory, _History(site))


def choose_adapter(site: Site, task: str | None) -> str:
    """Name of the promoted adapter of a task; without a task, of the one that has any.

    Raises:
        BadInput: None is promoted, more than one task has one, or it is gone or was changed since.
    """
    promoted = _History(site).promoted
    tasks = [task] if task is not None else sorted(promoted)
    if len(tasks) != 1 or tasks[0] not in promoted:
        raise BadInput(
            f"{'No' if not promoted or task else 'More than one'} adapter is promoted"
            f"{f' for task {json.dumps(task)}' if task else ''}.",
            f"Promoted: {', '.join(sorted(promoted)) or 'none'}. Name one with --adapter, its task "
            "with --task, or promote one with `appliance adapter promote`.",
        )
    wanted = promoted[tasks[0]]
    for path, digest in list_digests(site.paths.adapters):
        if digest == wanted:
            read_adapter(path)
            return path.name
    raise BadInput(
        f"The promoted adapter of task {tasks[0]!r} is not here any more.",
        "Restore it, or promote another.",
    )


def is_recorded(site: Site, digest: Digest) -> bool:
    """Whether the ledger says who made the adapter, and of what."""
    return digest in _History(site).trained


def list_digests(adapters: Path) -> Iterator[tuple[Path, Digest]]:
    """Each finished adapter and its digest, by its manifest alone; damaged ones are left out."""
    for path in list_finished(adapters):
        try:
            yield path, read_manifest(path, KIND, check=False).digest
        except ManifestMismatch:
            continue


def refuse_retired(site: Site, name: str, digest: Digest) -> None:
    """The adapter may read notes.

    Raises:
        BadInput: It is retired.
    """
    standing, last = _History(site).standing(digest)
    if standing is Standing.RETIRED and last is not None:
        raise BadInput(
            f"Adapter {name!r} was retired on {str(last['at'])[:10]}.",
            "Use the promoted one of its task: leave --adapter out.",
        )


def _register(directory: Path, history: _History) -> Registered:
    card, digest = read_adapter(directory)
    standing, last = history.standing(digest)
    trained = history.trained.get(digest)
    return Registered(
        card=card,
        digest=digest,
        standing=standing,
        since=str(last["at"]) if last else "",
        by=str(last["actor"]) if last else "",
        trained_entry=int(trained["index"]) if trained else -1,
        trained_by=str(trained["actor"]) if trained else "",
        evaluations=tuple(history.evaluations.get(digest, ())),
    )


def _evaluation(entry: _Entry) -> RecordedEvaluation:
    facts = entry["facts"]
    measure = "strict F1" if "f1" in facts else "macro-F1"
    return RecordedEvaluation(
        entry=int(entry["index"]),
        at=str(entry["at"]),
        actor=str(entry["actor"]),
        gold_digest=Digest(str(facts["gold_digest"])),
        documents=int(facts["documents"]),
        measure=measure,
        value=float(facts["f1" if measure == "strict F1" else "macro_f1"]),
        # Entries from before intervals were recorded have none.
        ci_low=float(facts.get("ci_low", 0.0)),
        ci_high=float(facts.get("ci_high", 1.0)),
    )
