"""What a page is made of, as values; the templates draw them."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to another page of the console."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Bar:
    """How far something is; `total` is None where nobody knows of how much."""

    done: int
    total: int | None
    unit: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One word that is good or bad, and said in words as well as in colour."""

    text: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """A time; `iso` is ISO 8601, UTC, and "" for none."""

    iso: str

    def __str__(self) -> str:
        return f"{self.iso[:10]} {self.iso[11:19]} UTC" if self.iso else ""


Cell = str | int | Link | Bar | Mark | Moment


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column heads.

    Attributes:
        title: Its heading.
        columns: Heads; all "" for a table of names and values, whose first column heads the row.
        rows: As many cells each as there are columns.
        empty: Said in place of no rows.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = "None."

    @property
    def is_pairs(self) -> bool:
        """Whether it is names and values."""
        return not any(self.columns)


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, with what stands between backticks as code; or lines as they are."""

    text: str
    title: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a form asks for.

    Attributes:
        name: Under which it is sent.
        label: What the person reads.
        kind: "text", "password" or "lines".
        choices: To choose from, in place of `kind`.
        value: To begin with.
        is_required: Whether it may be left out.
    """

    name: str
    label: str
    kind: str = "text"
    choices: Sequence[str] = ()
    value: str = ""
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """Something to be done, or looked for.

    Attributes:
        title: Its heading.
        action: Path of the page that takes it.
        button: Says what happens.
        fields: What it asks for.
        hidden: What goes with it.
        method: "post" changes something; "get" only looks.
    """

    title: str
    action: str
    button: str
    fields: Sequence[Field] = ()
    hidden: dict[str, str] = field(default_factory=dict)
    method: str = "post"


Block = Table | Text | Form | Link


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        title: Its heading.
        blocks: From top to bottom.
        is_live: Whether it is drawn again every few seconds.
        template: That draws it.
        more: What that template wants besides.
    """

    title: str
    blocks: Sequence[Block]
    is_live: bool = False
    template: str = "page.html.j2"
    more: dict[str, object] = field(default_factory=dict)
