"""Where a training run stands, in one file: a run that was killed goes on from there.

Nothing random has to be kept: the order of an epoch and the dropout of a step are drawn anew from
seed, epoch and step.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.locks import held_alone
from appliance.artifacts.writing import write_atomically
from appliance.learning.tuning.figures import Epoch

_MOMENTS: Final = ("step", "exp_avg", "exp_avg_sq")
_STATE: Final = "state"
_IDENTITY: Final = "identity"


@dataclass(slots=True)
class Position:
    """How far training has come.

    Attributes:
        epoch: That is being trained, from 1.
        step: Updates of it that are done.
        losses: Of these.
        seconds: They took.
        best_f1: On dev so far; -1 before the first.
        stale: Epochs since.
        history: Figures of the epochs that are done.
    """

    epoch: int = 1
    step: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    best_f1: float = -1.0
    stale: int = 0
    history: list[Epoch] = field(default_factory=list)


class Checkpoint:
    """The file of one run.

    Args:
        path: The file, or None to keep nothing.
        identity: Of all that decides the run: a file of another run is not read.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self._path = path
        self._identity = identity

    def write(
        self, position: Position, model: Any, optimizer: Any, best: Mapping[str, Any]
    ) -> None:
        """The file says where the run stands; a reader sees the old one or the new one, whole.

        Args:
            position: How far it has come.
            model: Its trainable weights are kept.
            optimizer: Adam of any kind.
            best: Weights of the best epoch by name.

        Raises:
            NoSpace: The disk is full; the old file is as it was.
        """
        if self._path is None:
            return
        from safetensors.torch import save

        tensors = {f"best/{name}": weights.contiguous() for name, weights in best.items()}
        for name, parameter in _trainable(model).items():
            tensors[f"model/{name}"] = parameter.detach().to("cpu", copy=True).contiguous()
            moments = optimizer.state.get(parameter, {})
            for moment in _MOMENTS:
                if moment in moments:
                    tensors[f"{moment}/{name}"] = moments[moment].detach().to("cpu", copy=True)
        state = json.dumps({**asdict(position)})
        body = save(tensors, {_STATE: state, _IDENTITY: self._identity})
        write_atomically(self._path, body)

    def resume(self, model: Any, optimizer: Any) -> tuple[Position, dict[str, Any]] | None:
        """Model and optimizer are as they were; how far that was, and the best weights.

        None where there is no file, or none of this run: then nothing was touched.
        """
        if self._path is None or not self._path.is_file():
            return None
        import torch
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path, "pt") as file:
                about = file.metadata() or {}
                if about.get(_IDENTITY) != self._identity:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = json.loads(about[_STATE])
            history = [Epoch(**figures) for figures in state.pop("history")]
            position = Position(**state, history=history)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            # What can't be read is no place to go on from; the run begins anew.
            return None
        if any(f"model/{name}" not in tensors for name in _trainable(model)):
            return None
        with torch.no_grad():
            for name, parameter in _trainable(model).items():
                parameter.copy_(tensors[f"model/{name}"])
                moments = {
                    moment: tensors[f"{moment}/{name}"].to(
                        "cpu" if moment == "step" else parameter.device
                    )
                    for moment in _MOMENTS
                    if f"{moment}/{name}" in tensors
                }
                if moments:
                    optimizer.state[parameter] = moments
        best = {
            name.removeprefix("best/"): weights
            for name, weights in tensors.items()
            if name.startswith("best/")
        }
        return position, best

    def remove(self) -> None:
        """The run is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def held_by_one(path: Path) -> AbstractContextManager[int]:
    """Nobody else trains with the checkpoint at `path` inside the block; `runs` tells by it.

    The lock is the kernel's, on a file beside it: it goes with the process, however that ends.

    Raises:
        BadInput: Somebody does.
    """
    return held_alone(
        path.with_suffix(".lock"),
        "Another run is training that adapter already.",
        "Wait for it to end, or name another adapter with --out.",
    )


def read_position(path: Path) -> tuple[int, int]:
    """The epoch that the run at `path` is in, from 1, and the updates of it; no weight is read.

    (0, 0) where that can't be told.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            state = json.loads((file.metadata() or {})[_STATE])
        return int(state["epoch"]), int(state["step"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return 0, 0


def _trainable(model: Any) -> dict[str, Any]:
    return {name: one for name, one in model.named_parameters() if one.requires_grad}
