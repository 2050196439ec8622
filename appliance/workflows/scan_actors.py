"""The gate in Ray's actors: each opens it once and reads its inputs where they lie.

No text passes through Ray: places go in; offsets, entities and scores come out. Whatever an actor
can't do is an error of the whole scan; a text without a verdict never passes.
"""

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from appliance.cluster.batches import Record, Worker, map_blocks
from appliance.cluster.connect import connected
from appliance.errors import ApplianceError
from appliance.gate.opening import open_gate
from appliance.records.events import Fact
from appliance.records.identifiers import Digest
from appliance.records.verdicts import Decision, Hit, Verdict
from appliance.settings.clock import SystemClock
from appliance.settings.keys import FileKeys, KeyProvider, Purpose, pseudonym
from appliance.settings.site import SitePaths
from appliance.settings.site_file import RaySettings
from appliance.workflows.inputs import Place, read_at

Ruled = tuple[str, Verdict]


def content_id(keys: KeyProvider, text: str) -> str:
    """What tells, with the site's key, whether a text is still the one that was ruled on."""
    return pseudonym(keys.key(Purpose.PSEUDONYM), "content", text)


def rule_in_actors(
    paths: SitePaths,
    settings: RaySettings,
    blocks: Sequence[Sequence[Place]],
    make_worker: partial[Worker],
    *,
    actors: int,
) -> Generator[list[Ruled], None, None]:
    """For each block, in order: (content id, verdict) of each of its inputs.

    Args:
        paths: The site's.
        settings: Of its cluster.
        blocks: Places of the inputs.
        make_worker: Makes a worker as `make_inspector` does.
        actors: At most so many.

    Raises:
        ApplianceError: An actor failed; of its own class where it raised one of ours.
    """
    items = [[_to_item(place) for place in block] for block in blocks]
    with connected(settings, paths.run) as cluster:
        for records in map_blocks(cluster, items, make_worker, actors=actors):
            yield [_to_ruled(record) for record in records]


def make_inspector(
    root: Path, index: str, sources: Sequence[Path], *, jsonl: bool, only_decide: bool
) -> Worker:
    """The site's gate, opened in the actor that calls this.

    The keys are read here and not passed in: what is passed in goes through Ray's object store.
    """
    paths = SitePaths(root)
    keys = FileKeys(paths.keys)
    gate = open_gate(paths.policies, paths.vault / index, keys, SystemClock(), RecordedByDriver())

    def inspect(items: Sequence[str]) -> list[Record]:
        places = [_from_item(item) for item in items]
        texts = [read_at(sources[place.source], place, jsonl=jsonl) for place in places]
        verdicts = gate.inspect_many(texts, only_decide=only_decide)
        return [
            _to_record(content_id(keys, text), verdict)
            for text, verdict in zip(texts, verdicts, strict=True)
        ]

    return inspect


class RecordedByDriver:
    """What an actor's gate is given for a ledger: one process writes it, and that is the driver."""

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """Nothing to write for a gate that does not open: the scan ends, and the driver says so."""
        del facts
        if kind != "gate.closed":
            raise ApplianceError(f"A worker may inspect texts, not do {kind!r}.")
        return 0


def _to_item(place: Place) -> str:
    return f"{place.source}:{place.start}:{place.size}"


def _from_item(item: str) -> Place:
    return Place(*map(int, item.split(":")))


def _to_record(content: str, verdict: Verdict) -> Record:
    return {
        "content": content,
        "decision": verdict.decision.value,
        "reason": verdict.reason,
        "policy": verdict.policy_digest,
        "hits": [_to_row(hit) for hit in verdict.hits],
        "lifted": [_to_row(hit) for hit in verdict.lifted],
    }


def _to_row(hit: Hit) -> list[object]:
    return [hit.start, hit.end, hit.entity, hit.score, hit.detector]


def _to_ruled(record: Mapping[str, Any]) -> Ruled:
    verdict = Verdict(
        Decision(record["decision"]),
        tuple(Hit(*row) for row in record["hits"]),
        tuple(Hit(*row) for row in record["lifted"]),
        str(record["reason"]),
        Digest(record["policy"]),
    )
    return str(record["content"]), verdict
