"""What reads notes in an extraction: adapters of entities, a list of names, an adapter of pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.clinical.extraction.pairing import CombinedLabeller, Labeller, PairFinder
from appliance.errors import BadInput
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.inference.classifier import PairClassifier
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tokens.bio import entity_types
from appliance.records.cards import AdapterCard, HeadKind
from appliance.records.tasks import Vocabulary
from appliance.settings.site_file import SiteSettings
from appliance.settings.tasks import load_task, load_vocabulary
from appliance.workflows.compare import find_adapter
from appliance.workflows.registry import refuse_retired
from appliance.workflows.site import Site


@dataclass(frozen=True, slots=True)
class Reader:
    """An adapter as a worker opens it."""

    adapter: Path
    base: Path
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Names:
    """A vocabulary as a worker opens it.

    Attributes:
        path: A TSV, see `load_vocabulary`.
        labels: Entity types that may stand in it.
        wanted: Those whose names are looked up.
    """

    path: Path
    labels: tuple[str, ...]
    wanted: frozenset[str]

    def read(self) -> Vocabulary:
        """The names that are looked up.

        Raises:
            BadInput: Unreadable or malformed, or it has no name of a type that is wanted.
        """
        vocabulary = load_vocabulary(self.path, self.labels, "")
        terms = tuple(term for term in vocabulary.terms if term.label in self.wanted)
        if missing := sorted(self.wanted - {term.label for term in terms}):
            raise BadInput(
                f"{self.path.name} has no name of {', '.join(missing)}, and no adapter that is "
                "named finds any.",
                "Name an adapter that does with --entities, or another file with --names.",
            )
        return replace(vocabulary, terms=terms)


@dataclass(frozen=True, slots=True)
class Sources:
    """What finds entities, the more trusted first, and what judges their pairs.

    Attributes:
        readers: Adapters of entities.
        names: Looked up for the types that none of these finds.
        judge: An adapter of relations; None where no pairs are judged.
        found_by: Where there is one, what finds the ends of pairs, with its digest.
    """

    readers: tuple[Reader, ...]
    names: Names | None = None
    judge: Reader | None = None
    found_by: Mapping[str, str] = field(default_factory=dict)


def choose_sources(
    site: Site, directory: Path, card: AdapterCard, entities: Sequence[str], names: Path | None
) -> Sources:
    """What reads the notes where this adapter is the one that was asked for.

    Of an adapter of relations the ends are found by the adapters named, and those of types that
    none of them knows by looking up names: of `names`, or else of its task's own vocabulary.

    Raises:
        BadInput: Ends are asked for of an adapter of entities, an adapter is none of entities or
            is retired, or nothing would find some end.
        ManifestMismatch: An adapter was never finished, or differs from what was written.
    """
    own = Reader(directory, _base_of(site, card), card.max_tokens)
    if card.kind is HeadKind.ENTITIES:
        if entities or names is not None:
            raise BadInput(
                f"Adapter {card.name!r} finds entities itself, and judges no pairs.",
                "Leave --entities and --names out, or name an adapter of relations with --adapter.",
            )
        return Sources((own,))
    readers: list[Reader] = []
    found_by: dict[str, str] = {}
    wanted = {end for pair in card.pairs for end in (pair.head, pair.tail)}
    for name in entities:
        place = find_adapter(site, name)
        found, digest = read_adapter(place)
        require_kind(found, HeadKind.ENTITIES)
        refuse_retired(site, name, digest)
        readers.append(Reader(place, _base_of(site, found), found.max_tokens))
        found_by[name] = digest
        wanted -= set(entity_types(found.labels))
    listed = _choose_names(site, card, frozenset(wanted), names)
    if listed is not None:
        # Here already: what is wrong with it is known before any worker starts.
        found_by[f"names of {listed.path.name}"] = listed.read().digest
    return Sources(tuple(readers), listed, own, found_by)


def open_labeller(sources: Sources, settings: SiteSettings, dtype: str) -> Labeller:
    """What finds entities, computing in `dtype`, loaded in the worker that calls this."""
    labellers: list[Labeller] = [open_reader(reader, settings, dtype) for reader in sources.readers]
    if sources.names is not None:
        labellers.append(DictionaryLabeller(sources.names.read(), strict_short=True))
    return labellers[0] if len(labellers) == 1 else CombinedLabeller(labellers)


def open_reader(reader: Reader, settings: SiteSettings, dtype: str) -> AdapterLabeller:
    """One adapter of entities, loaded in the worker that calls this."""
    return AdapterLabeller.load(
        reader.adapter,
        reader.base,
        device=settings.learning.device,
        max_tokens=reader.max_tokens,
        stride_tokens=settings.extraction.stride_tokens,
        batch_tokens=settings.learning.reading_tokens,
        dtype=dtype,
    )


def open_pairs(sources: Sources, settings: SiteSettings) -> PairFinder | None:
    """What judges pairs, loaded in the worker that calls this; None where nobody asked for it."""
    if sources.judge is None:
        return None
    learning = settings.learning
    judge = PairClassifier.load(
        sources.judge.adapter,
        sources.judge.base,
        device=learning.device,
        batch_tokens=learning.reading_tokens,
        dtype=learning.dtype,
    )
    card, _ = read_adapter(sources.judge.adapter)
    types = frozenset((pair.head, pair.tail) for pair in card.pairs)
    return PairFinder(judge, types, settings.extraction.pair_sentences)


def _base_of(site: Site, card: AdapterCard) -> Path:
    return ModelStore(site.paths.models).resolve(card.base).path


def _choose_names(
    site: Site, card: AdapterCard, wanted: frozenset[str], names: Path | None
) -> Names | None:
    if not wanted:
        if names is not None:
            raise BadInput(
                "The adapters of --entities find every type already.", "Leave --names out."
            )
        return None
    if names is not None:
        return Names(names.absolute(), tuple(sorted(wanted)), wanted)
    sheet, _ = load_task(site.paths.labels, card.task)
    labels = tuple(entity.name for entity in sheet.entities)
    return Names((site.paths.labels / sheet.vocabulary).absolute(), labels, wanted)
