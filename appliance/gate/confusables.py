# ruff: noqa: E501 - word lists and tables read best whole
"""Characters that are read as others: look-alike letters, dashes, quotes, spaces.

Source: Unicode Technical Standard #39, confusables.txt, the part that folds to Basic Latin;
chosen by hand, because a detector of Latin text needs no more.
"""

from typing import Final

_DASHES: Final = "\u00ad\u058a\u05be\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b"
_MORE_DASHES: Final = "\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d\u30fc\u2500"
_SINGLE_QUOTES: Final = (
    "\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02c8\u00b4\uff07\u055a"
)
_DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02"
_SLASHES: Final = "\u2044\u2215\u29f8\uff0f"
_DOTS: Final = "\u2024\u3002\uff61\u0701\u0702\u06d4"
_SPACES: Final = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

_LETTERS: Final = {
    # Cyrillic
    "АВЕЅІЈКМНОРСТУХҮԚԜҺ": "ABESIJKMHOPCTYXYQWh",
    "аеѕіјорсухԛԝһԁӏѵгкмнтвпь": "aesijopcyxqwhdlvrkmhtbnb",
    # Greek capitals, and the small ones that pass for Latin; alpha and beta are medicine's own.
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ": "ABEZHIKMNOPTYX",
    "οιυνρκϲϳ": "oiuvpkcj",
    # Armenian, Cherokee, Lisu: the ones in common attack tables
    "օսհոցԼՍՏ": "ouhngLUS",
    "ᎪᏴᏟᎠᎬᏀᎻᏆᎫᏦᏞᎷΝᏢᏒᏚᎢᏙᎳᏃ": "ABCDEGHIJKLMNPRSTVWZ",
    # Latin beyond ASCII that has no decomposition
    "ıȷłŁøØđĐħĦŧŦƀɓɗɛɡɩɪʟɴɢʀʏʙʜꜱꞯ": "ijlLoOdDhHtTbbdegiilngrybhsq",
    "ᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ": "acdejkmoptuvwz",
}
_BRAILLE: Final = "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵"
_SEVERAL: Final = {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss", "ẞ": "SS", "þ": "th"}
_MORE_SEVERAL: Final = {"Þ": "Th", "ð": "d", "Ð": "D", "\u2028": "\n", "\u2029": "\n", "\x85": "\n"}


def _table() -> dict[str, str]:
    table: dict[str, str] = {**_SEVERAL, **_MORE_SEVERAL}
    for kinds, plain in (
        (_DASHES + _MORE_DASHES, "-"),
        (_SINGLE_QUOTES, "'"),
        (_DOUBLE_QUOTES, '"'),
        (_SLASHES, "/"),
        (_DOTS, "."),
        (_SPACES, " "),
    ):
        table.update(dict.fromkeys(kinds, plain))
    for odd, plain_letters in _LETTERS.items():
        table.update(zip(odd, plain_letters, strict=True))
    table.update(zip(_BRAILLE, "abcdefghijklmnopqrstuvwxyz", strict=True))
    # Regional indicators and negative circled or squared letters carry A to Z in order.
    for first in (0x1F1E6, 0x1F150, 0x1F170):
        table.update({chr(first + number): chr(ord("A") + number) for number in range(26)})
    # Dingbat digits: circled, negative circled.
    for first in (0x2776, 0x2780, 0x278A):
        table.update({chr(first + number): str(number + 1) for number in range(9)})
    return table


_TABLE: Final = _table()


def fold_character(character: str) -> str:
    r"""What the character is read as; itself where it stands for nothing else.

    >>> fold_character("\u0430"), fold_character("\u2014"), fold_character("x")
    ('a', '-', 'x')
    """
    return _TABLE.get(character, character)
