"""A training loop inside Ray Train workers."""

import secrets
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from appliance.cluster.connect import Cluster
from appliance.cluster.directories import private_directory
from appliance.cluster.failures import WorkerFailure, strip, to_error
from appliance.errors import ApplianceError


class TrainingWorker:
    """One of the workers of a training run, as the loop sees it.

    Attributes:
        rank: 0 to `world_size` - 1.
        world_size: Count of workers.
    """

    def __init__(self, rank: int, world_size: int) -> None:
        self.rank = rank
        self.world_size = world_size

    def prepare_model(self, model: Any) -> Any:
        """The torch module on this worker's device, wrapped for gradient sharing if need be."""
        import ray.train.torch

        return ray.train.torch.prepare_model(model)

    def report(self, metrics: Mapping[str, float]) -> None:
        """Hand figures to the controller; every worker must call it equally often (a barrier)."""
        import ray.train

        ray.train.report(dict(metrics))


Loop = Callable[[Mapping[str, object], TrainingWorker], Mapping[str, float]]


def train(
    cluster: Cluster,
    loop: Loop,
    config: Mapping[str, object],
    *,
    workers: int,
    gpu: bool,
    storage: Path,
) -> Mapping[str, float]:
    """`loop` has run to its end in every worker; the figures that rank 0's returned.

    Args:
        cluster: Connected; its CPUs are shared out among the workers.
        loop: Gets `config` and its worker. Travels by pickle, so name it at a module's top.
        config: Plain values and paths; no text.
        workers: Count.
        gpu: Whether each worker gets a GPU.
        storage: Where Ray Train keeps its own records; inside the site.

    Raises:
        ApplianceError: A worker failed. Of the worker's own class where it raised one of the
            product's errors; otherwise it names only the exception's type.
    """
    from ray.train.v2.api.exceptions import TrainingFailedError

    private_directory(storage)
    trainer = _trainer(cluster, loop, config, workers=workers, gpu=gpu, storage=storage)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = trainer.fit()
    except TrainingFailedError as error:
        failure = _first_failure(error)
    except Exception as error:  # noqa: BLE001 - Ray's errors carry what the worker said
        failure = strip(error)
    else:
        return _metrics(outcome.return_value)
    # Outside the handler, so that the error has no context that could hold text.
    raise to_error(failure, "training")


def choose_threads(cores: int, workers: int) -> int:
    """Threads of one worker's products; at least 1.

    A core stays free where there are more cores than workers: each of the many small products of
    an update waits for its slowest thread, and with one of two cores busy two threads are half as
    fast as one.
    """
    return max(1, (cores - 1) // workers)


def _trainer(
    cluster: Cluster,
    loop: Loop,
    config: Mapping[str, object],
    *,
    workers: int,
    gpu: bool,
    storage: Path,
) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    class Trainer(TorchTrainer):  # type: ignore[misc]  # Ray ships no types.
        """A trainer that leaves Ctrl-C to the command line."""

        def _register_sigint_handler(self, controller: Any) -> None:
            """No handler: Ray's would end the process with 1 and no word, and outlive the run."""

    share = max(1, cluster.cpus // workers)
    # A name of its own: Ray Train takes a run of the same name up again where it stopped.
    name = f"run-{secrets.token_hex(6)}"
    return Trainer(
        _run,
        torch_config=_meeting(private_directory(storage / name)) if cluster.is_local else None,
        train_loop_config={"loop": loop, "config": dict(config)},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=gpu,
            resources_per_worker=_resources(share, gpu=gpu),
            label_selector=dict(cluster.labels) or None,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=str(storage.absolute()),
            failure_config=FailureConfig(max_failures=0),
        ),
    )


def _meeting(folder: Path) -> Any:
    # Imported here: it brings all of Ray Train.
    from appliance.cluster.local_training import LocalTorch

    return LocalTorch(folder.absolute())


def _resources(cpus: int, *, gpu: bool) -> dict[str, float]:
    return {"CPU": cpus, "GPU": 1} if gpu else {"CPU": cpus}


def _run(given: dict[str, Any]) -> dict[str, float]:
    """The loop of one worker, with the text of its exceptions left behind."""
    import ray.train

    context = ray.train.get_context()
    worker = TrainingWorker(context.get_world_rank(), context.get_world_size())
    try:
        return {
            name: float(value) for name, value in given["loop"](given["config"], worker).items()
        }
    except Exception as error:  # noqa: BLE001 - raised as it is, Ray would log its text
        failure = strip(error)
    raise failure


def _first_failure(error: Any) -> WorkerFailure:
    """The failure of the lowest rank that says what it was."""
    failures = getattr(error, "worker_failures", {})
    for _, failure in sorted(failures.items()):
        cause = getattr(failure, "cause", failure)
        if isinstance(cause, WorkerFailure):
            return cause
    return WorkerFailure(type(error).__name__)


def _metrics(value: object) -> Mapping[str, float]:
    if not isinstance(value, dict):
        raise ApplianceError("Training ended without figures.", "Run the same command again.")
    return value
