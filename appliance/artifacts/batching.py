"""Many at once, one at a time: a slow blocking function served in batches by one thread.

A file is synced once for all that wait to be written, while nobody else is kept waiting; and the
gate's detectors read a batch faster than its texts one by one.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Calls of one function, gathered.

    Args:
        work: From items to one result for each, in order; runs in a thread, never twice at once.
        most: Items of one call.
        patience_s: Asked how long the first of a batch is to wait for others.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result]],
        most: int,
        patience_s: Callable[[], float] = float,
    ) -> None:
        self._work = work
        self._most = most
        self._patience_s = patience_s
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Result:
        """The result for `item`.

        Raises:
            Exception: Whatever `work` raised for the batch that held it.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await answer

    async def drain(self) -> None:
        """Nothing waits any more; who asked and gave up was served all the same."""
        if self._runner is not None:
            # Whoever gives up waiting here stops nothing.
            await asyncio.shield(self._runner)

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._patience_s())
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            try:
                results = await asyncio.to_thread(self._work, [item for item, _ in batch])
                for (_, answer), result in zip(batch, results, strict=True):
                    if not answer.done():
                        answer.set_result(result)
            except Exception as error:  # noqa: BLE001 - handed on to everybody who waits for it
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
