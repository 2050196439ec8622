"""Files that went wrong on the way: cut, flipped, repeated, with marks where none belong."""

from random import Random
from typing import Final

_MARKS: Final = (
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"null", b"1e999", b"\\ud800", b"<", b">"),
    *(b"</", b"<!DOCTYPE x>", b"&lol;", b"]]>", b"|", b"^", b"~", b"\r", b"\n", b"\x0b", b"\x1c"),
    *(b"\r\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x80", b"\xc3", b"MSH|^~\\&|", b"OBR|"),
    *(b"OBX|1|ED|||^^PDF^Base64^", b"stream\n", b"obj", b"/Length 9999999999", b"-1", b"%PDF-"),
    *(b'"resourceType":', b'"entry":[', b'"resource":{', b"=", b"\t", b";", b"PAR1"),
)


def mutate(content: bytes, random: Random) -> bytes:
    """The file after one to eight accidents."""
    out = bytearray(content)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(out) + 1)
        end = min(len(out), at + random.choice((1, 2, 7, 40, 400)))
        match random.randrange(6):
            case 0 if at < len(out):
                out[at] ^= 1 << random.randrange(8)
            case 1:
                del out[at:end]
            case 2:
                out[at:at] = out[at:end]
            case 3:
                out[at:at] = random.choice(_MARKS)
            case 4:
                out[at:end] = random.choice(_MARKS)
            case 5:
                out[at:at] = random.choice(_MARKS) * random.choice((3, 50, 300))
            case _:
                del out[at:]
    return bytes(out)
