"""Label sheets and vocabularies: read, checked and explained.

A sheet is `NAME.toml`; the vocabulary it names is a TSV beside it with the columns
`name`, `synonyms`, `abbreviations` (both "|"-separated, may be empty or absent) and `label`
(may be absent where the sheet has one entity type).
"""

import csv
import hashlib
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.records.identifiers import Digest
from appliance.records.tasks import (
    Demonstration,
    DraftMix,
    EntityType,
    LabelSheet,
    RelationType,
    Sensitivity,
    Term,
    Vocabulary,
)
from appliance.settings.validation import explain

MIN_TERMS: Final = 2
_SUM_TOLERANCE: Final = 1e-6

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Entity(_Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    definition: Text
    includes: tuple[Text, ...]
    excludes: tuple[Text, ...]
    examples: Annotated[tuple[Text, ...], Field(min_length=1)]
    counter_examples: tuple[Text, ...] = ()


class _Relation(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    definition: Text
    head: Text
    tail: Text


class _Demonstration(_Strict):
    entities: tuple[Text, ...]
    text: Text
    register_: Annotated[str, Field(alias="register", min_length=1)]


class _Mix(_Strict):
    single: Share
    several: Share
    abbreviation: Share
    none: Share


class _Sheet(_Strict):
    title: Text
    vocabulary: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.tsv$")]
    vocabulary_source: Text
    sensitivity: Literal["public", "internal"] = "internal"
    registers: Annotated[tuple[Text, ...], Field(min_length=1)]
    topics: Annotated[tuple[Text, ...], Field(min_length=1)]
    mix: _Mix
    entity: Annotated[tuple[_Entity, ...], Field(min_length=1)]
    relation: tuple[_Relation, ...] = ()
    demonstration: Annotated[tuple[_Demonstration, ...], Field(min_length=1)]


def list_tasks(labels: Path) -> tuple[str, ...]:
    """Names of all sheets in the directory, sorted."""
    return tuple(sorted(path.stem for path in labels.glob("*.toml")))


def load_task(labels: Path, name: str) -> tuple[LabelSheet, Vocabulary]:
    """The sheet `name` and its vocabulary, checked against each other.

    Raises:
        BadInput: No such sheet, unknown key, missing rule, unusable vocabulary; names the key.
    """
    path = labels / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(list_tasks(labels)) or "none"
        raise BadInput(f"There is no label sheet {name!r}.", f"Sheets of this site: {known}.")
    return load_sheet_file(path)


def load_sheet_file(path: Path) -> tuple[LabelSheet, Vocabulary]:
    """The sheet in `path` and the vocabulary beside it.

    Raises:
        BadInput: See `load_task`.
    """
    content = _read(path)
    try:
        parsed = _Sheet.model_validate(tomllib.loads(content.decode("utf-8")))
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not valid TOML: {error}.", "Mend the line it names.") from None
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error)}.", "Mend or remove that key.") from None
    complaints = list(_complaints(parsed))
    if complaints:
        raise BadInput(f"{path}: {'; '.join(complaints)}.", "Mend the sheet.")
    labels = tuple(entity.name for entity in parsed.entity)
    vocabulary_path = path.with_name(parsed.vocabulary)
    vocabulary = load_vocabulary(vocabulary_path, labels, parsed.vocabulary_source)
    digest = hashlib.sha256(content + b"\x00" + vocabulary.digest.encode()).hexdigest()
    return _to_sheet(path.stem, parsed, Digest(digest)), vocabulary


def load_vocabulary(path: Path, labels: tuple[str, ...], source: str) -> Vocabulary:
    """The vocabulary in the TSV `path`, for the entity types `labels`.

    Raises:
        BadInput: Unreadable, no `name` column, unknown label, or fewer than two terms.
    """
    content = _read(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    if "name" not in (reader.fieldnames or ()):
        raise BadInput(f"{path} has no `name` column.", "Give it a header line with `name`.")
    terms = tuple(_terms(path, reader, labels))
    if len(terms) < MIN_TERMS:
        raise BadInput(
            f"{path} has {len(terms)} term(s); a vocabulary needs at least {MIN_TERMS}.",
            "Add terms: with one name a model can only learn that name.",
        )
    return Vocabulary(source, terms, Digest(hashlib.sha256(content).hexdigest()))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.") from None


def _terms(path: Path, reader: "csv.DictReader[str]", labels: tuple[str, ...]) -> Iterator[Term]:
    for number, row in enumerate(reader, start=2):
        name = (row.get("name") or "").strip()
        if not name:
            continue
        label = (row.get("label") or "").strip() or (labels[0] if len(labels) == 1 else "")
        if label not in labels:
            raise BadInput(
                f"{path}, line {number}: the label is not one of {', '.join(labels)}.",
                "Mend the line or add the entity type to the sheet.",
            )
        yield Term(name, _cells(row.get("synonyms")), _cells(row.get("abbreviations")), label)


def _cells(cell: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (cell or "").split("|") if part.strip())


def _complaints(sheet: _Sheet) -> Iterator[str]:
    names = [entity.name for entity in sheet.entity]
    if len(set(names)) != len(names):
        yield "entity: two types share a name"
    mix = sheet.mix
    if abs(mix.single + mix.several + mix.abbreviation + mix.none - 1) > _SUM_TOLERANCE:
        yield "mix: the four shares must sum to 1"
    for relation in sheet.relation:
        if relation.head not in names or relation.tail not in names:
            yield f"relation.{relation.name}: head and tail must be entity types of this sheet"
    for number, demonstration in enumerate(sheet.demonstration):
        if demonstration.register_ not in sheet.registers:
            yield f"demonstration.{number}: its register is not among the sheet's registers"
        if any(entity not in demonstration.text for entity in demonstration.entities):
            yield f"demonstration.{number}: an entity is not in its text"
    if mix.none > 0 and all(demonstration.entities for demonstration in sheet.demonstration):
        yield "demonstration: mix.none needs one with no entity"


def _to_sheet(name: str, parsed: _Sheet, digest: Digest) -> LabelSheet:
    return LabelSheet(
        name=name,
        title=parsed.title,
        entities=tuple(EntityType(**entity.model_dump()) for entity in parsed.entity),
        relations=tuple(RelationType(**relation.model_dump()) for relation in parsed.relation),
        registers=parsed.registers,
        topics=parsed.topics,
        demonstrations=tuple(
            Demonstration(shown.entities, shown.text, shown.register_)
            for shown in parsed.demonstration
        ),
        mix=DraftMix(**parsed.mix.model_dump()),
        vocabulary=parsed.vocabulary,
        digest=digest,
        sensitivity=Sensitivity(parsed.sensitivity),
    )
