"""One file, one text."""

from collections.abc import Iterator
from typing import IO

from appliance.clinical.intake.fields import MAX_NOTE_BYTES, make_note
from appliance.clinical.intake.formats.encoding import decode
from appliance.clinical.intake.formats.reading import Entry, Origin, attempt
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote

_SUFFIX = ".txt"


def read_text(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """The file as one note; its id is its path without the suffix."""
    # UTF-32 takes four bytes for what UTF-8 writes in one.
    content = file.read(4 * MAX_NOTE_BYTES + 5)
    if len(content) > 4 * MAX_NOTE_BYTES + 4:
        yield None, Refusal(Reason.TOO_LARGE)
    else:
        yield None, attempt(lambda: _note(content, origin))


def _note(content: bytes, origin: Origin) -> SourceNote:
    text, encoding = decode(content, None, origin.reading.encoding)
    identity = origin.identity
    if identity.lower().endswith(_SUFFIX):
        identity = identity[: -len(_SUFFIX)]
    return make_note(identity, None, "", "", text, encoding)
