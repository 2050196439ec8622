"""Ctrl-C counts, also where what it raises is swallowed on its way."""

import signal
import threading

import pytest

from appliance.cluster.interrupts import check_interrupted, interrupts_noted


@pytest.fixture(autouse=True)
def _heeding():
    """Where the tests themselves run in a shell's background, they were told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_and_swallow():
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_swallowed_interrupt_is_raised_again():
    """At the next look, and no more when Ray is gone."""
    with interrupts_noted():
        check_interrupted()
        press_and_swallow()
        with pytest.raises(KeyboardInterrupt):
            check_interrupted()
    check_interrupted()
    with interrupts_noted():
        check_interrupted()


def test_the_handler_is_what_it_was_afterwards():
    before = signal.getsignal(signal.SIGINT)

    with interrupts_noted():
        assert signal.getsignal(signal.SIGINT) is not before
        press_and_swallow()

    assert signal.getsignal(signal.SIGINT) is before


def test_where_interrupts_are_ignored_they_stay_ignored():
    """As in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_noted():
            signal.raise_signal(signal.SIGINT)
            check_interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_is_changed():
    seen = []

    def look():
        with interrupts_noted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == [signal.getsignal(signal.SIGINT)]
