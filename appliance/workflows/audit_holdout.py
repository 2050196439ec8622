"""Notes that were never imported, read from an export as a control; they are kept nowhere."""

from collections.abc import Sequence
from pathlib import Path

from appliance.clinical.intake.files import read_notes
from appliance.errors import BadInput
from appliance.records.notes import SourceNote


def read_holdout(paths: Sequence[Path]) -> tuple[str, ...]:
    """The texts of the export's notes.

    Raises:
        BadInput: A path can't be read, or there is no note in it.
    """
    if not paths:
        return ()
    texts = tuple(item.text for item in read_notes(paths) if isinstance(item, SourceNote))
    if not texts:
        raise BadInput("There is no note in the holdout.", "Give .txt, .jsonl or .csv of notes.")
    return texts
