"""PDF: the text layer, read by a process that is killed when a file keeps it too long.

A PDF is a program as much as a document: streams that unpack to gigabytes, references that go in
circles. So the library never runs in the process that holds the vault's keys.
"""

import atexit
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, Final

from appliance.clinical.intake.fields import MAX_NOTE_BYTES, make_note
from appliance.clinical.intake.formats.pdf_worker import LENGTH_BYTES, LOCKED, MALFORMED
from appliance.clinical.intake.formats.reading import Entry, Origin, attempt
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote

MAX_BYTES: Final = 4 * MAX_NOTE_BYTES
"""Largest file read; scans are larger, and have no text."""

TIMEOUT_S: Final = 60.0
"""Longest a file may take; one of a thousand pages takes some ten seconds."""

_MODULE: Final = "appliance.clinical.intake.formats.pdf_worker"


def read_pdf(file: IO[bytes], origin: Origin) -> Iterator[Entry]:
    """The file's text layer as one note; its id is its path."""
    content = file.read(MAX_BYTES + 1)
    yield None, attempt(lambda: _note(content, origin))


def _note(content: bytes, origin: Origin) -> SourceNote:
    return make_note(origin.identity, None, "", "", text_of_pdf(content), "pdf")


def text_of_pdf(content: bytes, timeout_s: float = TIMEOUT_S) -> str:
    """The text layer, page by page, an empty line between two.

    Raises:
        Refusal: No PDF, locked, without text, too large, or not read in time and memory.
    """
    if len(content) > MAX_BYTES:
        raise Refusal(Reason.TOO_LARGE)
    if b"%PDF-" not in content[:1024]:
        raise Refusal(Reason.MALFORMED)
    outcome, text = _reader.ask(content, timeout_s)
    if outcome == LOCKED:
        raise Refusal(Reason.LOCKED)
    if outcome == MALFORMED:
        raise Refusal(Reason.MALFORMED)
    if not text.strip():
        raise Refusal(Reason.NO_TEXT)
    return text


class _Reader:
    """The other process: started when first needed, and again when it had to be killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, content: bytes, timeout_s: float) -> tuple[bytes, str]:
        """Its answer.

        Raises:
            Refusal: It died, or took too long and was killed.
        """
        process = self._started()
        deadline = time.monotonic() + timeout_s
        try:
            _send(process, len(content).to_bytes(LENGTH_BYTES, "big") + content, deadline)
            head = _receive(process, 1 + LENGTH_BYTES, deadline)
            text = _receive(process, int.from_bytes(head[1:], "big"), deadline)
        except OSError:
            answer = None
        except BaseException:
            # Its answer still comes, and would be taken for the next file's.
            self.stop()
            raise
        else:
            answer = head[:1], text.decode()
        if answer is None:
            self.stop()
            raise Refusal(Reason.TOO_COSTLY)
        return answer

    def stop(self) -> None:
        """The process is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # A library's complaints about a file quote it.
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        return self._process


def _send(process: "subprocess.Popen[bytes]", content: bytes, deadline: float) -> None:
    assert process.stdin is not None
    handle = process.stdin.fileno()
    os.set_blocking(handle, False)
    view = memoryview(content)
    while view:
        _wait([], [handle], deadline)
        view = view[os.write(handle, view[:65_536]) :]


def _receive(process: "subprocess.Popen[bytes]", count: int, deadline: float) -> bytes:
    assert process.stdout is not None
    handle = process.stdout.fileno()
    parts: list[bytes] = []
    while count:
        _wait([handle], [], deadline)
        part = os.read(handle, min(count, 65_536))
        if not part:
            raise BrokenPipeError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _wait(reading: list[int], writing: list[int], deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not any(select.select(reading, writing, [], left)):
        raise TimeoutError


_reader: Final = _Reader()
atexit.register(_reader.stop)
