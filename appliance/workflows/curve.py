"""The curve of rounds: what each taught, and whether another one is worth its time."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.writing import write_atomically
from appliance.records.tasks import DraftMix
from appliance.workflows.held_out import KindErrors

# The first gain is that of the second round, and by two points no curve is known to be flat.
_CURVE: Final = 3


class Ending(StrEnum):
    """Why rounds ended."""

    PLATEAU = "plateau"
    """The last one gained less than was asked for."""
    DONE = "all rounds done"
    """As many as were ordered were made."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a round came to. Each F1 is strict, of invented sentences that are held out, 0 to 1.

    Attributes:
        number: Of the round, from 1.
        part: Name of the corpus that it wrote.
        corpus: Name of the corpus of all rounds so far; the adapter learned from it.
        corpus_digest: Of that one's manifest.
        adapter: Name of the adapter.
        adapter_digest: Of its manifest.
        written: Sentences that the model wrote in this round.
        written_in_all: In all rounds so far, less those that repeat another.
        examples: All that there are in `corpus`, composed lines and copies too.
        repeated: Examples that were left out of `corpus` because an earlier round has them.
        held_out: Sentences that are read here: all that `corpus` holds out and a model wrote.
        f1: Of this round's adapter on them.
        ci_low: Lower bound of its 95 % interval.
        ci_high: Upper bound.
        last_f1: Of the last round's adapter on the same sentences; None in the first round.
        gain: What this round's has more; None likewise.
        kinds: How this round's reads them, by kind of sentence.
        asked: Shares of kinds of sentences that this round was asked for.
        mix: Those that the next one is asked for.
    """

    number: int
    part: str
    corpus: str
    corpus_digest: str
    adapter: str
    adapter_digest: str
    written: int
    written_in_all: int
    examples: int
    repeated: int
    held_out: int
    f1: float
    ci_low: float
    ci_high: float
    last_f1: float | None
    gain: float | None
    kinds: Mapping[str, KindErrors]
    asked: Mapping[str, float]
    mix: DraftMix


def find_ending(points: Sequence[CurvePoint], rounds: int, least_gain: float) -> Ending | None:
    """Why no round is made after the last of `points`; None where one is.

    Args:
        points: At least one, in order.
        rounds: How many were ordered, at most.
        least_gain: The F1 that a round after the second must gain, 0 to 1.
    """
    last = points[-1]
    # F1 in whole hundredths of a point: two that print alike are alike.
    is_flat = last.gain is not None and round(last.gain, 4) < round(least_gain, 4)
    if len(points) >= _CURVE and is_flat:
        return Ending.PLATEAU
    return Ending.DONE if len(points) >= rounds else None


def keep_point(path: Path, point: CurvePoint) -> None:
    """The point is at `path`, as a report whose mix `synthesize --mix-from` takes.

    Raises:
        NoSpace, BadInput: See `write_atomically`.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomically(path, f"{json.dumps(dataclasses.asdict(point), indent=1)}\n".encode())


def find_point(path: Path) -> CurvePoint | None:
    """The point that was kept there; None where there is none that can be read."""
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        kinds = {kind: KindErrors(**one) for kind, one in fields["kinds"].items()}
        return CurvePoint(**fields | {"kinds": kinds, "mix": DraftMix(**fields["mix"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
