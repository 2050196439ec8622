"""Label sheets: which there are, what one says, and whether it is well-formed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import digest_file
from appliance.artifacts.reading import read_utf8
from appliance.artifacts.writing import check_absent, check_writable, write_atomically
from appliance.errors import BadInput
from appliance.learning.evaluation.apart import check_apart
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.labels import read_renames
from appliance.records.identifiers import Digest
from appliance.records.tasks import LabelSheet, Term, Vocabulary
from appliance.settings.policies import shipped_policies
from appliance.settings.site import find_site
from appliance.settings.tasks import list_tasks, load_sheet_file, load_task
from appliance.settings.vocabularies.selection import Selection, from_tsv, select_terms, to_tsv
from appliance.settings.vocabularies.sources import FORMATS, read_concepts
from appliance.synthesis.curation.doubts import Doubt, doubts_about

TERMINOLOGIES = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """A well-formed label sheet in counts.

    Attributes:
        name: The task.
        title: For people.
        digest: Of sheet and vocabulary.
        entities: Entity types.
        relations: Relation types.
        terms: Entity type to count of concepts in the vocabulary.
        surfaces: Names, synonyms and abbreviations, all together.
        registers: Count of style registers.
        topics: Count of topics for sentences without an entity.
        demonstrations: Count.
        source: Of the vocabulary, with its licence.
        pair_examples: Relation type to count of example sentences; those that are taught.
    """

    name: str
    title: str
    digest: Digest
    entities: tuple[str, ...]
    relations: tuple[str, ...]
    terms: dict[str, int]
    surfaces: int
    registers: int
    topics: int
    demonstrations: int
    source: str
    pair_examples: dict[str, int]


@dataclass(frozen=True, slots=True)
class TaskList:
    """The label sheets there are.

    Attributes:
        sheets: Those that are well-formed, in name order.
        broken: Name of every other one to what is wrong with it.
    """

    sheets: tuple[TaskSummary, ...]
    broken: dict[str, str]


@dataclass(frozen=True, slots=True)
class Gold:
    """Texts that an adapter will be scored on: no vocabulary is made from them.

    Attributes:
        files: See `read_gold`.
        renames: Labels of the gold as GOLD=OURS, see `read_renames`.
    """

    files: tuple[Path, ...] = ()
    renames: tuple[str, ...] = ()

    def check_apart(self, labels: Sequence[str], terms: Sequence[Term]) -> None:
        """The terms were made from none of the files.

        Raises:
            BadInput: They look so, or a file is malformed; names the file.
        """
        renames = read_renames(self.renames)
        for file in self.files:
            documents = read_gold(file, labels, renames)
            try:
                check_apart(terms, documents)
            except BadInput as error:
                raise BadInput(f"{file.name}: {error.what}", error.next_step) from None


NO_GOLD: Final = Gold()


def validate(name_or_file: str, site: Path | None = None, gold: Gold = NO_GOLD) -> TaskSummary:
    """The sheet is well-formed, and its vocabulary fits it.

    Args:
        name_or_file: A task's name, or the path of a sheet (it ends in `.toml`).
        site: Whose sheets a name is looked up in; the shipped ones if left out.
        gold: What the task will be scored on.

    Raises:
        BadInput: No such sheet, or what is wrong with it; or its vocabulary looks made from gold.
        SiteError: There is no site there.
    """
    sheet, vocabulary = _load(name_or_file, site)
    gold.check_apart([entity.name for entity in sheet.entities], vocabulary.terms)
    return summarise(sheet, vocabulary)


def find_doubts(name_or_file: str, site: Path | None = None) -> tuple[Doubt, ...]:
    """Where a well-formed sheet contradicts itself or its vocabulary; none of it is refused.

    Raises:
        BadInput: As `validate`.
        SiteError: There is no site there.
    """
    return doubts_about(*_load(name_or_file, site))


def show(name_or_file: str, site: Path | None = None) -> LabelSheet:
    """The whole sheet.

    Raises:
        BadInput: As `validate`.
        SiteError: There is no site there.
    """
    sheet, _ = _load(name_or_file, site)
    return sheet


def list_all(site: Path | None = None) -> TaskList:
    """Every sheet of the site, or of the product; one that is broken hides no other.

    Raises:
        SiteError: There is no site there.
    """
    labels = labels_of(site)
    sheets: list[TaskSummary] = []
    broken: dict[str, str] = {}
    for name in list_tasks(labels):
        try:
            sheets.append(summarise(*load_task(labels, name)))
        except BadInput as error:
            broken[name] = error.what
    return TaskList(tuple(sheets), broken)


def is_of_site(name_or_file: str, site: Path) -> bool:
    """Whether the sheet is one of the site's own, whose vocabulary its gate knows.

    Raises:
        SiteError: There is no site there.
    """
    if not name_or_file.endswith(".toml"):
        return True
    return Path(name_or_file).resolve().parent == labels_of(site).resolve()


def labels_of(site: Path | None) -> Path:
    """The directory of sheets of a site, or of the product where no site is named."""
    return shipped_policies() / "labels" if site is None else find_site(site).labels


def summarise(sheet: LabelSheet, vocabulary: Vocabulary) -> TaskSummary:
    """Counts of a sheet and its vocabulary."""
    return TaskSummary(
        name=sheet.name,
        title=sheet.title,
        digest=sheet.digest,
        entities=tuple(entity.name for entity in sheet.entities),
        relations=tuple(relation.name for relation in sheet.relations),
        terms=dict(Counter(term.label for term in vocabulary.terms)),
        surfaces=sum(len(term.surfaces) for term in vocabulary.terms),
        registers=len(sheet.registers),
        topics=len(sheet.topics),
        demonstrations=len(sheet.demonstrations),
        source=vocabulary.source,
        pair_examples={
            relation.name: len(relation.teaching.examples)
            for relation in sheet.taught
            if relation.teaching
        },
    )


@dataclass(frozen=True, slots=True)
class VocabularyFile:
    """A vocabulary made from a terminology.

    Attributes:
        file: Where it is, or would be.
        concepts: Entries of the terminology.
        terms: Entries of the vocabulary.
        known: Of them, those that the file had before; they are not added again.
        synonyms: Other names in it.
        abbreviations: Abbreviations in it.
        digest: Of the terminology's file, for the sheet's `vocabulary_source`.
    """

    file: Path
    concepts: int
    terms: int
    known: int
    synonyms: int
    abbreviations: int
    digest: Digest


def make_vocabulary(
    source: Path,
    form: str,
    selection: Selection,
    out: Path,
    *,
    append: bool = False,
    gold: Gold = NO_GOLD,
    dry_run: bool = False,
) -> VocabularyFile:
    """The selected part of a terminology is at `out`, as a label sheet reads it.

    Args:
        source: The terminology's file.
        form: One of `FORMATS`.
        selection: What of it.
        out: A .tsv, not there yet.
        append: Whether it is there, and this goes behind what it holds: of another entity type.
        gold: What the task will be scored on.
        dry_run: Count only.

    Raises:
        BadInput: `source` is not of that format, nothing is selected, `out` can't be written, or
            what would stand there looks made from gold.
    """
    before = _read_vocabulary(out) if append else ""
    if not append:
        check_absent(out)
    check_writable(out)
    concepts = read_concepts(source, form)
    terms = select_terms(concepts, selection)
    content, known = to_tsv(terms), 0
    if append:
        header, _, rows = content.partition("\n")
        if before.partition("\n")[0] != header:
            raise BadInput(
                f"{out} has other columns than a vocabulary made here.",
                f"Give it the header line {' '.join(header.split())}, split by TABs.",
            )
        held = set(before.splitlines())
        added = [row for row in rows.splitlines() if row not in held]
        known = len(terms) - len(added)
        content = "\n".join([before.rstrip("\n"), *added]) + "\n"
    gold.check_apart([selection.label], from_tsv(content))
    if not dry_run:
        write_atomically(out, content.encode(), mode=0o644)
    return VocabularyFile(
        file=out,
        concepts=len(concepts),
        terms=len(terms),
        known=known,
        synonyms=sum(len(term.synonyms) for term in terms),
        abbreviations=sum(len(term.abbreviations) for term in terms),
        digest=digest_file(source),
    )


def _read_vocabulary(path: Path) -> str:
    if not path.is_file():
        raise BadInput(f"There is no {path} to add to.", "Leave --append out.")
    return read_utf8(path)


def _load(name_or_file: str, site: Path | None) -> tuple[LabelSheet, Vocabulary]:
    if name_or_file.endswith(".toml"):
        return load_sheet_file(Path(name_or_file))
    return load_task(labels_of(site), name_or_file)
