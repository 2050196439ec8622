"""Corpora that people go over: a page to decide on, decisions and labels taken back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.writing import check_absent, check_writable, write_atomically
from appliance.errors import BadInput
from appliance.records.events import Fact
from appliance.records.examples import Example
from appliance.records.identifiers import Digest, ExampleId
from appliance.records.spans import UNRELATED
from appliance.settings.names import check_name
from appliance.settings.site import find_site
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus, write_corpus
from appliance.synthesis.curation.formats.fields import Unreadable
from appliance.synthesis.curation.formats.known import find_format
from appliance.synthesis.curation.revision import find_cut_words, relabel, revise_card, without
from appliance.workflows.corpus import corpus_digest, find_corpus
from appliance.workflows.report.review import render_review
from appliance.workflows.site import Site, open_site

_WORDS: Final = {"accept": True, "reject": False}


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A page to decide on.

    Attributes:
        corpus: Whose examples are on it.
        page: Where it is, or would be.
        examples: Count.
    """

    corpus: str
    page: Path
    examples: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A corpus made from another by people.

    Attributes:
        corpus: Its name.
        parent: The other's.
        kept: Examples that are as they were.
        relabelled: Examples whose labels people changed.
        left_out: Examples of the other that are not in it.
        digest: Of its manifest; "" where it was not written.
        cut_words: Spans that were handed in and begin or end inside a word.
        first_cut: The first example that was handed in with one, counted from 1; 0 for none.
    """

    corpus: str
    parent: str
    kept: int
    relabelled: int
    left_out: int
    digest: str
    cut_words: int = 0
    first_cut: int = 0


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a person decided.

    Attributes:
        digest: Of the corpus that was looked at.
        decided: Example to whether it is accepted; those without a decision are not in it.
    """

    digest: Digest
    decided: Mapping[ExampleId, bool]


@dataclass(frozen=True, slots=True)
class Review:
    """A corpus to be gone over.

    Attributes:
        digest: Of its manifest: what decisions name.
        examples: All of it.
    """

    digest: Digest
    examples: tuple[Example, ...]


def look_through(root: Path, name: str) -> Review:
    """All examples of a corpus, to be decided on.

    Raises:
        BadInput: No such corpus.
        ManifestMismatch: It is not what was written.
    """
    directory = find_corpus(find_site(root), name)
    _, examples = read_corpus(directory)
    return Review(corpus_digest(directory), examples)


def write_review(root: Path, name: str, page: Path, *, dry_run: bool = False) -> ReviewPage:
    """A self-contained page of the corpus is at `page`.

    Raises:
        BadInput: No such corpus, or `page` is there already or can't be written.
        ManifestMismatch: The corpus is not what was written.
    """
    site = open_site(root)
    directory = find_corpus(site.paths, name)
    card, examples = read_corpus(directory)
    check_absent(page)
    check_writable(page)
    if not dry_run:
        content = render_review(card, corpus_digest(directory), examples)
        write_atomically(page, content.encode(), mode=0o644)
    return ReviewPage(name, page, len(examples))


def apply_decisions(
    root: Path,
    name: str,
    decisions: Path,
    out: str,
    *,
    keep_undecided: bool = True,
    dry_run: bool = False,
) -> Revision:
    """Corpus `out` holds what was accepted of corpus `name` on its page.

    Args:
        root: The site.
        name: The corpus on the page.
        decisions: The file that the page gave.
        out: Name of the new corpus.
        keep_undecided: Whether an example without a decision stays.
        dry_run: Count only.

    Raises:
        BadInput: No such corpus, the decisions are no such file or were made on another corpus,
            nothing is left, or the name is taken.
        ManifestMismatch: The corpus is not what was written.
    """
    found = _read_decisions(decisions)
    return revise(root, name, found, out, keep_undecided=keep_undecided, dry_run=dry_run)


def revise(
    root: Path,
    name: str,
    decisions: Decisions,
    out: str,
    *,
    keep_undecided: bool = True,
    dry_run: bool = False,
    by: str = "",
) -> Revision:
    """The same, with decisions that are at hand.

    Args:
        root: The site.
        name: The corpus that was looked at.
        decisions: What was decided of it.
        out: Name of the new corpus.
        keep_undecided: Whether an example without a decision stays.
        dry_run: Count only.
        by: The user who decided, where that is not who runs this.

    Raises:
        BadInput, ManifestMismatch: As `apply_decisions`.
    """
    site = open_site(root)
    directory = find_corpus(site.paths, name)
    _, base = read_corpus(directory)
    if decisions.digest != corpus_digest(directory):
        raise BadInput(
            "The decisions were made on another corpus, or on this one before it changed.",
            "Name the corpus whose page they were made on.",
        )
    kept = without(base, decisions.decided, keep_undecided=keep_undecided)
    return _write(site, directory, base, kept, out, dry_run=dry_run, by=by)


def import_corpus(
    root: Path, source: Path, form: str, name: str, out: str, *, dry_run: bool = False
) -> Revision:
    """Corpus `out` holds the examples of corpus `name` that are in `source`, labelled as there.

    Args:
        root: The site.
        source: File or folder, as exported from `name` and worked on with another tool.
        form: Its format.
        name: The corpus that was exported.
        out: Name of the new corpus.
        dry_run: Count only.

    Raises:
        BadInput: No such corpus or format, `source` is not of it, holds a text that is not in
            `name` or a label that is none of the task's, more than one in ten of its spans begin
            or end inside a word, or the name is taken.
        ManifestMismatch: The corpus is not what was written.
    """
    site = open_site(root)
    directory = find_corpus(site.paths, name)
    card, base = read_corpus(directory)
    sheet, _ = load_task(site.paths.labels, card.task)
    labels = [entity.name for entity in sheet.entities]
    relations = [relation.name for relation in sheet.relations]
    if relations:
        relations.append(UNRELATED)
    try:
        handed_in = list(find_format(form).read(source))
    except Unreadable as error:
        raise BadInput(
            f"{source} can't be read as {form}: {error}.", "Mend it, or name another --format."
        ) from None
    except OSError as error:
        raise BadInput(
            f"{source} can't be read: {error.strerror or 'I/O error'}.",
            "Name what `appliance corpus export` wrote, or another tool from it.",
        ) from None
    kept = relabel(base, handed_in, labels, relations)
    cut = find_cut_words(base, handed_in)
    revision = _write(site, directory, base, kept, out, dry_run=dry_run)
    if cut is None:
        return revision
    return replace(revision, cut_words=cut.spans, first_cut=cut.first)


def _write(
    site: Site,
    directory: Path,
    base: Sequence[Example],
    kept: Sequence[Example],
    out: str,
    *,
    dry_run: bool,
    by: str = "",
) -> Revision:
    check_name(out, "a corpus", "--out")
    target = site.paths.corpora / out
    if target.exists():
        raise BadInput(f"There is a corpus {out} already.", "Name another one with --out.")
    if not kept:
        raise BadInput("No example is left.", "Accept some; the corpus stays as it is.")
    parent, _ = read_corpus(directory)
    digest = corpus_digest(directory)
    card = revise_card(parent, out, digest, base, kept, site.clock.now().isoformat())
    written = "" if dry_run else write_corpus(target, card, kept)
    if not dry_run:
        facts: dict[str, Fact] = {"corpus": out, "digest": written, "parent": digest}
        facts |= {"by": by} if by else {}
        site.ledger.record("corpus.revised", {**facts, **card.revision})
    return Revision(out, directory.name, **card.revision, digest=written)


def _read_decisions(path: Path) -> Decisions:
    try:
        document: Any = json.loads(path.read_bytes())
        of = Digest(str(document["digest"]))
        decided = {ExampleId(key): _WORDS[word] for key, word in document["decisions"].items()}
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror or 'I/O error'}.",
            "Name the file that the page saved.",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{path} holds no decisions.", "Name the file that the page saved, as it saved it."
        ) from None
    return Decisions(of, decided)
