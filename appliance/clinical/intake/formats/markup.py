"""Text out of XHTML and HTML as attachments have it: words and line breaks, nothing executed."""

from html.parser import HTMLParser
from typing import Final

from appliance.clinical.intake.rejections import Reason, Refusal

_BLOCKS: Final = frozenset(
    {
        *("address", "article", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset"),
        *("footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol"),
        *("p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    }
)
_CELLS: Final = frozenset({"td", "th"})
_UNSEEN: Final = frozenset({"script", "style", "head", "template"})
# HTMLParser's cost grows with what it can't make sense of; a note has no such nesting.
MAX_DEPTH: Final = 200


class Lines:
    """Words as they come, with line breaks between blocks and tabs between cells."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def add(self, words: str) -> None:
        """Some text; runs of white space are one space, as in XHTML."""
        squeezed = " ".join(words.split())
        if not squeezed:
            if words and self._parts and not self._parts[-1].endswith(("\n", "\t", " ")):
                self._parts.append(" ")
            return
        if words[0].isspace() and self._parts and not self._parts[-1].endswith(("\n", "\t", " ")):
            self._parts.append(" ")
        self._parts.append(squeezed)
        if words[-1].isspace():
            self._parts.append(" ")

    def end_line(self) -> None:
        """What comes next stands on a new line."""
        if self._parts and self._parts[-1] != "\n":
            self._parts.append("\n")

    def next_cell(self) -> None:
        """What comes next stands in the next cell of the row."""
        if self._parts and self._parts[-1] not in {"\n", "\t"}:
            self._parts.append("\t")

    def text(self) -> str:
        """All of it, without spaces at the ends of lines."""
        lines = "".join(self._parts).split("\n")
        return "\n".join(line.strip(" \t") for line in lines).strip("\n")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines = Lines()
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag in _UNSEEN:
            self._hidden += 1
            if self._hidden > MAX_DEPTH:
                raise Refusal(Reason.TOO_DEEP)
        elif tag in _BLOCKS:
            self.lines.end_line()
        elif tag in _CELLS:
            self.lines.next_cell()

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag in _BLOCKS:
            self.lines.end_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCKS:
            self.lines.end_line()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.lines.add(data)


def text_of_html(markup: str) -> str:
    r"""What a reader of the page sees, line by line.

    Entities are the fixed ones of HTML; nothing that the page names is opened.

    >>> text_of_html("<p>No <b>fever</b>.</p><script>x</script><p>Seen.</p>")
    'No fever.\nSeen.'
    """
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.lines.text()
