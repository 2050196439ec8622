"""Corpora: looked at, and written in formats that other tools read."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.artifacts.manifest import list_finished, read_manifest
from appliance.artifacts.writing import check_absent, check_writable
from appliance.errors import BadInput
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example
from appliance.records.identifiers import Digest
from appliance.records.spans import UNRELATED
from appliance.settings.names import is_name
from appliance.settings.site import SitePaths, find_site
from appliance.settings.tasks import list_tasks, load_task
from appliance.synthesis.curation.corpus import KIND, read_card, read_corpus
from appliance.synthesis.curation.formats.known import FORMATS, TextFormat, find_format
from appliance.synthesis.curation.formats.label_studio import labelling_config
from appliance.workflows.release import require_for_export
from appliance.workflows.site import Site, find_entries, open_site

NAMES = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class CorpusView:
    """A corpus as it is shown.

    Attributes:
        card: Its datasheet.
        examples: The first few.
    """

    card: CorpusCard
    examples: tuple[Example, ...]


def list_corpora(root: Path) -> tuple[CorpusCard, ...]:
    """The cards of all finished corpora, by name.

    Raises:
        SiteError: No such site.
        ManifestMismatch: One is not what was written.
    """
    return tuple(read_card(path) for path in list_finished(find_site(root).corpora))


def show_corpus(root: Path, name: str, first: int = 5) -> CorpusView:
    """The card and the first examples of a corpus, checked against its manifest.

    Raises:
        SiteError: No such site.
        BadInput: No such corpus.
        ManifestMismatch: Not finished, or a file is not what was written.
    """
    card, examples = read_corpus(find_corpus(find_site(root), name))
    return CorpusView(card, examples[:first])


@dataclass(frozen=True, slots=True)
class CorpusExport:
    """An export as one document.

    Attributes:
        corpus: Its name.
        format: One of `NAMES`.
        file: Where it is, or would be, file or folder; None where it is in here.
        examples: Count.
        lines: What the file would hold, line by line; None where it is on disk or not made.
        setup: What the other tool must be told, e.g. the labelling interface; "" where nothing.
    """

    corpus: str
    format: str
    file: Path | None
    examples: int
    lines: tuple[str, ...] | None = None
    setup: str = ""


def document_export(
    root: Path,
    name: str,
    form: str,
    target: Path | None,
    *,
    dry_run: bool,
    approvals: Sequence[Path] = (),
) -> CorpusExport:
    """As `export_corpus`, told as one document; a dry run only counts.

    Raises:
        BadInput, Denied, ManifestMismatch: As `export_corpus`.
    """
    card, examples = _prepare(root, name, form, target)
    setup = _labelling_config(root, card) if form == "label-studio" else ""
    result = CorpusExport(name, form, target, len(examples), None, setup)
    if dry_run:
        return result
    lines = tuple(export_corpus(root, name, form, target, approvals))
    return CorpusExport(name, form, target, len(examples), None if target else lines, setup)


def export_corpus(
    root: Path,
    name: str,
    form: str,
    target: Path | None = None,
    approvals: Sequence[Path] = (),
) -> Iterator[str]:
    """The corpus in another format: lines without their ends, or nothing once `target` holds it.

    Args:
        root: The site.
        name: Of the corpus.
        form: One of `NAMES`.
        target: File or folder to write; None for lines.
        approvals: Signed statements, where the policy asks for a release.

    Raises:
        Denied: The policy asks for a release, and audit or approvals are not enough.
        BadInput: No such corpus or format, the format has no lines and there is no `target`, or
            `target` is there already or can't be written.
        ManifestMismatch: Not finished, or a file is not what was written.
        NoSpace: The disk is full.
    """
    _, examples = _prepare(root, name, form, target)
    chosen = find_format(form)
    site = open_site(root)
    require_for_export(site, name, approvals)
    # Before it is written: what leaves a room is on record before it does.
    facts = {"corpus": name, "digest": corpus_digest(site.paths.corpora / name), "format": form}
    site.ledger.record("corpus.exported", {**facts, "examples": len(examples)})
    if target is None and isinstance(chosen, TextFormat):
        return chosen.to_lines(examples)
    if target is not None:
        chosen.write(examples, target)
    return iter(())


def find_corpus(paths: SitePaths, name: str) -> Path:
    """Where the corpus of that name is.

    Raises:
        BadInput: There is none.
    """
    directory = paths.corpora / name
    if not is_name(name) or not directory.is_dir():
        known = sorted(found.name for found in paths.corpora.glob("[!.]*"))
        raise BadInput(
            f"There is no corpus {json.dumps(name)}.", f"Corpora: {', '.join(known) or 'none'}."
        )
    return directory


def corpus_digest(directory: Path) -> Digest:
    """The digest of a corpus's manifest."""
    return read_manifest(directory, KIND).digest


def is_recorded(site: Site, digest: Digest) -> bool:
    """Whether the ledger knows a corpus of that digest: a kill may have come before its event."""
    kinds = {"corpus.written", "corpus.revised"}
    return any(
        entry["kind"] in kinds and entry["facts"].get("digest") == digest
        for entry in find_entries(site, digest)
    )


def _labelling_config(root: Path, card: CorpusCard) -> str:
    """With every label of the task, where the site has its sheet: nobody used some so far."""
    labels, relations = list(card.entities), list(card.relations)
    sheets = find_site(root).labels
    if card.task in list_tasks(sheets):
        sheet, _ = load_task(sheets, card.task)
        labels = [*(entity.name for entity in sheet.entities), *labels]
        relations = [*(relation.name for relation in sheet.taught), *relations]
        relations += [UNRELATED] if sheet.taught else []
    return labelling_config(tuple(dict.fromkeys(labels)), tuple(dict.fromkeys(relations)))


def _prepare(
    root: Path, name: str, form: str, target: Path | None
) -> tuple[CorpusCard, tuple[Example, ...]]:
    if target is None and not isinstance(find_format(form), TextFormat):
        raise BadInput(f"{form} is no text that could be printed.", "Name a place with --out.")
    if target is not None:
        check_absent(target)
        check_writable(target)
    return read_corpus(find_corpus(find_site(root), name))
