"""The text of PDFs, in a process of its own that may be killed: `python -m` this module.

In: eight bytes of length, then the file. Out: one byte of outcome, eight bytes of length, then
the text in UTF-8. The process has a limit on memory; who started it sees to the time, and where
that one is gone, an alarm does.
"""

import io
import resource
import signal
import sys
from typing import IO, Final

TEXT, LOCKED, MALFORMED = b"t", b"l", b"m"
"""Outcomes."""

MAX_MEMORY_BYTES: Final = 2_000_000_000
MAX_SECONDS: Final = 90
MAX_PAGES: Final = 5_000
MAX_CHARACTERS: Final = 10_000_000
LENGTH_BYTES: Final = 8


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Every file of `source` is answered on `sink`, in order, until `source` ends."""
    while len(head := source.read(LENGTH_BYTES)) == LENGTH_BYTES:
        content = source.read(int.from_bytes(head, "big"))
        # Who started it may be gone, and nobody else ends it.
        signal.alarm(MAX_SECONDS)
        outcome, text = extract(content)
        signal.alarm(0)
        answer = text.encode("utf-8", "replace")
        sink.write(outcome + len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        sink.flush()


def extract(content: bytes) -> tuple[bytes, str]:
    """The outcome and the text, page by page; no text where the outcome is another."""
    from pypdf import PdfReader

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            return LOCKED, ""
        if len(reader.pages) > MAX_PAGES:
            return MALFORMED, ""
        pages: list[str] = []
        length = 0
        for page in reader.pages:
            pages.append(page.extract_text().strip("\n"))
            length += len(pages[-1])
            if length > MAX_CHARACTERS:
                break
        return TEXT, "\n\n".join(pages)
    except Exception:  # noqa: BLE001 - a hostile file may raise anything; none of it is shown
        return MALFORMED, ""


def main() -> None:
    """Serve on stdin and stdout, under limits, in silence."""
    import logging

    # pypdf warns about what it finds in a file, with parts of it.
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
