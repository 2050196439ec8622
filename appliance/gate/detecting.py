"""The seam behind which every detector stands, and the guard that lets none fail open."""

import math
import threading
from collections.abc import Sequence
from typing import Protocol

from appliance.errors import DetectorFailed
from appliance.records.verdicts import Hit

Hits = tuple[Hit, ...]


class Detector(Protocol):
    """Finds identifiers in normalised texts."""

    @property
    def name(self) -> str:
        """What verdicts and events call it, e.g. "presidio"."""

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Hit]]:
        """The hits of each text, in order; offsets in code points of that text.

        Raises:
            DetectorFailed: It can't say. Any other exception counts as the same.
        """


class GuardedDetector:
    """A detector of which nothing comes but well-formed hits or `DetectorFailed`.

    One that hangs is given up for good: its thread can't be ended, and it may hold half an answer.

    Args:
        detector: The one to guard.
        timeout_s: Time per text; a batch gets that for every text in it.
    """

    def __init__(self, detector: Detector, timeout_s: float) -> None:
        self._detector = detector
        self._timeout_s = timeout_s
        self._is_stuck = False
        self.name = detector.name

    def detect(self, texts: Sequence[str]) -> list[Hits]:
        """The hits of each text, in order.

        Raises:
            DetectorFailed: It raised, hung, or answered something that is no list of hits.
        """
        if self._is_stuck:
            raise self._failed("hung earlier")
        call = _Call(self._detector, texts)
        call.start()
        call.join(self._timeout_s * max(1, len(texts)))
        if call.is_alive():
            self._is_stuck = True
            raise self._failed("hung")
        if call.answer is None:
            raise self._failed(call.failure)
        return self._check(call.answer, texts)

    def _check(self, answer: Sequence[Sequence[Hit]], texts: Sequence[str]) -> list[Hits]:
        try:
            hits = [tuple(found) for found in answer]
            is_good = len(hits) == len(texts) and all(
                _is_well_formed(hit, len(text))
                for found, text in zip(hits, texts, strict=True)
                for hit in found
            )
        except Exception:  # noqa: BLE001 - garbage can raise anything; all of it denies
            raise self._failed("answered garbage") from None
        if not is_good:
            raise self._failed("answered garbage")
        return hits

    def _failed(self, how: str) -> DetectorFailed:
        return DetectorFailed(
            f"The detector {self.name} {how}; nothing passes without it.",
            "Run `appliance doctor`, then start this command again.",
        )


class _Call(threading.Thread):
    """One call of a detector on a thread of its own, so that it can be given up."""

    def __init__(self, detector: Detector, texts: Sequence[str]) -> None:
        super().__init__(name=f"gate-{detector.name}", daemon=True)
        self._detector = detector
        self._texts = texts
        self.answer: Sequence[Sequence[Hit]] | None = None
        self.failure = "answered nothing"

    def run(self) -> None:
        try:
            self.answer = self._detector.detect(self._texts)
        except BaseException as error:  # noqa: BLE001 - out of memory and SystemExit deny as well
            # The class only: a message could hold the text.
            self.failure = f"raised {type(error).__name__}"


def _is_well_formed(hit: object, length: int) -> bool:
    if not isinstance(hit, Hit) or not isinstance(hit.entity, str):
        return False
    in_text = 0 <= hit.start < hit.end <= length
    return in_text and math.isfinite(hit.score) and 0.0 <= hit.score <= 1.0
