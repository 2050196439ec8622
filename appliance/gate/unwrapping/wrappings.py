# ruff: noqa: E501 - patterns read best whole
"""Markup around a text: entities, percent and backslash escapes, tags, keys of JSON."""

import html
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from appliance.gate.normalisation import Reading
from appliance.gate.unwrapping.rewriting import drop, replace

_ENTITY: Final = re.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{1,30});?")
_PERCENT: Final = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_QUOTED: Final = re.compile(r"(?:=[0-9A-F]{2}){2,}|=\r?\n")
_ESCAPE: Final = re.compile(
    r"(?:\\u\{?[0-9a-fA-F]{4,6}\}?|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|%u[0-9a-fA-F]{4}|U\+[0-9a-fA-F]{4,6}[ ,]?|\\[0-7]{3}|\\[nrt\"/])"
)
_KEY: Final = re.compile(r"""["'][\w .-]{1,40}["']\s*[:=]""")
_AROUND: Final = re.compile(
    r"""["',\s\[\]{}]*["'][\w .-]{1,40}["']\s*[:=][\s"'\[{]*|["\]}]+|["'],?\s*["']"""
)
_TAG_IN_WORD: Final = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|em|font|i|mark|s|small|span|strong|sub|sup|u|wbr)\b[^<>]{0,80}>|<!--.*?-->",
    re.DOTALL | re.IGNORECASE,
)
_CONCATENATION: Final = re.compile(r"""(["'])\s*[+&.]\s*\1""")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,80}>|<!--.*?-->", re.DOTALL)
_MARK_IN_WORD: Final = re.compile(
    r"(?<=\S)\*|\*(?=\S)|(?<=[^\W_])`(?=[^\W_])|(?<=\S)(?:\*{2,3}|`{3}|~~|__|\|\|)(?=\S)"
)
_SURROGATE: Final = range(0xD800, 0xE000)
_LAST_CODE: Final = 0x10FFFF
_PLAIN: Final = {"\\n": "\n", "\\r": "\n", "\\t": " ", '\\"': '"', "\\/": "/"}
_HEX: Final = re.compile(r"[0-9a-fA-F]{2,8}(?![0-9a-fA-F])")


def open_escapes(reading: Reading) -> Reading:
    """The reading with HTML entities, percent, quoted-printable and backslash escapes resolved."""
    text = reading.text
    if "&" in text:
        reading = replace(reading, _ENTITY, lambda match: html.unescape(match.group()))
    if "\\" in text or "%u" in text or "U+" in text:
        reading = replace(reading, _ESCAPE, lambda match: _escape(match.group()))
    if "%" in text:
        reading = replace(reading, _PERCENT, lambda match: _percent(match.group()))
    if "=" in text:
        reading = replace(reading, _QUOTED, lambda match: _quoted(match.group()))
    return reading


def take_values(reading: Reading) -> Reading:
    """The reading without keys and brackets of JSON, tags, and marks that part a word."""
    text = reading.text
    if "<" in text:
        reading = replace(drop(reading, _TAG_IN_WORD), _TAG, lambda _: " ")
    if _KEY.search(text):
        reading = replace(reading, _AROUND, lambda _: " ")
    if "'" in text or '"' in text:
        reading = drop(reading, _CONCATENATION)
    if any(mark in text for mark in "*`~_|"):
        reading = drop(reading, _MARK_IN_WORD)
    return reading


def _escape(written: str) -> str | None:
    if written in _PLAIN:
        return _PLAIN[written]
    if re.fullmatch(r"\\[0-7]{3}", written):
        return chr(int(written[1:], 8))
    match = _HEX.search(written)
    code = int(match.group(), 16) if match else 0
    if code > _LAST_CODE or code in _SURROGATE:
        return None
    return chr(code)


def _percent(written: str) -> str:
    data = unquote_to_bytes(written)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _quoted(written: str) -> str:
    return _percent(written.replace("=", "%")) if len(written) > 3 else ""  # noqa: PLR2004 - "=\r\n"
