# ruff: noqa: E501 - patterns read best whole
"""Bytes written as text: base64, base32, hex, binary and decimal codes, packed or not."""

import base64
import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from appliance.gate.lexicon import is_known_word
from appliance.gate.normalisation import Reading
from appliance.gate.unwrapping.rewriting import replace

UNOPENED: Final = "\x00"
"""Stands for what can't be opened; `legibility` denies it."""

# More than this unpacked is no prompt but a bomb.
_MAX_UNPACKED: Final = 200_000
_PRINTABLE_SHARE: Final = 0.9
_LONG: Final = 40
_SHORT_WORD: Final = 16
_NO_BASE32_END: Final = (1, 3, 6)
_DELETE: Final = 0x7F

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_BASE32: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:[A-Z2-7]{8}){2,}(?:[A-Z2-7]{2,7}=*)?|[A-Z2-7]{8,15}={1,6})(?![a-z0-9])"
)
_ASCII85: Final = re.compile(r"<~[!-uz\s]{5,}?~>")
_HEX_RUN: Final = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9A-Fa-f]{2}){4,}(?![0-9A-Za-z])")
_HEX_PAIRS: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?[0-9A-Fa-f]{2}([ :,-]|,? ?0[xX])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){2,}(?![0-9A-Za-z])"
)
_BINARY: Final = re.compile(r"\b[01]{7,8}(?:[ ,]?[01]{7,8}){2,}(?!\d)")
_DECIMAL: Final = re.compile(r"\b(?<!\.)\d{2,3}(?:[ ,;]{1,2}\d{2,3}){5,}(?![\d.])")
_PREFIX: Final = re.compile(r"0[xX]|[ :,-]")

_PACKED: Final[tuple[tuple[bytes, Callable[[bytes], bytes]], ...]] = (
    (b"\x1f\x8b", lambda data: zlib.decompressobj(31).decompress(data, _MAX_UNPACKED + 1)),
    (b"x\x01", lambda data: zlib.decompressobj().decompress(data, _MAX_UNPACKED + 1)),
    (b"x\x5e", lambda data: zlib.decompressobj().decompress(data, _MAX_UNPACKED + 1)),
    (b"x\x9c", lambda data: zlib.decompressobj().decompress(data, _MAX_UNPACKED + 1)),
    (b"x\xda", lambda data: zlib.decompressobj().decompress(data, _MAX_UNPACKED + 1)),
    (b"BZh", lambda data: bz2.BZ2Decompressor().decompress(data, _MAX_UNPACKED + 1)),
    (
        b"\xfd7zXZ",
        lambda data: lzma.LZMADecompressor(memlimit=2**26).decompress(data, _MAX_UNPACKED + 1),
    ),
)


def open_payloads(reading: Reading) -> Reading:
    """The reading with every encoded stretch decoded; what is packed is unpacked."""
    text = reading.text
    if "<~" in text:
        reading = replace(reading, _ASCII85, lambda match: _ascii85(match.group()))
    reading = replace(reading, _BINARY, lambda match: _binary(match.group()))
    reading = replace(reading, _DECIMAL, lambda match: _decimal(match.group()))
    reading = replace(reading, _HEX_RUN, lambda match: _hex(match.group()))
    reading = replace(reading, _HEX_PAIRS, lambda match: _hex(match.group()))
    reading = replace(reading, _BASE32, lambda match: _base32(match.group()))
    return replace(reading, _BASE64, lambda match: _base64(match.group()))


def to_text(data: bytes) -> str | None:
    """What the bytes say, unpacked where they are packed; None where they say nothing legible."""
    for magic, unpack in _PACKED:
        if data.startswith(magic):
            try:
                unpacked = unpack(data)
            except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
                # A plain text may begin like a packed one.
                return _decoded(data) or UNOPENED
            too_long = len(unpacked) > _MAX_UNPACKED
            return UNOPENED if too_long else _decoded(unpacked) or UNOPENED
    return _decoded(data)


def _decoded(data: bytes) -> str | None:
    encodings = ("utf-16",) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "utf-16-le")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Bytes that are no letters hardly ever happen to be UTF-8, but always UTF-16.
        if text and _is_legible(text, is_sure=encoding != "utf-16-le"):
            return text
    return None


def _is_legible(text: str, *, is_sure: bool) -> bool:
    """Whether it is writing: ASCII nearly all of it, or letters of any kind where bytes vouch."""
    ascii_ = sum(c.isascii() and (c.isprintable() or c in "\r\n\t") for c in text)
    letters = sum(c.isalnum() or c.isspace() for c in text)
    is_plain = ascii_ >= _PRINTABLE_SHARE * len(text) and 3 * letters > len(text)
    return is_plain or (
        is_sure and text.replace("\n", "").isprintable() and 4 * letters > 3 * len(text)
    )


def _base64(written: str) -> str | None:
    if len(written) < _SHORT_WORD and (written.islower() or written.istitle()):
        return None
    joined = "".join(written.split()).rstrip("=")
    if not any(map(str.isalpha, joined)):
        return None
    if joined.isalpha() and is_known_word(joined):
        return None
    standard = joined.replace("-", "+").replace("_", "/")
    # One sign too many can't be base64; people cut ends off.
    body = standard[: len(standard) - (len(standard) % 4 == 1)]
    data = base64.b64decode(body + "=" * (-len(body) % 4))
    text = to_text(data)
    if text is not None:
        return text
    return UNOPENED if _is_opaque(joined) else None


def _is_opaque(joined: str) -> bool:
    """Long, of both cases and digits, which change all the time: nobody writes so by hand."""
    kinds = "".join("9" if c.isdigit() else "A" if c.isupper() else "a" for c in joined)
    changes = sum(first != second for first, second in pairwise(kinds))
    return len(joined) >= _LONG and len(set(kinds)) == len("9Aa") and 3 * changes > len(joined)


def _base32(written: str) -> str | None:
    body = written.rstrip("=")
    # Ends of another length are no bytes; what stands before them is read.
    body = body[: len(body) - (len(body) % 8 in _NO_BASE32_END)]
    return to_text(base64.b32decode(body + "=" * (-len(body) % 8)))


def _ascii85(written: str) -> str:
    try:
        data = base64.a85decode(written, adobe=True)
    except ValueError:
        return UNOPENED
    return to_text(data) or UNOPENED


def _hex(written: str) -> str | None:
    digits = _PREFIX.sub("", written)
    text = to_text(bytes.fromhex(digits))
    # Dates and telephone numbers are hex digits too.
    is_number = digits.isdigit() and not (text or "").replace(" ", "").isalnum()
    return None if is_number else text


def _binary(written: str) -> str | None:
    groups = re.split(r"[ ,]", written)
    if len(groups) == 1:
        groups = [written[at : at + 8] for at in range(0, len(written), 8)]
    return to_text(bytes(int(group, 2) for group in groups))


def _decimal(written: str) -> str | None:
    """Codes of letters, digits and blanks only: a row of vital signs seldom is."""
    codes = [int(code) for code in re.findall(r"\d+", written)]
    text = "".join(map(chr, codes)) if all(code < _DELETE for code in codes) else ""
    if text and all(map(_is_written, text)):
        return text
    # The same in base eight: three digits each, none above seven.
    octal = re.findall(r"\b[01][0-7]{2}\b", written)
    text = "".join(chr(int(code, 8)) for code in octal)
    return text if len(octal) == len(codes) and all(map(_is_written, text)) else None


def _is_written(sign: str) -> bool:
    return sign.isalnum() or sign in " ,.-@/':_"
