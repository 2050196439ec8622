r"""What a text says to whoever decodes it: base64, hex, percent, entities, escapes.

A language model reads base64 as well as it reads English, so an encoded identifier is one.
"""

import base64
import binascii
import html
import re
import urllib.parse
from typing import Final

# Eight digits, the shortest number that matters, make twelve signs of base64.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{11,}={0,2}")
_HEX: Final = re.compile(r"(?:0x)?((?:[0-9A-Fa-f]{2}[ :]?){5,})")
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|\\U([0-9A-Fa-f]{8})")
_PLAIN_WORD: Final = re.compile(r"[A-Z]?[a-z-]+|[A-Z-]+")
# Encoded twice is still encoded; more often than that is no accident, and no language model's.
_ROUNDS: Final = 3


def decode(text: str) -> str:
    r"""The text with everything decoded that can be; the text itself where nothing can.

    >>> decode("Who is MDA5MTIzNDU=?")
    'Who is 00912345?'
    >>> decode("Who is \\u0041da, or %41da, or &#65;da?")
    'Who is Ada, or Ada, or Ada?'
    """
    for _ in range(_ROUNDS):
        decoded = _once(text)
        if decoded == text:
            break
        text = decoded
    return text


def _once(text: str) -> str:
    text = _ESCAPE.sub(_unescape, text)
    if _ENTITY.search(text):
        text = html.unescape(text)
    if _PERCENT.search(text):
        text = urllib.parse.unquote(text)
    text = _HEX.sub(_from_hex, text)
    return _BASE64.sub(_from_base64, text)


def _unescape(found: re.Match[str]) -> str:
    number = int(next(group for group in found.groups() if group), 16)
    is_character = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF  # noqa: PLR2004 - Unicode
    return chr(number) if is_character else found[0]


def _from_hex(found: re.Match[str]) -> str:
    digits = re.sub(r"[ :]", "", found[1])
    said = _printable(bytes.fromhex(digits))
    tail = found[1][len(found[1].rstrip(" :")) :]
    return found[0] if said is None else said + tail


def _from_base64(found: re.Match[str]) -> str:
    run = found[0].rstrip("=")
    if _PLAIN_WORD.fullmatch(run):
        return found[0]
    try:
        padded = run.translate(str.maketrans("-_", "+/")) + "=" * (-len(run) % 4)
        said = _printable(base64.b64decode(padded, validate=True))
    except (binascii.Error, ValueError):
        said = None
    return found[0] if said is None else said


def _printable(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(sign.isprintable() or sign in "\t\r\n" for sign in text) else None
