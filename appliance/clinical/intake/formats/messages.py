"""The notes in HL7 v2 messages: documents of MDM, textual results of ORU.

MDM: chapter 9 of HL7 v2.5, one document a message. ORU: chapter 7, one report for each OBR.
Of a document there are many messages: written, corrected, replaced, withdrawn; of a result, first a
preliminary one. `settle_notes` says which message is about which, before any is read.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, Final

from appliance.clinical.intake.fields import make_note
from appliance.clinical.intake.formats.attachments import HTML, PDF, PLAIN, from_base64, text_of
from appliance.clinical.intake.formats.dates import day_of_hl7
from appliance.clinical.intake.formats.hl7v2 import Message, Segment, parse, split_messages
from appliance.clinical.intake.formats.reading import Entry, Origin, Reading, Settled, attempt
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote

# Types of OBX that hold prose or a document; a report made of numbers alone is no note.
_PROSE: Final = frozenset({"TX", "FT"})
_SHORT: Final = "ST"
_DOCUMENT: Final = "ED"
# OBX-11, table 0085: deleted, and posted for the wrong patient.
_VOID: Final = frozenset({"D", "W"})
# TXA-19, table 0273: the document has been deleted; 9.6.11: so says the event.
_DELETED: Final = "CA"
_CANCELLED: Final = "T11"
# 9.6.9 and 9.6.10: the document named in TXA-13 is obsolete.
_REPLACING: Final = frozenset({"T09", "T10"})
# MSH-7: to the second; what comes behind it, such as a zone, is not looked at.
_TIME: Final = re.compile(r"\d{4,14}")
_TIME_DIGITS: Final = 14
# ED-2 and ED-3, tables 0191 and 0291.
_TYPES: Final = {"PDF": PDF, "HTML": HTML[0], "TEXT": PLAIN, "PLAIN": PLAIN, "TXT": PLAIN}


def read_hl7(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """Every note of every message; a message of another type is counted as one without."""
    for number, message in enumerate(split_messages(file), start=1):
        if isinstance(message, Refusal):
            yield number, message
        else:
            for note in _notes(message, origin.reading):
                yield number, note


def settle_notes(file: IO[bytes], origin: Origin) -> Iterator[Settled]:
    """What each message says of notes.

    It settles what a note is if it brings the text, or says that there is none any more: withdrawn,
    or replaced by another document. News of a document without its text settle nothing.
    """
    for number, segments in enumerate(split_messages(file), start=1):
        # What is wrong with a message is told when it is read.
        settled: list[Settled] = []
        if isinstance(segments, list):
            with suppress(Exception):
                message = parse(segments, origin.reading.encoding)
                sent = _sent(message)
                settled = [Settled(number, one, sent, gone) for one, gone in _said(message)]
        yield from settled


def _said(message: Message) -> Iterator[tuple[str, bool]]:
    """Ids of notes, and whether they are gone."""
    kind, event = message.header.part(9, 1), message.header.part(9, 2)
    if kind == "ORU":
        for group, number in _groups(message):
            if _has_text(group):
                yield _report_id(message, group, number), _is_void(group)
    txa = _first(message.segments, "TXA")
    if kind != "MDM" or txa is None:
        return
    is_gone = _is_withdrawn(message, txa)
    if is_gone or _has_text(message.segments):
        yield _document_id(message, txa), is_gone
    parent = f"MDM/{txa.whole(13)}"
    # Some systems number the new document as the old one.
    if event in _REPLACING and txa.whole(13) and parent != _document_id(message, txa):
        yield parent, True


def _sent(message: Message) -> str:
    found = _TIME.match(message.header.part(7, 1))
    return found[0].ljust(_TIME_DIGITS, "0") if found else ""


def _has_text(segments: Sequence[Segment]) -> bool:
    return any(map(_is_text, segments))


def _is_text(segment: Segment) -> bool:
    return segment.name == "OBX" and segment.whole(2) in {*_PROSE, _DOCUMENT}


def _is_void(segments: Sequence[Segment]) -> bool:
    """Whether all of the text is deleted, or another patient's."""
    return all(one.whole(11) in _VOID for one in segments if _is_text(one))


def _is_withdrawn(message: Message, txa: Segment) -> bool:
    said = txa.whole(19) == _DELETED or message.header.part(9, 2) == _CANCELLED
    return said or (_has_text(message.segments) and _is_void(message.segments))


def _notes(segments: Sequence[bytes], reading: Reading) -> Iterator[SourceNote | Refusal]:
    try:
        message = parse(list(segments), reading.encoding)
        kind = message.header.part(9, 1)
    except Refusal as refusal:
        yield Refusal(refusal.reason)
        return
    if kind == "MDM":
        yield attempt(lambda: _document(message, reading))
    elif kind == "ORU":
        yield from _reports(message, reading)
    else:
        yield Refusal(Reason.NO_NOTE)


def _document(message: Message, reading: Reading) -> SourceNote:
    txa = _first(message.segments, "TXA")
    if txa is None:
        raise Refusal(Reason.MISSING_FIELD)
    if _is_withdrawn(message, txa):
        raise Refusal(Reason.WITHDRAWN)
    text, encoding = _text(message.segments, reading, message.encoding)
    source_id = _document_id(message, txa)
    date = day_of_hl7(txa.whole(4) or txa.whole(6))
    kind = txa.part(2, 2) or txa.part(2, 1)
    return _make(source_id, message, kind, date, text, encoding)


def _document_id(message: Message, txa: Segment) -> str:
    own = txa.whole(12) or message.header.whole(10)
    return f"MDM/{own}" if own else ""


def _reports(message: Message, reading: Reading) -> Iterator[SourceNote | Refusal]:
    groups = _groups(message)
    if not groups:
        yield Refusal(Reason.MISSING_FIELD)
    for group, number in groups:
        yield attempt(partial(_report, message, group, number, reading))


def _groups(message: Message) -> list[tuple[list[Segment], int]]:
    """Each OBR with what follows it, and its number."""
    groups: list[list[Segment]] = []
    for segment in message.segments:
        if segment.name == "OBR":
            groups.append([segment])
        elif groups:
            groups[-1].append(segment)
    return [(group, number) for number, group in enumerate(groups, start=1)]


def _report(
    message: Message, group: Sequence[Segment], number: int, reading: Reading
) -> SourceNote:
    if not _has_text(group):
        raise Refusal(Reason.NO_NOTE)
    if _is_void(group):
        raise Refusal(Reason.WITHDRAWN)
    text, encoding = _text(group, reading, message.encoding)
    obr = group[0]
    date = day_of_hl7(obr.whole(7) or obr.whole(22))
    kind = obr.part(4, 2) or obr.part(4, 1)
    return _make(_report_id(message, group, number), message, kind, date, text, encoding)


def _report_id(message: Message, group: Sequence[Segment], number: int) -> str:
    obr = group[0]
    own = obr.whole(3) or message.header.whole(10)
    # One order can have several reports in one message.
    return f"ORU/{own}/{obr.whole(4)}/{number}" if own else ""


def _make(
    source_id: str, message: Message, kind: str, date: str, text: str, encoding: str
) -> SourceNote:
    if not source_id:
        raise Refusal(Reason.MISSING_FIELD)
    pid = _first(message.segments, "PID")
    patient = (pid.part(3, 1) or pid.part(2, 1)) if pid is not None else ""
    return make_note(source_id, patient or None, " ".join(kind.split())[:100], date, text, encoding)


def _text(segments: Sequence[Segment], reading: Reading, encoding: str) -> tuple[str, str]:
    parts: list[str] = []
    for segment in segments:
        if segment.name == "NTE":
            parts.append(segment.lines(3))
        if segment.name != "OBX" or segment.whole(11) in _VOID:
            continue
        kind = segment.whole(2)
        if kind in _PROSE or kind == _SHORT:
            parts.append(segment.lines(5))
        elif kind == _DOCUMENT:
            text, encoding = _encapsulated(segment, reading, encoding)
            parts.append(text)
    return "\n".join(parts), encoding


def _encapsulated(segment: Segment, reading: Reading, encoding: str) -> tuple[str, str]:
    """OBX-5 of type ED: source, type, subtype, encoding, data."""
    subtype = segment.part(5, 3).upper()
    declared = _TYPES.get(subtype) or _TYPES.get(segment.part(5, 2).upper())
    if declared is None:
        raise Refusal(Reason.UNKNOWN_FORMAT)
    if segment.part(5, 4).upper() != "BASE64":
        if declared != PLAIN:
            raise Refusal(Reason.UNKNOWN_FORMAT)
        return segment.part(5, 5), encoding
    return text_of(from_base64(segment.part(5, 5)), declared, reading)


def _first(segments: Sequence[Segment], name: str) -> Segment | None:
    return next((segment for segment in segments if segment.name == name), None)
