"""Long runs and how far they are, told from what they keep on disk, which is not touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from appliance.artifacts.locks import is_locked
from appliance.artifacts.manifest import is_finished
from appliance.learning.tuning.checkpoints import read_position
from appliance.settings.names import is_name
from appliance.settings.site import SitePaths
from appliance.synthesis.journal.reading import count_journal
from appliance.workflows.site import Site, open_site

_DRAFT: Final = ".partial"
_CHECKPOINT: Final = "train-"


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    """A process holds its lock."""
    OPEN = "not finished"
    """What it keeps is there; whether a process works on it the run does not say."""
    FINISHED = "finished"
    """What it was to make is there."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        verb: The command: "synthesize", "train" or "extract".
        name: Of what it makes.
        state: Where it is.
        done: How much of it, in units.
        total: Of how much; None where that is not known before the end.
        unit: What is counted.
        at: When it last wrote, ISO 8601, UTC.
    """

    verb: str
    name: str
    state: RunState
    done: int
    total: int | None
    unit: str
    at: str


def list_runs(root: Path) -> tuple[Run, ...]:
    """Every run of which something is left, those that go on or can be gone on with first.

    Raises:
        IntegrityError: A journal is damaged.
    """
    site = open_site(root)
    runs = [*_syntheses(site.paths), *_trainings(site), *_extractions(site.paths)]
    order = list(RunState)
    runs.sort(key=lambda run: run.at, reverse=True)
    runs.sort(key=lambda run: order.index(run.state))
    return tuple(runs)


def _syntheses(paths: SitePaths) -> Iterator[Run]:
    for path in paths.journal.glob("*.db"):
        # Stamps and budgets lie beside the journals, under names that no corpus can have.
        if not is_name(path.stem):
            continue
        begun, answered = count_journal(path)
        state = _state(path.with_suffix(".lock"), paths.corpora / path.stem)
        log = path.with_name(f"{path.name}-wal")
        at = _written(log if log.exists() else path)
        yield Run("synthesize", path.stem, state, answered, begun, "answers", at)


def _trainings(site: Site) -> Iterator[Run]:
    total = site.settings.learning.epochs
    # A lock that is held is all there is of a training before its first checkpoint.
    locks = {path.stem: path for path in site.paths.run.glob(f"{_CHECKPOINT}*.lock")}
    running = {stem: path for stem, path in locks.items() if is_locked(path)}
    kept = {path.stem: path for path in site.paths.run.glob(f"{_CHECKPOINT}*.safetensors")}
    for stem, path in (running | kept).items():
        epoch, _ = read_position(path)
        state = RunState.RUNNING if stem in running else RunState.OPEN
        name = stem.removeprefix(_CHECKPOINT)
        yield Run("train", name, state, max(epoch - 1, 0), total, "epochs", _written(path))


def _extractions(paths: SitePaths) -> Iterator[Run]:
    for path in paths.findings.glob(f".*{_DRAFT}"):
        name = path.name.removeprefix(".").removesuffix(_DRAFT)
        tickets = list(path.glob(".part-*.ticket"))
        newest = max(tickets, default=path, key=lambda one: one.stat().st_mtime)
        state = _state(path / ".lock", paths.findings / name)
        total = _read_number(path / ".parts")
        yield Run("extract", name, state, len(tickets), total, "parts", _written(newest))


def _state(lock: Path, made: Path) -> RunState:
    if is_locked(lock):
        return RunState.RUNNING
    return RunState.FINISHED if is_finished(made) else RunState.OPEN


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _written(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
