"""From bytes to text: by what they or the operator declare, or UTF-8; never by a guess."""

import codecs
from typing import Final

from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.errors import BadInput

UTF_8: Final = "utf-8"

# The longer mark first: UTF-32's begins like UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python's other codecs are no character sets: rot13, idna, zlib, unicode_escape.
_KNOWN: Final = frozenset(
    codecs.lookup(name).name
    for name in (
        *("ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        # There is no part 12.
        *(f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"cp{page}" for page in range(1250, 1259)),
        *("cp437", "cp850", "cp852", "cp858", "cp866", "cp874", "cp932", "mac-roman"),
        *("koi8-r", "koi8-u", "shift_jis", "euc_jp", "iso2022_jp", "euc_kr", "gb18030", "big5"),
    )
)
_LATIN: Final = "iso8859"
_FIRST_CONTROL, _LAST_CONTROL = "\x80", "\x9f"


def known_encoding(name: str) -> str:
    """Python's name of a character set, however it is spelled.

    Raises:
        Refusal: It is none that this program reads.
    """
    try:
        found = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        found = ""
    if found not in _KNOWN:
        raise Refusal(Reason.UNKNOWN_ENCODING)
    return found


def check_encoding(name: str) -> str:
    """The same, for a name that the operator gave.

    Raises:
        BadInput: It is none that this program reads.
    """
    try:
        return known_encoding(name)
    except Refusal:
        pass
    raise BadInput(
        "That is no encoding that notes are read in.",
        "Name one such as windows-1252, iso-8859-1, utf-16-le or shift_jis.",
    )


def decode(content: bytes, declared: str | None, otherwise: str | None = None) -> tuple[str, str]:
    """The text and the name of the encoding it was in.

    A byte order mark counts first, then what the data declares; what declares nothing is UTF-8, or
    else what the operator said. So is what declares a part of ISO 8859 and is written in none: many
    systems say so of windows-1252 (WHATWG Encoding Standard, 4.2, reads every such label as that).

    Args:
        content: The bytes.
        declared: What stands in the data, if anything does.
        otherwise: What the operator said.

    Raises:
        Refusal: The bytes are not in what was declared, or declare nothing and are no UTF-8.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _strictly(content[len(mark) :], name, Reason.WRONG_ENCODING), name
    if declared:
        name = known_encoding(declared)
        if otherwise is None or not _is_mistaken(content, name):
            return _strictly(content, name, Reason.WRONG_ENCODING), name
        return _strictly(content, otherwise, Reason.WRONG_ENCODING), otherwise
    try:
        return _strictly(content, UTF_8, Reason.NOT_UTF8), UTF_8
    except Refusal:
        if otherwise is None:
            raise
    return _strictly(content, otherwise, Reason.WRONG_ENCODING), otherwise


def _strictly(content: bytes, name: str, reason: Reason) -> str:
    try:
        text = content.decode(name)
    except (UnicodeError, ValueError):
        text = None
    # Outside the handler: a decoding error holds the bytes.
    if text is None or is_wrong_latin(text, name):
        raise Refusal(reason)
    return text


def _is_mistaken(content: bytes, name: str) -> bool:
    return name.startswith(_LATIN) and is_wrong_latin(content.decode(name, "replace"), name)


def is_wrong_latin(text: str, name: str) -> bool:
    """Whether the text, read in that encoding, was written in another, mostly windows-1252.

    ISO 8859 gives a meaning to every byte, and a text has no use for the control characters of C1.
    """
    return name.startswith(_LATIN) and any(
        _FIRST_CONTROL <= character <= _LAST_CONTROL for character in text
    )
