"""Join: corpora of one task, e.g. the rounds of one order, become one more corpus."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from appliance.artifacts.manifest import is_finished, list_finished, read_manifest
from appliance.errors import BadInput
from appliance.records.cards import CorpusCard
from appliance.records.events import Fact
from appliance.records.examples import Example
from appliance.records.identifiers import Digest
from appliance.records.prompts import DraftKind
from appliance.records.tasks import DraftMix
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import KIND, read_card, read_corpus, write_corpus
from appliance.synthesis.curation.gaps import find_gaps
from appliance.synthesis.curation.joining import Part, join
from appliance.workflows.corpus import find_corpus, is_recorded
from appliance.workflows.site import Site

_REVISED: Final = "corpus.revised"


@dataclass(frozen=True, slots=True)
class JoinedCorpus:
    """A corpus that holds others.

    Attributes:
        digest: Of its manifest.
        card: Its datasheet.
        examples: All of it.
    """

    digest: Digest
    card: CorpusCard
    examples: tuple[Example, ...]


def join_corpora(site: Site, names: Sequence[str], out: str) -> JoinedCorpus:
    """Corpus `out` holds all that is new in each of `names`, and the ledger says so.

    One that was joined of the same corpora before is taken as it is.

    Args:
        site: The site.
        names: Of finished corpora, oldest first.
        out: Name of the new one.

    Raises:
        BadInput: One of them is not there, they are not of one sheet, or something else has the
            name.
        ManifestMismatch: A corpus is not what was written.
        NoSpace: The disk is full; nothing is left behind.
    """
    parts = []
    for name in names:
        directory = find_corpus(site.paths, name)
        card, examples = read_corpus(directory)
        parts.append(Part(card, read_manifest(directory, KIND, check=False).digest, examples))
    directory = site.paths.corpora / out
    if not directory.exists():
        card, examples = join(parts, out, site.clock.now().isoformat())
        write_corpus(directory, replace(card, gaps=_gaps(site, card, examples)), examples)
    found = find_joined(site, out)
    if found is None or found.joined != {part.card.name: part.digest for part in parts}:
        raise _taken(out)
    card, examples = read_corpus(directory)
    digest = read_manifest(directory, KIND, check=False).digest
    # A kill after the corpus's last byte may have left it off the record.
    if not is_recorded(site, digest):
        _record(site, card, digest)
    return JoinedCorpus(digest, card, examples)


def find_joined(site: Site, name: str) -> CorpusCard | None:
    """The card of the joined corpus of that name; None where nothing has the name.

    Raises:
        BadInput: Something else has it.
        ManifestMismatch: It is not what was written.
    """
    directory = site.paths.corpora / name
    if not directory.exists():
        return None
    card = read_card(directory) if is_finished(directory) else None
    if card is None or not card.joined:
        raise _taken(name)
    return card


def parts_of(site: Site, digest: Digest) -> frozenset[str]:
    """Digests of the corpora that the one of that digest was joined of; none where it is no such.

    Raises:
        ManifestMismatch: It is not what was written.
    """
    for directory in list_finished(site.paths.corpora):
        if read_manifest(directory, KIND, check=False).digest == digest:
            return frozenset(read_card(directory).joined.values())
    return frozenset()


def _gaps(site: Site, card: CorpusCard, examples: Sequence[Example]) -> dict[str, str]:
    sheet, vocabulary = load_task(site.paths.labels, card.task)
    if card.asked:
        sheet = replace(sheet, mix=DraftMix(**card.asked))
    kinds = {DraftKind(kind): count for kind, count in card.kinds.items()}
    return find_gaps(sheet, vocabulary, examples, kinds)


def _taken(name: str) -> BadInput:
    return BadInput(
        f"There is another corpus {name} already, or one that was not finished.",
        "Name another one with --out.",
    )


def _record(site: Site, card: CorpusCard, digest: Digest) -> None:
    facts: dict[str, Fact] = {"corpus": card.name, "digest": digest}
    facts |= {f"part_{number}": one for number, one in enumerate(card.joined.values(), start=1)}
    site.ledger.record(_REVISED, {**facts, **card.revision})
