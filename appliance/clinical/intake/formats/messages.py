"""The notes in HL7 v2 messages: documents of MDM, textual results of ORU.

MDM: chapter 9 of HL7 v2.5, one document a message. ORU: chapter 7, one report for each OBR.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import IO, Final

from appliance.clinical.intake.fields import make_note, take_back
from appliance.clinical.intake.formats.attachments import (
    HTML,
    PDF,
    PLAIN,
    RTF,
    from_base64,
    text_of,
)
from appliance.clinical.intake.formats.dates import day_of_hl7
from appliance.clinical.intake.formats.hl7v2 import Message, Segment, parse, split_messages
from appliance.clinical.intake.formats.reading import Entry, Origin, Reading, attempt
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote

# Types of OBX that hold prose or a document; a report made of numbers alone is no note.
_PROSE: Final = frozenset({"TX", "FT"})
_SHORT: Final = "ST"
_DOCUMENT: Final = "ED"
_TEXTUAL: Final = frozenset({*_PROSE, _SHORT, _DOCUMENT})
# OBX-11, table 0085: deleted, and posted for the wrong patient.
_VOID: Final = frozenset({"D", "W"})
# TXA-19, table 0273: the document has been deleted; 9.6.11: so says the event. Obsolete (`OB`) is
# none: another document took its place. TXA-17, table 0271, has no state of this kind.
_DELETED: Final = "CA"
_CANCELLED: Final = "T11"
# CX.5, counted from 0.
_TYPE: Final = 4
# ED-2 and ED-3, tables 0191 and 0291.
_TYPES: Final = {
    "PDF": PDF,
    "HTML": HTML[0],
    "RTF": RTF[0],
    "TEXT": PLAIN,
    "PLAIN": PLAIN,
    "TXT": PLAIN,
}


def read_hl7(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """Every note of every message; a message of another type is counted as one without."""
    for number, message in enumerate(split_messages(file), start=1):
        if isinstance(message, Refusal):
            yield number, message
        else:
            for note in _notes(message, origin.reading):
                yield number, note


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
    if (
        txa.whole(19) == _DELETED
        or message.header.part(9, 2) == _CANCELLED
        or _is_void(message.segments)
    ):
        # By the document's own number; that of the message names this message alone.
        take_back(_number("MDM", message, txa, 12), _patient(message))
    text, encoding = _text(message.segments, reading, message.encoding)
    source_id = _number("MDM", message, txa, 12) or _number("MSH", message, message.header, 10)
    date = day_of_hl7(txa.whole(4) or txa.whole(6))
    kind = txa.part(2, 2) or txa.part(2, 1)
    return _make(source_id, message, kind, date, text, encoding)


def _reports(message: Message, reading: Reading) -> Iterator[SourceNote | Refusal]:
    groups: list[list[Segment]] = []
    for segment in message.segments:
        if segment.name == "OBR":
            groups.append([segment])
        elif groups:
            groups[-1].append(segment)
    if not groups:
        yield Refusal(Reason.MISSING_FIELD)
    for number, group in enumerate(groups, start=1):
        yield attempt(partial(_report, message, group, number, reading))


def _report(
    message: Message, group: Sequence[Segment], number: int, reading: Reading
) -> SourceNote:
    obr = group[0]
    if _is_void(group):
        # It is known by its place in its message, which in another may be another report's: what
        # was imported before is not taken back by it.
        raise Refusal(Reason.WITHDRAWN)
    kinds = {segment.whole(2) for segment in group if segment.name == "OBX"}
    if not kinds & {*_PROSE, _DOCUMENT}:
        raise Refusal(Reason.NO_NOTE)
    text, encoding = _text(group, reading, message.encoding)
    own = _number("ORU", message, obr, 3) or _number("MSH", message, message.header, 10)
    # One order can have several reports in one message.
    source_id = f"{own}/{obr.whole(4)}/{number}" if own else ""
    date = day_of_hl7(obr.whole(7) or obr.whole(22))
    return _make(source_id, message, obr.part(4, 2) or obr.part(4, 1), date, text, encoding)


def _make(
    source_id: str, message: Message, kind: str, date: str, text: str, encoding: str
) -> SourceNote:
    if not source_id:
        raise Refusal(Reason.MISSING_FIELD)
    named = " ".join(kind.split())[:100]
    note = make_note(source_id, _patient(message), named, date, text, encoding)
    return replace(note, is_message=True)


def _number(kind: str, message: Message, segment: Segment, field: int) -> str:
    """What a document or order is known by; "" where the field is empty.

    Two systems number theirs alike: where a number does not say whose it is (EI.2, EI.3), it is the
    sender's (MSH-3, MSH-4).
    """
    if not segment.whole(field):
        return ""
    is_named = segment.part(field, 2) or segment.part(field, 3)
    sender = () if is_named else (message.header.part(3, 1), message.header.part(4, 1))
    return "/".join((kind, *sender, segment.whole(field)))


def _patient(message: Message) -> str | None:
    """The patient's number in the hospital, CX.5 MR; the first where none is called so."""
    pid = _first(message.segments, "PID")
    if pid is None:
        return None
    numbers = pid.repetitions(3)
    of_hospital = [parts[0] for parts in numbers if len(parts) > _TYPE and parts[_TYPE] == "MR"]
    named = [*of_hospital, *(parts[0] for parts in numbers), pid.part(2, 1)]
    return next(filter(None, named), None)


def _is_void(segments: Sequence[Segment]) -> bool:
    """Whether every text of it was taken back, and there was one."""
    results = [one for one in segments if one.name == "OBX" and one.whole(2) in _TEXTUAL]
    return bool(results) and all(one.whole(11) in _VOID for one in results)


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
    if declared in RTF:
        raise Refusal(Reason.RICH_TEXT, "text")
    if segment.part(5, 4).upper() != "BASE64":
        if declared != PLAIN:
            raise Refusal(Reason.UNKNOWN_FORMAT)
        return segment.part(5, 5), encoding
    return text_of(from_base64(segment.part(5, 5)), declared, reading)


def _first(segments: Sequence[Segment], name: str) -> Segment | None:
    return next((segment for segment in segments if segment.name == name), None)
