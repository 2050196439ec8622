"""A server in a thread of the test, from when it listens to the end of the block."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Told = TypeVar("_Told")


@contextmanager
def served(serve: Callable[[Callable[[_Told], None], threading.Event], None]) -> Iterator[_Told]:
    """What the server announced; what it raised before is raised here.

    Args:
        serve: Given where to announce, and what ends it.
    """
    is_up, stop = threading.Event(), threading.Event()
    told: list[_Told] = []
    failures: list[BaseException] = []

    def announce(what: _Told) -> None:
        told.append(what)
        is_up.set()

    def run() -> None:
        try:
            serve(announce, stop)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            failures.append(error)
        finally:
            is_up.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    is_up.wait(300)
    if failures:
        raise failures[0]
    try:
        yield told[0]
    finally:
        stop.set()
        thread.join(120)
        assert not thread.is_alive(), "the server did not end"
