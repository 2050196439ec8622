"""What a gate remembers of texts that it has read."""

import sys
import threading

from appliance.gate.remembering import Memory


def test_the_oldest_goes_first():
    memory = Memory(2)

    for text in ("a", "b", "c"):
        memory.keep(memory.digest(text), ())

    assert [memory.find(memory.digest(text)) for text in ("a", "b", "c")] == [None, (), ()]


def test_callers_on_several_threads_keep_at_once():
    """None of them fails, and no more is held than fits."""
    memory, failures = Memory(8), []
    interval = sys.getswitchinterval()

    def keep(number):
        try:
            for at in range(20_000):
                memory.keep(b"%d %d" % (number, at), ())
        except Exception as error:  # noqa: BLE001 - whichever it is
            failures.append(error)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert not failures
    assert len(memory) == 8
