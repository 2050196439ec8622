"""Ctrl-C while Ray runs: Python ignores what it raises in a destructor or a callback of Ray's."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_came = threading.Event()


@contextmanager
def interrupts_noted() -> Iterator[None]:
    """A SIGINT inside the block does what it did, and `check_interrupted` knows of it.

    Signals come to the main thread only; in another one, and where SIGINT is ignored, nothing
    changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def note(number: int, frame: Any) -> None:
        _came.set()
        before(number, frame)

    _came.clear()
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _came.clear()


def check_interrupted() -> None:
    """Nobody has pressed Ctrl-C.

    Raises:
        KeyboardInterrupt: Somebody has, and what that raised did not get here.
    """
    if _came.is_set():
        raise KeyboardInterrupt
