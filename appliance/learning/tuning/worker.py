"""Where a training loop runs: one of several workers of a cluster, or this process."""

from collections.abc import Mapping
from typing import Any, Protocol


class TrainingWorker(Protocol):
    """What the loop asks of the place it runs in."""

    @property
    def rank(self) -> int:
        """This worker's number, from 0."""

    @property
    def world_size(self) -> int:
        """How many workers there are."""

    def prepare_model(self, model: Any) -> Any:
        """The model, its gradients averaged over all workers from now on."""

    def report(self, metrics: Mapping[str, float]) -> None:
        """Figures of one epoch."""


class InProcessWorker:
    """The only worker, in this process; keeps what was reported.

    Attributes:
        reported: Figures per epoch, in order.
    """

    rank = 0
    world_size = 1

    def __init__(self) -> None:
        self.reported: list[dict[str, float]] = []

    def prepare_model(self, model: Any) -> Any:
        """The model itself."""
        return model

    def report(self, metrics: Mapping[str, float]) -> None:
        """Keep the figures."""
        self.reported.append(dict(metrics))
