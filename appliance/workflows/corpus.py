"""Corpora: looked at, and written in formats that other tools read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.artifacts.writing import check_writable, write_atomically
from appliance.errors import BadInput
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example
from appliance.settings.site import SitePaths, find_site
from appliance.synthesis.curation.corpus import read_corpus
from appliance.synthesis.curation.exports import to_conll, to_jsonl

FORMATS = {"jsonl": to_jsonl, "conll": to_conll}


@dataclass(frozen=True, slots=True)
class CorpusView:
    """A corpus as it is shown.

    Attributes:
        card: Its datasheet.
        examples: The first few.
    """

    card: CorpusCard
    examples: tuple[Example, ...]


def show_corpus(root: Path, name: str, first: int = 5) -> CorpusView:
    """The card and the first examples of a corpus, checked against its manifest.

    Raises:
        SiteError: No such site.
        BadInput: No such corpus.
        ManifestMismatch: Not finished, or a file is not what was written.
    """
    card, examples = read_corpus(_find(find_site(root), name))
    return CorpusView(card, examples[:first])


@dataclass(frozen=True, slots=True)
class CorpusExport:
    """An export as one document.

    Attributes:
        corpus: Its name.
        format: One of `FORMATS`.
        file: Where it is, or would be; None where it is in here.
        examples: Count.
        lines: What the file would hold, line by line; None where it is in a file or not made.
    """

    corpus: str
    format: str
    file: Path | None
    examples: int
    lines: tuple[str, ...] | None = None


def document_export(
    root: Path, name: str, form: str, target: Path | None, *, dry_run: bool
) -> CorpusExport:
    """As `export_corpus`, told as one document; a dry run only counts.

    Raises:
        BadInput, ManifestMismatch: As `export_corpus`.
    """
    count = show_corpus(root, name, 0).card.accepted
    if dry_run:
        if target is not None:
            check_writable(target)
        return CorpusExport(name, form, target, count)
    lines = tuple(export_corpus(root, name, form, target))
    return CorpusExport(name, form, target, count, None if target else lines)


def export_corpus(root: Path, name: str, form: str, target: Path | None = None) -> Iterator[str]:
    """The corpus in another format: lines without their ends, or nothing once `target` holds it.

    Raises:
        BadInput: No such corpus or format, or `target` can't be written.
        ManifestMismatch: Not finished, or a file is not what was written.
    """
    writer = FORMATS.get(form)
    if writer is None:
        raise BadInput(f"There is no format {form}.", f"Formats: {', '.join(FORMATS)}.")
    _, examples = read_corpus(_find(find_site(root), name))
    lines = writer(examples)
    if target is None:
        return lines
    write_atomically(target, "".join(f"{line}\n" for line in lines).encode(), mode=0o644)
    return iter(())


def _find(paths: SitePaths, name: str) -> Path:
    directory = paths.corpora / name
    if not name or Path(name).name != name or name == ".." or not directory.is_dir():
        known = sorted(found.name for found in paths.corpora.glob("[!.]*"))
        raise BadInput(
            f"There is no corpus {json.dumps(name)}.", f"Corpora: {', '.join(known) or 'none'}."
        )
    return directory
