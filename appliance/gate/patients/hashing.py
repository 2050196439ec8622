"""A large registry is hashed on all cores; a small one where it stands.

The helpers get patients through a pipe and give hashes back: no file, and no shared memory in which
an identifier could outlive them.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context
from typing import Final, Protocol

from appliance.errors import DetectorFailed
from appliance.gate.hashed.hashing import Hashes
from appliance.records.notes import PatientIdentifier

_BATCH: Final = 20_000
# What reaches into the millions gains; below, starting the helpers costs more than they save.
_FEW: Final = 3
_MOST_HELPERS: Final = 8

# Kind and value: plain pairs go through a pipe many times as fast as `PatientIdentifier`s do.
Identifier = tuple[str, str]
Patients = Sequence[Sequence[Identifier]]


class Gathering(Protocol):
    """Gathers the hashes of patients; see `Entries`."""

    def add_patient(self, identifiers: Sequence[Identifier]) -> int:
        """One patient's identifiers are in; how many gave an entry."""

    def finish(self) -> Hashes:
        """All hashes since the last time, unsorted."""


def hash_patients(
    patients: Iterable[Sequence[PatientIdentifier]],
    key: bytes,
    begin: Callable[[bytes], Gathering],
) -> Iterator[tuple[int, Hashes]]:
    """For each part of the registry: identifiers that gave an entry, and the hashes; at least one.

    Args:
        patients: The identifiers of each patient.
        key: 32 bytes.
        begin: Makes what gathers, from the key; a class of a module.

    Raises:
        DetectorFailed: A helper was ended.
    """
    batches = _in_batches(patients)
    first = list(islice(batches, _FEW))
    helpers = min(len(os.sched_getaffinity(0)), _MOST_HELPERS)
    if len(first) < _FEW or helpers < 2:  # noqa: PLR2004 - one is as good as none
        entries = begin(key)
        count = 0
        for batch in chain(first, batches):
            count += sum(entries.add_patient(identifiers) for identifiers in batch)
        yield count, entries.finish()
        return
    try:
        yield from _spread(first, batches, key, begin, helpers)
    except BrokenProcessPool:
        raise DetectorFailed(
            "A process that helped to write the patient index was ended from outside.",
            "See that memory is left (1.5 GB for a million patients), and import again.",
        ) from None


def _spread(
    first: Sequence[Patients],
    rest: Iterator[Patients],
    key: bytes,
    begin: Callable[[bytes], Gathering],
    helpers: int,
) -> Iterator[tuple[int, Hashes]]:
    # Not forked: this process has threads and open databases.
    with ProcessPoolExecutor(helpers, get_context("spawn"), _begin, (begin, key)) as pool:
        waiting: deque[Future[tuple[int, Hashes]]] = deque()
        for batch in chain(first, rest):
            waiting.append(pool.submit(_hash, batch))
            if len(waiting) > 2 * helpers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _in_batches(patients: Iterable[Sequence[PatientIdentifier]]) -> Iterator[Patients]:
    waiting = ([(one.kind, one.value) for one in identifiers] for identifiers in patients)
    while batch := list(islice(waiting, _BATCH)):
        yield batch


# Of a helper; it keeps what it gathers from, so that each name is worked out once.
_at_hand: list[Gathering] = []


def _begin(begin: Callable[[bytes], Gathering], key: bytes) -> None:
    _at_hand.append(begin(key))


def _hash(batch: Patients) -> tuple[int, Hashes]:
    """What goes wrong comes back by its kind alone: its words could be a patient's."""
    try:
        count = sum(_at_hand[0].add_patient(identifiers) for identifiers in batch)
        return count, _at_hand[0].finish()
    except Exception as error:  # noqa: BLE001 - see above
        kind = type(error).__name__
    raise RuntimeError(kind)
