"""A text that is built from pieces, so that every offset is right by construction."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.records.spans import Span

PLAIN: Final = ""
DISEASE: Final = "Disease"
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with what it is.

    Attributes:
        text: As it stands in the note.
        kind: "" for plain words, "Disease", or the kind of an identifier, e.g. "mrn".
    """

    text: str = field(repr=False)
    kind: str = PLAIN


@dataclass(slots=True)
class Manuscript:
    """Pieces in order; grows at its end."""

    pieces: list[Piece] = field(default_factory=list)

    def add(self, text: str, kind: str = PLAIN) -> None:
        """One more piece at the end; nothing for an empty text."""
        if text:
            self.pieces.append(Piece(text, kind))

    @property
    def text(self) -> str:
        """All pieces joined."""
        return "".join(piece.text for piece in self.pieces)

    def spans(self, kinds: Iterable[str]) -> tuple[Span, ...]:
        """Where pieces of these kinds stand, labelled with their kind, sorted."""
        wanted = frozenset(kinds)
        found = []
        position = 0
        for piece in self.pieces:
            end = position + len(piece.text)
            if piece.kind in wanted:
                found.append(Span(position, end, piece.kind))
            position = end
        return tuple(found)

    def kinds(self) -> frozenset[str]:
        """Kinds of identifiers that occur."""
        return frozenset(piece.kind for piece in self.pieces) - {PLAIN, DISEASE}

    def shouted(self) -> "Manuscript":
        """The same in upper case, as old dictation systems write."""
        return Manuscript([replace(piece, text=piece.text.upper()) for piece in self.pieces])

    def wrapped(self, columns: int) -> "Manuscript":
        """The same with lines broken at spaces of plain words; no length changes."""
        text = list(self.text)
        kinds = [piece.kind for piece in self.pieces for _ in piece.text]
        last_space, line_start = -1, 0
        for position, sign in enumerate(text):
            if sign == "\n":
                line_start, last_space = position + 1, -1
            elif sign == " " and kinds[position] == PLAIN:
                last_space = position
            if position - line_start >= columns and last_space > line_start:
                text[last_space] = "\n"
                line_start, last_space = last_space + 1, -1
        return self._recut("".join(text))

    def tidied(self) -> "Manuscript":
        """Without spaces at line ends, runs of blank lines, and blank ends."""
        kept: list[tuple[str, int]] = []
        for number, piece in enumerate(self.pieces):
            for sign in piece.text:
                if sign == "\n":
                    _drop_spaces(kept)
                    if len(kept) < _PAIR or kept[-1][0] == kept[-2][0] == "\n":
                        continue
                kept.append((sign, number))
        while kept and kept[-1][0] in " \n":
            kept.pop()
        cut: dict[int, list[str]] = {}
        for sign, number in kept:
            cut.setdefault(number, []).append(sign)
        return Manuscript([replace(self.pieces[n], text="".join(t)) for n, t in cut.items()])

    def _recut(self, text: str) -> "Manuscript":
        position, pieces = 0, []
        for piece in self.pieces:
            end = position + len(piece.text)
            pieces.append(replace(piece, text=text[position:end]))
            position = end
        return Manuscript(pieces)


def _drop_spaces(kept: list[tuple[str, int]]) -> None:
    while kept and kept[-1][0] == " ":
        kept.pop()
