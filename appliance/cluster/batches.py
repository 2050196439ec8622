"""A function over blocks of ids, in Ray Data actors, with the results in the blocks' order."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from appliance.cluster.connect import Cluster
from appliance.cluster.failures import WorkerFailure, strip, to_error
from appliance.cluster.interrupts import check_interrupted
from appliance.errors import ApplianceError

Record = dict[str, object]
Worker = Callable[[Sequence[str]], list[Record]]

# Ray Data keeps some KiB of each of its tasks to the end. So a task has several blocks, but no more
# than leave every actor many tasks: the last ones are done at about the same time.
_MOST_BLOCKS_PER_TASK: Final = 8
_TASKS_PER_ACTOR: Final = 64


def map_blocks(
    cluster: Cluster,
    blocks: Sequence[Sequence[str]],
    make_worker: Callable[[], Worker],
    *,
    actors: int,
    gpus_per_actor: float = 0,
) -> Iterator[list[Record]]:
    """One list of records per block, in the order of `blocks`, as they are ready.

    Args:
        cluster: Connected.
        blocks: Ids, never texts: they pass through Ray's object store.
        make_worker: Called once in every actor; loads what the actor needs there. It travels by
            pickle, so it must hold paths, not keys.
        actors: At most so many at once; fewer where there are fewer CPUs or blocks.
        gpus_per_actor: Share of a GPU for each.

    Raises:
        ApplianceError: A worker failed. Of the worker's own class where it raised one of the
            product's errors; otherwise it names the exception's type and the block's number.
    """
    if not blocks:
        return
    dataset = _dataset(cluster, blocks, make_worker, actors, gpus_per_actor)
    done = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in dataset.iter_rows():
                check_interrupted()
                yield _unpack(row, done)
                done += 1
    except ApplianceError:
        raise
    except Exception as error:  # noqa: BLE001 - Ray's errors carry what the worker said
        failure = WorkerFailure(type(error).__name__)
    else:
        assert done == len(blocks), "Ray Data lost a block"
        return
    # Outside the handler, so that the error has no context that could hold text.
    raise to_error(failure, f"block {done} of {len(blocks)}")


def _dataset(
    cluster: Cluster,
    blocks: Sequence[Sequence[str]],
    make_worker: Callable[[], Worker],
    actors: int,
    gpus_per_actor: float,
) -> Any:
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    pool = max(1, min(actors, len(blocks), cluster.cpus))
    # Not `from_arrow`, which starts a task for each table to learn its size.
    return ray.data.from_blocks(_tables(blocks, pool)).map_batches(
        _Actor,
        fn_constructor_args=(make_worker,),
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=pool),
        num_cpus=1,
        num_gpus=gpus_per_actor,
        # A host without the label never gets a note to read.
        label_selector=dict(cluster.labels) or None,
    )


def _tables(blocks: Sequence[Sequence[str]], pool: int) -> list[Any]:
    """What each task is given: numbers and ids of some blocks."""
    import pyarrow as pa

    size = max(1, min(_MOST_BLOCKS_PER_TASK, len(blocks) // (pool * _TASKS_PER_ACTOR)))
    tables = []
    for start in range(0, len(blocks), size):
        some = [list(block) for block in blocks[start : start + size]]
        tables.append(pa.table({"number": range(start, start + len(some)), "items": some}))
    return tables


class _Actor:
    """Runs the worker inside Ray; whatever it raises becomes a row, never a Ray exception."""

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        self._worker: Worker | None = None
        self._failure: WorkerFailure | None = None
        try:
            self._worker = make_worker()
        except Exception as error:  # noqa: BLE001 - raised here, Ray would log its text
            self._failure = strip(error)

    def __call__(self, table: Any) -> Any:
        import pyarrow as pa

        numbers = table.column("number").to_pylist()
        answers = [self._answer(items) for items in table.column("items").to_pylist()]
        return pa.table({"number": numbers, "answer": answers})

    def _answer(self, items: list[str]) -> str:
        failure = self._failure
        if self._worker is not None:
            try:
                return json.dumps({"records": self._worker(items)})
            except Exception as error:  # noqa: BLE001 - the same
                failure = strip(error)
        assert failure is not None
        return json.dumps({"failure": [failure.kind, failure.what, failure.next_step]})


def _unpack(row: dict[str, Any], expected: int) -> list[Record]:
    assert row["number"] == expected, "Ray Data gave blocks out of order"
    answer = json.loads(row["answer"])
    if "failure" in answer:
        raise to_error(WorkerFailure(*answer["failure"]), f"block {expected}")
    records: list[Record] = answer["records"]
    return records
