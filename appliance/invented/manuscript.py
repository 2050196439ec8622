"""A text that is built from pieces, so that every offset is right by construction."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.records.spans import Span

PLAIN: Final = ""
DISEASE: Final = "Disease"
_PAIR: Final = 2
_LINE_ENDS: Final = re.compile(r"(?: *\n)+")


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
        text = self.text
        superfluous: set[int] = set()
        for run in _LINE_ENDS.finditer(text):
            ends = [place for place in range(*run.span()) if text[place] == "\n"]
            kept = ends[-_PAIR:] if run.start() else []
            superfluous.update(set(range(*run.span())) - set(kept))
        superfluous.update(range(len(text.rstrip(" \n")), len(text)))
        tidy = Manuscript()
        position = 0
        for piece in self.pieces:
            places = range(position, position + len(piece.text))
            position = places.stop
            tidy.add("".join(text[at] for at in places if at not in superfluous), piece.kind)
        return tidy

    def _recut(self, text: str) -> "Manuscript":
        position, pieces = 0, []
        for piece in self.pieces:
            end = position + len(piece.text)
            pieces.append(replace(piece, text=text[position:end]))
            position = end
        return Manuscript(pieces)
