"""Training workers of one machine meet at a file and speak over loopback: no port is for others.

Left to itself Ray Train lets torch open a store on every interface, which asks nobody for a token.
"""

import os
from pathlib import Path
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import (
    _set_torch_distributed_env_vars,
    _setup_torch_process_group,
    _TorchBackend,
)

# What Gloo and NCCL may use; by themselves they take the interface of the host's name.
_INTERFACES = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
_MEETING = "meeting"


class LocalTorch(TorchConfig):  # type: ignore[misc]  # Ray ships no types.
    """How the workers of a run find each other.

    Args:
        folder: Of this run alone; it is there, and every worker can write into it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = str(folder)

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        """What sets the workers up."""
        return LocalBackend


class LocalBackend(_TorchBackend):  # type: ignore[misc]
    """As Ray's own, but for the way in which the workers meet."""

    def on_start(self, worker_group: Any, backend_config: LocalTorch) -> None:
        """Every worker is one of the group."""
        gpus = worker_group.get_resources_per_worker().get("GPU", 0)
        worker_group.execute(_set_torch_distributed_env_vars)
        group = {
            "backend": "nccl" if gpus else "gloo",
            "world_size": len(worker_group),
            "timeout_s": backend_config.timeout_s,
        }
        ray.get(
            [
                worker_group.execute_single_async(
                    rank, _join, backend_config.folder, world_rank=rank, **group
                )
                for rank in range(len(worker_group))
            ]
        )


def _join(folder: str, **group: Any) -> None:
    os.environ.update(_INTERFACES)
    # By its number, since torch reads a "?" or "#" in a site's path as the end of it. It stays
    # open as long as the worker lives.
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    _setup_torch_process_group(init_method=f"file:///proc/self/fd/{place}/{_MEETING}", **group)
