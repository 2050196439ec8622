"""Words of a text, and whether its writer used capitals to any purpose."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[A-Za-z]+(?:['.-]?[A-Za-z]+)*")
_MIN_MIXED: Final = 0.02
_MAX_MIXED: Final = 0.55
_BATCH: Final = 32


class Word(NamedTuple):
    """One word; a tuple, for there are hundreds in a text.

    Attributes:
        start: First code point.
        end: One past the last.
        text: As written.
        lower: In lower case.
    """

    start: int
    end: int
    text: str
    lower: str

    def __repr__(self) -> str:
        """Where it stands; never what it says."""
        return f"Word({self.start}, {self.end})"

    @property
    def is_capitalised(self) -> bool:
        """Whether it begins with a capital."""
        return self.text[0].isupper()


def split_words(text: str) -> list[Word]:
    """The words of `text`, in order; "O'Brien", "Smith-Jones" and "U.S" are one each."""
    return [
        Word(match.start(), match.end(), match.group(), match.group().lower())
        for match in _WORD.finditer(text)
    ]


# The texts of a batch are read by one detector after the other.
@lru_cache(_BATCH)
def read_words(text: str) -> tuple[tuple[Word, ...], bool]:
    """The words of `text`, and whether its writer used capitals."""
    return tuple(split_words(text)), uses_capitals(text)


@lru_cache(_BATCH)
def uses_capitals(text: str) -> bool:
    """Whether capitals tell something: not in a text all in one case.

    >>> [uses_capitals(text) for text in ("Seen by Anna.", "SEEN BY ANNA.", "seen by anna")]
    [True, False, False]
    """
    letters = sum(map(str.isalpha, text))
    capitals = sum(map(str.isupper, text))
    if not 0 < capitals <= letters * _MAX_MIXED:
        return False
    return capitals >= letters * _MIN_MIXED or text.lstrip()[0].isupper()
