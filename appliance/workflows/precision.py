"""Whether notes may be read in a cheaper precision: labels have to stay what they were.

Adapters are evaluated in `learning.dtype`. Where `extraction.dtype` says otherwise, a sample of the
very notes is read in both before the first finding is made, and the ledger says what came of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from appliance.clinical.extraction.labelling import NoteReader, check_is_about_one_note
from appliance.cluster.batches import map_blocks
from appliance.cluster.connect import Cluster
from appliance.errors import BadInput
from appliance.learning.inference.agreement import Reader, count_equal
from appliance.records.identifiers import Digest, NoteId
from appliance.records.progress import Progress
from appliance.workflows.site import Site

LEAST: Final = 0.999
"""Share of words that must get the same label."""
_NOTES: Final = 64
_PER_BLOCK: Final = 16
_REASON: Final = "precision-check"


@dataclass(frozen=True, slots=True)
class Compared:
    """What a worker of the comparison is made of."""

    reader: NoteReader
    usual: Reader
    cheaper: Reader


class PrecisionCheck:
    """Counts words with the same label; one for each worker."""

    def __init__(self, parts: Compared) -> None:
        self._parts = parts

    def __call__(self, note_ids: Sequence[str]) -> list[dict[str, object]]:
        """Words and equal labels of each note; a note that can't be read has none of either.

        Raises:
            ApplianceError: What would fail for every note.
        """
        return [self._compare(note_id) for note_id in note_ids]

    def _compare(self, note_id: str) -> dict[str, object]:
        parts = self._parts
        try:
            [note] = parts.reader.read_identified([NoteId(note_id)], _REASON)
            words, equal = count_equal(parts.usual, parts.cheaper, [note.text])
        except Exception as error:  # noqa: BLE001 - the extraction sets such a note aside
            check_is_about_one_note(error)
            return {"words": 0, "equal": 0}
        return {"words": words, "equal": equal}


def check_precision(
    site: Site,
    cluster: Cluster,
    note_ids: Sequence[NoteId],
    adapter: Digest,
    make_parts: Callable[[], Compared],
    *,
    gpus_per_actor: float = 0,
    progress: Progress,
) -> None:
    """Of a sample of the notes at least 99.9 % of the words get the label that they usually get.

    Args:
        site: The site, whose settings name another precision for extraction than for learning.
        cluster: Connected.
        note_ids: Of all that is to be read. They are keyed hashes: the first are as good as drawn.
        adapter: Digest.
        make_parts: Called in each worker.
        gpus_per_actor: Share of a GPU for each worker.
        progress: Told of every block.

    Raises:
        BadInput: They do not, or there is no word to tell it by.
    """
    settings = site.settings
    usual, cheaper = settings.learning.dtype, settings.extraction.dtype
    sample = sorted(note_ids)[:_NOTES]
    site.ledger.record("vault.read", {"count": len(sample), "reason": _REASON})
    progress.begin(f"Comparing {cheaper} with {usual}", len(sample))
    words = equal = 0
    for records in map_blocks(
        cluster,
        [sample[start : start + _PER_BLOCK] for start in range(0, len(sample), _PER_BLOCK)],
        partial(_make_check, make_parts),
        actors=settings.extraction.actors,
        gpus_per_actor=gpus_per_actor,
    ):
        words += sum(_count(one["words"]) for one in records)
        equal += sum(_count(one["equal"]) for one in records)
        progress.advance(len(records))
    good = words > 0 and equal >= LEAST * words
    site.ledger.record(
        "extraction.compared",
        {
            "adapter_digest": adapter,
            "dtype": cheaper,
            "against": usual,
            "notes": len(sample),
            "words": words,
            "equal": equal,
            "passed": good,
        },
    )
    told = f"{equal} of {words} words of {len(sample)} notes have the label of {usual}"
    progress.end(told)
    if not good:
        raise BadInput(
            f"In {cheaper} {told}: fewer than {100 * LEAST:.1f} %.",
            f'Set extraction.dtype = "" in site.toml, to read in {usual}.',
        )


def _make_check(make_parts: Callable[[], Compared]) -> PrecisionCheck:
    return PrecisionCheck(make_parts())


def _count(value: Any) -> int:
    return int(value)
