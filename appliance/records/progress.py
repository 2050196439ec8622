"""How a long piece of work tells a person how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Where a workflow reports; the CLI draws it on stderr, tests ignore it."""

    def begin(self, stage: str, total: int | None = None) -> None:
        """A stage has begun; `total` is its count of steps where that is known."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """`count` more steps are done; `note` is a short figure beside the bar, never text."""

    def end(self, summary: str = "") -> None:
        """The stage is over; `summary` is one line of counts."""


class Silent:
    """Reports nothing."""

    def begin(self, stage: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Say nothing."""

    def end(self, summary: str = "") -> None:
        """Say nothing."""
