"""The seam behind which every detector stands, and the guard that lets none fail open."""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Protocol

from appliance.errors import DetectorFailed
from appliance.gate.remembering import Hits
from appliance.records.verdicts import Hit


class Detector(Protocol):
    """Finds identifiers in normalised texts."""

    @property
    def name(self) -> str:
        """What verdicts and events call it, e.g. "spacy"."""

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Hit]]:
        """The hits of each text, in order; offsets in code points of that text.

        Raises:
            DetectorFailed: It can't say. Any other exception counts as the same.
        """


class GuardedDetector:
    """A detector of which nothing comes but well-formed hits or `DetectorFailed`.

    It works on a thread of its own, so that it can be given up. One that hangs is given up for
    good: its thread can't be ended, and it may hold half an answer. One that hangs inside native
    code without letting other threads run stops the process; nothing passes then either.

    Args:
        detector: The one to guard.
        timeout_s: Time per text; a batch gets that for every text in it.
    """

    def __init__(self, detector: Detector, timeout_s: float) -> None:
        self._detector = detector
        self._timeout_s = timeout_s
        self._worker: _Worker | None = None
        self._is_stuck = False
        self._turn = threading.Lock()
        self.name = detector.name

    def detect(self, texts: Sequence[str]) -> list[Hits]:
        """The hits of each text, in order; callers on other threads wait for their turn.

        Raises:
            DetectorFailed: It raised, hung, or answered something that is no list of hits.
        """
        with self.asked(texts) as answer:
            return answer()

    @contextmanager
    def asked(self, texts: Sequence[str]) -> Iterator[Callable[[], list[Hits]]]:
        """It is at work on the texts; what is given waits for its answer, and must be called.

        So that others can be asked meanwhile. The answer raises as `detect` does.
        """
        with self._turn:
            failure = self._begin(texts)
            yield lambda: self._end(texts, failure)

    def _begin(self, texts: Sequence[str]) -> DetectorFailed | None:
        if self._is_stuck:
            return self._failed("hung earlier")
        try:
            worker = self._at_work()
        except DetectorFailed as failure:
            return failure
        # Until its answer is here. Whoever is interrupted before leaves one that answers no later
        # question: then it is never asked again.
        self._is_stuck = True
        worker.ask(texts)
        return None

    def _end(self, texts: Sequence[str], failure: DetectorFailed | None) -> list[Hits]:
        if failure is not None:
            raise failure
        hits = self._at_work().wait(self._timeout_s * max(1, len(texts)))
        if hits is None:
            raise self._failed("hung")
        self._is_stuck = False
        if isinstance(hits, str):
            raise self._failed(hits)
        is_good = len(hits) == len(texts) and all(
            is_well_formed(hit, len(text))
            for found, text in zip(hits, texts, strict=True)
            for hit in found
        )
        if not is_good:
            raise self._failed("answered garbage")
        return hits

    def _at_work(self) -> "_Worker":
        if self._worker is None:
            try:
                self._worker = _Worker(self._detector)
            except RuntimeError:
                raise self._failed("got no thread") from None
            # The thread ends when nobody can ask this detector any more.
            weakref.finalize(self, self._worker.end)
        return self._worker

    def _failed(self, how: str) -> DetectorFailed:
        return DetectorFailed(
            f"The detector {self.name} {how}; nothing passes without it.",
            "Run `appliance doctor`, then start this command again.",
        )


class _Worker:
    """A detector's thread; a daemon, so that a hung detector keeps no process from ending."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._questions: SimpleQueue[Sequence[str] | None] = SimpleQueue()
        self._answers: SimpleQueue[list[Hits] | str] = SimpleQueue()
        threading.Thread(target=self._work, name=f"gate-{detector.name}", daemon=True).start()

    def ask(self, texts: Sequence[str]) -> None:
        """The detector is at work on them."""
        self._questions.put(texts)

    def wait(self, timeout_s: float) -> list[Hits] | str | None:
        """The hits of each text; or how the detector failed; or None where it hung."""
        try:
            return self._answers.get(timeout=timeout_s)
        except Empty:
            return None

    def end(self) -> None:
        """The thread ends as soon as it is free."""
        self._questions.put(None)

    def _work(self) -> None:
        while (texts := self._questions.get()) is not None:
            self._answers.put(self._answer(texts))

    def _answer(self, texts: Sequence[str]) -> list[Hits] | str:
        try:
            # Read here to its end: an answer that never ends hangs this thread and no other.
            return [tuple(found) for found in self._detector.detect(texts)]
        except BaseException as error:  # noqa: BLE001 - out of memory and SystemExit deny as well
            # The class only: a message could hold the text.
            return f"raised {type(error).__name__}"


def is_well_formed(hit: object, length: int) -> bool:
    """Whether it is a hit within a text of that length, with a score from 0 to 1."""
    if not isinstance(hit, Hit):
        return False
    kinds = ((hit.start, int), (hit.end, int), (hit.entity, str), (hit.score, int | float))
    if not all(isinstance(value, kind) for value, kind in kinds):
        return False
    return 0 <= hit.start < hit.end <= length and 0.0 <= hit.score <= 1.0
