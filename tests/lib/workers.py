"""Workers for tests that start Ray; they live in a module because workers import it by name."""

import ipaddress
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from appliance.clinical.extraction.labelling import NoteLabelling
from appliance.clinical.vault.store import Vault
from appliance.cluster.training import TrainingWorker
from appliance.errors import KeyMismatch
from appliance.records.spans import ScoredSpan, Span
from tests.lib.memory_vault import EventList

CANARY = "Zebedee Quillfeather"
Worker = Callable[[Sequence[str]], list[dict[str, object]]]


def echo() -> Worker:
    """Answers with ids, process, environment and a number that must survive."""
    names = ("HF_HUB_OFFLINE", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED")
    environment = {name: os.environ.get(name) for name in names}

    def work(items: Sequence[str]) -> list[dict[str, object]]:
        time.sleep(0.2)
        return [
            {"id": item, "pid": os.getpid(), "env": environment, "number": 0.1 + 0.2}
            for item in items
        ]

    return work


def naming() -> Worker:
    """Answers with ids, at once."""
    return lambda items: [{"id": item} for item in items]


def failing() -> Worker:
    """Fails with a patient's name in its mouth."""

    def work(items: Sequence[str]) -> list[dict[str, object]]:
        raise ValueError(f"{CANARY} {items}")

    return work


def not_starting() -> Worker:
    """Does not even start, and says whom it was about."""
    raise RuntimeError(CANARY)


def refusing() -> Worker:
    """Fails with one of the product's own errors."""

    def work(items: Sequence[str]) -> list[dict[str, object]]:
        raise KeyMismatch(f"The key opens none of {len(items)}.", "Restore it.")

    return work


class WordLabeller:
    """Finds one word."""

    word = "fever"

    def label(self, texts: Sequence[str]) -> list[tuple[ScoredSpan, ...]]:
        """The first place of the word in every text."""
        found = [(text, text.find(self.word)) for text in texts]
        return [
            () if at < 0 else (ScoredSpan(Span(at, at + len(self.word), "Disease"), 0.5),)
            for _, at in found
        ]


def vault_labelling(directory: Path) -> NoteLabelling:
    """The real vault in the worker, with the test's keys, and a labeller that finds a word."""
    return NoteLabelling(Vault.open(directory, b"k" * 32, b"p" * 32, EventList()), WordLabeller())


def deadly_labelling(directory: Path, mark: Path) -> Worker:
    """The same, but the first worker that comes by kills itself at its second block."""
    labelling = vault_labelling(directory)
    calls = 0

    def work(items: Sequence[str]) -> list[dict[str, object]]:
        nonlocal calls
        calls += 1
        if calls == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return labelling(items)

    return work


def gradient_loop(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """One step of a linear model, shared among the workers."""
    import torch

    model = worker.prepare_model(torch.nn.Linear(2, 1))
    model(torch.ones(1, 2) * (worker.rank + 1)).sum().backward()
    gradient = next(model.parameters()).grad
    assert gradient is not None
    worker.report({"step": 1.0})
    return {
        "rank": float(worker.rank),
        "world_size": float(worker.world_size),
        "gradient": float(gradient.flatten()[0]),
        "given": float(str(config["given"])),
    }


def listening_loop(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """On how many addresses this worker itself listens, while it is one of its group."""
    gradient_loop(config, worker)
    own = psutil.Process().net_connections("tcp")
    hosts = [one.laddr.ip for one in own if one.status == psutil.CONN_LISTEN]
    here = sum(ipaddress.ip_address(host.removeprefix("::ffff:")).is_loopback for host in hosts)
    return {"loopback": float(here), "others": float(len(hosts) - here)}


def failing_loop(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """Fails with a patient's name in its mouth."""
    raise ValueError(f"{CANARY} {config} {worker.rank}")


def refusing_loop(config: Mapping[str, object], worker: TrainingWorker) -> Mapping[str, float]:
    """Fails with one of the product's own errors."""
    raise KeyMismatch(f"No key for {len(config)} of rank {worker.rank}.", "Restore it.")
