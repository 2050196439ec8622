"""The formats by name, and how each one lies on disk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from appliance.artifacts.writing import check_absent, folder_atomically, write_atomically
from appliance.errors import BadInput
from appliance.records.examples import Example
from appliance.synthesis.curation.formats import (
    brat,
    columns,
    conll,
    docbin,
    gliner,
    jsonl,
    label_studio,
)
from appliance.synthesis.curation.formats.fields import Unreadable

_READABLE: Final = 0o644


class Format(Protocol):
    """One format."""

    def write(self, examples: Sequence[Example], target: Path) -> None:
        """`target` holds the examples, whole.

        Raises:
            BadInput: It is there already, or can't be written.
            NoSpace: The disk is full.
        """

    def read(self, source: Path) -> Iterator[Example]:
        """What `write` wrote, or another tool changed.

        Raises:
            Unreadable: It is not of this format.
            OSError: It can't be read.
        """


@dataclass(frozen=True, slots=True)
class TextFormat:
    """Lines of UTF-8, without their ends."""

    to_lines: Callable[[Sequence[Example]], Iterator[str]]
    from_lines: Callable[[Sequence[str]], Iterator[Example]]

    def write(self, examples: Sequence[Example], target: Path) -> None:
        """One file."""
        content = "".join(f"{line}\n" for line in self.to_lines(examples))
        check_absent(target)
        write_atomically(target, content.encode(), _READABLE)

    def read(self, source: Path) -> Iterator[Example]:
        """Of one file."""
        try:
            text = source.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unreadable("it is not UTF-8") from None
        # Not splitlines(): it also splits at characters that can stand inside a text.
        return self.from_lines([line.rstrip("\r") for line in text.split("\n")])


@dataclass(frozen=True, slots=True)
class BinaryFormat:
    """One file of bytes."""

    encode: Callable[[Sequence[Example]], bytes]
    decode: Callable[[bytes], Iterator[Example]]

    def write(self, examples: Sequence[Example], target: Path) -> None:
        """One file."""
        check_absent(target)
        write_atomically(target, self.encode(examples), _READABLE)

    def read(self, source: Path) -> Iterator[Example]:
        """Of one file."""
        return self.decode(source.read_bytes())


@dataclass(frozen=True, slots=True)
class FolderFormat:
    """A folder of files."""

    fill: Callable[[Sequence[Example], Path], None]
    read: Callable[[Path], Iterator[Example]]

    def write(self, examples: Sequence[Example], target: Path) -> None:
        """The folder."""
        check_absent(target)
        with folder_atomically(target) as draft:
            self.fill(examples, draft)


FORMATS: Final[Mapping[str, Format]] = {
    "jsonl": TextFormat(jsonl.to_lines, jsonl.from_lines),
    "conll": TextFormat(conll.to_lines, conll.from_lines),
    "gliner": TextFormat(gliner.to_lines, gliner.from_lines),
    "label-studio": TextFormat(label_studio.to_lines, label_studio.from_lines),
    "parquet": BinaryFormat(columns.to_parquet, columns.from_parquet),
    "docbin": BinaryFormat(docbin.encode, docbin.decode),
    "hf": FolderFormat(columns.write_dataset, columns.read_dataset),
    "brat": FolderFormat(brat.write, brat.read),
}


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        BadInput: There is none.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise BadInput(f"There is no format {name}.", f"Formats: {', '.join(FORMATS)}.") from None
