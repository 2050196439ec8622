"""JSON of any size: the elements of one array at the top, one at a time; nothing else is kept."""

import json
import re
from collections.abc import Iterator
from typing import IO, Final

from appliance.clinical.intake.fields import MAX_NOTE_BYTES
from appliance.clinical.intake.rejections import Reason, Refusal

# JSON may write one code point in six bytes (\\uXXXX), and there are other fields.
MAX_VALUE_BYTES: Final = 6 * MAX_NOTE_BYTES + 100_000
"""Longest object that is parsed."""

MAX_DEPTH: Final = 100
# Every bracket becomes an object of some sixty bytes; a note's metadata has some dozens.
_MAX_BRACKETS: Final = 500_000
_CHUNK: Final = 65_536
# Brackets open inside the array, outside its elements.
_LEVEL: Final = 2
_LONGEST_KEY: Final = 100
_KIND: Final = b"type"
_OUTSIDE: Final = re.compile(rb'["\[\]{}]')
_INSIDE: Final = re.compile(rb'["\\]')
_OPENING: Final = frozenset(b"[{")


def parse_object(content: bytes) -> dict[str, object]:
    """The object that `content` is, in UTF-8.

    Raises:
        Refusal: No JSON object, not UTF-8, too long, or of more brackets than a note can have.
    """
    if len(content) > MAX_VALUE_BYTES:
        raise Refusal(Reason.TOO_LARGE)
    if content.count(b"[") + content.count(b"{") > _MAX_BRACKETS:
        raise Refusal(Reason.TOO_DEEP)
    reason, value = None, None
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        reason = Reason.NOT_UTF8
    except (ValueError, RecursionError):
        reason = Reason.MALFORMED
    # Outside the handlers: json's error holds the whole document.
    if reason is not None or not isinstance(value, dict):
        raise Refusal(reason or Reason.MALFORMED)
    return value


class Elements:
    """The objects in the array under a key of the outermost object.

    Args:
        file: JSON in UTF-8.
        key: The array's key, e.g. "entry".

    Attributes:
        has_array: Whether the array was met.
        kind: The outermost object's own "type", where that stands before the array.
        start: Where in the file the element that was given last begins, in bytes.
    """

    def __init__(self, file: IO[bytes], key: str) -> None:
        self._file = file
        self._key = key.encode()
        self._buffer = bytearray()
        self._at = self._dropped = 0
        # Where the element at hand, or the string at hand, begins in the buffer.
        self._start: int | None = None
        self._string: int | None = None
        self._depth = 0
        self._last = b""
        self._is_open = self._is_in_array = False
        self.has_array = False
        self.kind = ""
        self.start = 0

    def __iter__(self) -> Iterator[bytes | Refusal]:
        """The bytes of each element; a refusal for one that is too large or for a broken rest."""
        while True:
            found = self._next()
            if found is None:
                if self._grow():
                    if self._is_too_large():
                        self._start = None
                        yield Refusal(Reason.TOO_LARGE)
                    continue
                if self._depth or self._string is not None or not self._is_open:
                    yield Refusal(Reason.MALFORMED)
                return
            if not 0 <= found <= MAX_DEPTH:
                yield Refusal(Reason.TOO_DEEP if found > 0 else Reason.MALFORMED)
                return
            if self._is_element_done():
                assert self._start is not None
                self.start = self._dropped + self._start
                yield bytes(self._buffer[self._start : self._at])
                self._start = None

    def _next(self) -> int | None:
        """One mark further; the depth after it, or None where the buffer has no more."""
        if self._string is not None:
            return self._end_string()
        at = _find(_OUTSIDE, self._buffer, self._at)
        if at < 0:
            self._at = len(self._buffer)
            return None
        mark = self._buffer[at]
        self._at = at + 1
        if mark == ord('"'):
            self._string = at
        elif mark in _OPENING:
            self._open(at, mark)
        else:
            self._depth -= 1
            self._is_in_array = self._is_in_array and self._depth >= _LEVEL
        return self._depth

    def _open(self, at: int, mark: int) -> None:
        if self._depth == 1 and mark == ord("[") and self._last == self._key:
            self._is_in_array = self.has_array = True
        elif self._depth == _LEVEL and self._is_in_array and mark == ord("{"):
            self._start = at
        self._depth += 1
        self._is_open = True

    def _end_string(self) -> int | None:
        at = _find(_INSIDE, self._buffer, self._at)
        if at < 0:
            self._at = len(self._buffer)
            return None
        if self._buffer[at] == ord("\\"):
            if at + 1 >= len(self._buffer):
                self._at = at
                return None
            self._at = at + 2
            return self._depth
        assert self._string is not None
        if self._depth == 1 and at - self._string <= _LONGEST_KEY:
            key, self._last = self._last, bytes(self._buffer[self._string + 1 : at])
            if key == _KIND and not self.has_array:
                self.kind = self._last.decode("utf-8", "replace")
        self._string, self._at = None, at + 1
        return self._depth

    def _is_element_done(self) -> bool:
        return self._start is not None and self._depth == _LEVEL and self._string is None

    def _is_too_large(self) -> bool:
        return self._start is not None and len(self._buffer) - self._start > MAX_VALUE_BYTES

    def _grow(self) -> bool:
        chunk = self._file.read(_CHUNK)
        if not chunk:
            return False
        self._forget()
        self._buffer += chunk
        return True

    def _forget(self) -> None:
        """What neither an element nor a key at hand needs is dropped from the buffer's front."""
        kept = self._at
        if self._start is not None:
            kept = self._start
        elif self._string is not None and self._at - self._string <= _LONGEST_KEY:
            kept = min(kept, self._string)
        del self._buffer[:kept]
        self._dropped += kept
        self._at -= kept
        if self._start is not None:
            self._start -= kept
        if self._string is not None:
            self._string -= kept


def _find(pattern: re.Pattern[bytes], buffer: bytearray, at: int) -> int:
    """Where the pattern is met from `at` on, or -1; no match object outlives the call."""
    match = pattern.search(buffer, at)
    return -1 if match is None else match.start()
