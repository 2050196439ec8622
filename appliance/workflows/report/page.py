"""The report as one HTML file: no script, no font and no image from anywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path

from appliance.artifacts.writing import write_atomically
from appliance.records.examples import Example
from appliance.records.scores import ScoreCard


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the main job.

    Attributes:
        name: What was to be done.
        outcome: What it came to, in counts.
        seconds: How long it took this time.
        was_there: Whether an earlier run had done it, so that the seconds say nothing.
    """

    name: str
    outcome: str
    seconds: float
    was_there: bool = False

    @property
    def duration(self) -> str:
        """The seconds as they are shown; an earlier run's were not kept."""
        return "was there already" if self.was_there else f"{self.seconds:.1f}"


@dataclass(frozen=True, slots=True)
class Page:
    """All that the report shows.

    Attributes:
        title: Heading.
        made_at: ISO 8601, UTC.
        steps: In the order they ran.
        cards: Evaluations.
        plots: `<svg>` elements by caption.
        examples: A few sentences of the corpus, invented.
        ledger_size: Entries.
        ledger_root: Merkle root, hex.
        not_tested: What this run says nothing about, one sentence each.
    """

    title: str
    made_at: str
    steps: Sequence[Step]
    cards: Sequence[ScoreCard]
    plots: Sequence[tuple[str, str]]
    examples: Sequence[Example]
    ledger_size: int
    ledger_root: str
    not_tested: Sequence[str]


def write_page(page: Page, path: Path) -> None:
    """The report is at `path`, whole.

    Raises:
        NoSpace: The disk is full.
    """
    write_atomically(path, render_page(page).encode())


def render_page(page: Page) -> str:
    """The report's HTML."""
    from jinja2 import Environment, StrictUndefined

    template = resources.files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        page=page, marked=[(highlight(example), example.model) for example in page.examples]
    )


def highlight(example: Example) -> str:
    """The example's text as HTML, each span in `<mark>` with its label; everything escaped."""
    pieces, position = [], 0
    for span in example.spans:
        pieces.append(escape(example.text[position : span.start]))
        surface = escape(example.text[span.start : span.end])
        pieces.append(f'<mark title="{escape(span.label)}">{surface}</mark>')
        position = span.end
    pieces.append(escape(example.text[position:]))
    return "".join(pieces)
