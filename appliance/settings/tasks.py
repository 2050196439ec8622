"""Label sheets and vocabularies: read, checked and explained.

A sheet is `NAME.toml`; the vocabulary it names is a TSV beside it with the columns
`name`, `synonyms`, `abbreviations` (both "|"-separated, may be empty or absent) and `label`
(may be absent where the sheet has one entity type).
"""

import csv
import hashlib
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import BadInput
from appliance.records.identifiers import Digest
from appliance.records.tasks import (
    INVENTED_SLOTS,
    OPENING_CODES,
    OPENING_SLOTS,
    Composition,
    Demonstration,
    DraftMix,
    EntityType,
    LabelSheet,
    Openings,
    Sensitivity,
    Term,
    Vocabulary,
    is_short_form,
)
from appliance.settings.relations import (
    HEAD,
    TAIL,
    SheetRelation,
    is_written,
    relation_complaints,
    slots_of,
    to_relation,
)
from appliance.settings.validation import explain, without_unknown

MIN_TERMS: Final = 2
_SUM_TOLERANCE: Final = 1e-6
_COLUMNS: Final = ("name", "synonyms", "abbreviations", "label")
# How many faults of a vocabulary one complaint names.
_FAULTS: Final = 10
# Where csv puts the cells that are beyond the header's columns.
_BEYOND: Final = ""
_Row = tuple[int, dict[str, str]]

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Words = Annotated[tuple[Text, ...], Field(min_length=1)]

# How many entities an opening names.
_OPENING_COUNTS: Final = {"single": (1,), "several": (2, 3), "abbreviation": (1, 2), "none": (0,)}
_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_BRACES: Final = re.compile(r"[{}]")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Entity(_Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    definition: Text
    includes: tuple[Text, ...]
    excludes: tuple[Text, ...]
    examples: Annotated[tuple[Text, ...], Field(min_length=1)]
    counter_examples: tuple[Text, ...] = ()


class _Demonstration(_Strict):
    entities: tuple[Text, ...]
    text: Text
    register_: Annotated[str, Field(alias="register", min_length=1)]


class _Mix(_Strict):
    single: Share
    several: Share
    abbreviation: Share
    none: Share


class _Openings(_Strict):
    single: tuple[Text, ...] = ()
    several: tuple[Text, ...] = ()
    abbreviation: tuple[Text, ...] = ()
    none: tuple[Text, ...] = ()


class _Compose(_Strict):
    variants: Annotated[int, Field(ge=0, le=20)] = 0
    lines: Annotated[float, Field(ge=0, le=20)] = 0.0
    frames: tuple[Text, ...] = ()
    slots: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Words] = {}


class _Sheet(_Strict):
    title: Text
    vocabulary: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.tsv$")]
    vocabulary_source: Text
    sensitivity: Literal["public", "internal"] = "internal"
    registers: Annotated[tuple[Text, ...], Field(min_length=1)]
    topics: Annotated[tuple[Text, ...], Field(min_length=1)]
    attributes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")], Words] = {}
    mix: _Mix
    openings: _Openings = _Openings()
    compose: _Compose = _Compose()
    entity: Annotated[tuple[_Entity, ...], Field(min_length=1)]
    relation: tuple[SheetRelation, ...] = ()
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
    content = _read(path, "Name a label sheet that this user may read.")
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not valid TOML: {error}.", "Mend the line it names.") from None
    try:
        parsed = _Sheet.model_validate(document)
    except ValidationError as error:
        complaints = [explain(error), *_faults_beside(document, error)]
        raise BadInput(f"{path}: {'; '.join(complaints)}.", "Mend or remove that key.") from None
    faults = list(_complaints(parsed))
    labels = tuple(entity.name for entity in parsed.entity)
    vocabulary_path = path.with_name(parsed.vocabulary)
    try:
        vocabulary = load_vocabulary(vocabulary_path, labels, parsed.vocabulary_source, strict=True)
    except BadInput as error:
        if not faults:
            raise
        raise BadInput(f"{path}: {'; '.join(faults)}. {error.what}", "Mend both files.") from None
    if faults := [*faults, *_slot_complaints(parsed.compose, vocabulary)]:
        raise BadInput(f"{path}: {'; '.join(faults)}.", "Mend the sheet.")
    for name in _without_names(parsed, vocabulary):
        raise BadInput(
            f"{vocabulary_path} has fewer than {MIN_TERMS} terms of {name}, which is an end of a "
            "relation.",
            "Add terms of that label.",
        )
    digest = hashlib.sha256(content + b"\x00" + vocabulary.digest.encode()).hexdigest()
    return _to_sheet(path.stem, parsed, Digest(digest)), vocabulary


def load_vocabulary(
    path: Path, labels: tuple[str, ...], source: str, *, strict: bool = False
) -> Vocabulary:
    """The vocabulary in the TSV `path`, for the entity types `labels`.

    Args:
        path: A TSV file.
        labels: Entity types of the task.
        source: Where it comes from, with its licence.
        strict: Whether columns that nobody reads and names that stand twice are refused: in a
            sheet's own vocabulary they are mistakes, in a public list they are not ours to mend.

    Raises:
        BadInput: Unreadable, no `name` column, unknown label, or fewer than two terms.
    """
    content = _read(path, "Put the vocabulary there, or mend the name that was given for it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    reader = csv.DictReader(
        io.StringIO(text), restkey=_BEYOND, delimiter="\t", quoting=csv.QUOTE_NONE
    )
    if "name" not in (reader.fieldnames or ()):
        raise BadInput(f"{path} has no `name` column.", "Give it a header line with `name`.")
    rows = [(reader.line_num, row) for row in reader]
    if strict:
        _check_rows(path, reader.fieldnames or (), rows)
    terms = tuple(_terms(path, rows, labels))
    if len(terms) < MIN_TERMS:
        raise BadInput(
            f"{path} has {len(terms)} term(s); a vocabulary needs at least {MIN_TERMS}.",
            "Add terms: with one name a model can only learn that name.",
        )
    return Vocabulary(source, terms, Digest(hashlib.sha256(content).hexdigest()))


def _read(path: Path, next_step: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}.", next_step) from None


def _check_rows(path: Path, columns: Sequence[str], rows: Sequence[_Row]) -> None:
    faults = list(_row_faults(columns, rows))
    if not faults:
        return
    more = f"; and {len(faults) - _FAULTS} more" if len(faults) > _FAULTS else ""
    raise BadInput(
        f"{path}: {'; '.join(faults[:_FAULTS])}{more}.",
        "Mend these lines: one line for each name, its columns split by TAB.",
    )


def _row_faults(columns: Sequence[str], rows: Sequence[_Row]) -> Iterator[str]:
    """What is wrong line by line; names are told by where they stand first."""
    for column in columns:
        if column not in _COLUMNS:
            yield f"line 1: column {column!r} is not one of {', '.join(_COLUMNS)}"
        elif columns.count(column) > 1:
            yield f"line 1: column {column!r} stands twice"
    seen: dict[tuple[str, str], int] = {}
    for number, row in rows:
        if any(row.get(_BEYOND) or ()):
            yield f"line {number}: more columns than the header"
        name = (row.get("name") or "").strip()
        if not name and any(row.values()):
            yield f"line {number}: no name"
        first = seen.setdefault((name.casefold(), (row.get("label") or "").strip()), number)
        if name and first != number:
            yield f"line {number}: the name of line {first} again"


def _terms(path: Path, rows: Sequence[_Row], labels: tuple[str, ...]) -> Iterator[Term]:
    for number, row in rows:
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


def _faults_beside(document: dict[str, Any], error: ValidationError) -> list[str]:
    """What is wrong beside unknown keys; nothing where keys are missing or of another form."""
    without_unknown(document, error)
    try:
        return list(_complaints(_Sheet.model_validate(document)))
    except ValidationError:
        return []


def _complaints(sheet: _Sheet) -> Iterator[str]:
    names = [entity.name for entity in sheet.entity]
    if len(set(names)) != len(names):
        yield "entity: two types share a name"
    mix = sheet.mix
    if abs(mix.single + mix.several + mix.abbreviation + mix.none - 1) > _SUM_TOLERANCE:
        yield "mix: the four shares must sum to 1"
    relations = [relation.name for relation in sheet.relation]
    if len(set(relations)) != len(relations):
        yield "relation: two types share a name"
    for relation in sheet.relation:
        slots = sheet.compose.slots
        yield from relation_complaints(relation, names, sheet.registers, slots)
    if taken := sorted({HEAD, TAIL} & {*sheet.compose.slots, *names}):
        yield f"{', '.join(taken)}: a slot of pairs, no name for an entity type or another slot"
    yield from _entity_complaints(sheet.entity)
    yield from _unused_complaints(sheet)
    yield from _demonstration_complaints(sheet)
    yield from _opening_complaints(sheet.openings)
    yield from _frame_complaints(sheet.compose, names)


def _entity_complaints(entities: Sequence[_Entity]) -> Iterator[str]:
    for entity in entities:
        counted = set(map(_fold, entity.examples))
        if both := [name for name in entity.counter_examples if _fold(name) in counted]:
            yield f"entity {entity.name}: example and counter-example too: {', '.join(both)}"


def _fold(surface: str) -> str:
    """Capitals matter in abbreviations: "ALL" is not "all"."""
    return surface if is_short_form(surface) else surface.casefold()


def _unused_complaints(sheet: _Sheet) -> Iterator[str]:
    used = set(_SLOT.findall(" ".join(sheet.compose.frames))).union(*map(slots_of, sheet.relation))
    for slot in sorted(sheet.compose.slots.keys() - used):
        yield f"compose.slots.{slot}: no frame has that slot"


def _demonstration_complaints(sheet: _Sheet) -> Iterator[str]:
    for number, demonstration in enumerate(sheet.demonstration, 1):
        if demonstration.register_ not in sheet.registers:
            yield f"demonstration {number}: its register is not among the sheet's registers"
        for entity in demonstration.entities:
            if not is_written(entity, demonstration.text):
                yield f"demonstration {number}: {entity!r} is not so written in its text"
    if sheet.mix.none > 0 and all(shown.entities for shown in sheet.demonstration):
        yield "demonstration: mix.none needs one with no entity"


def _opening_complaints(openings: _Openings) -> Iterator[str]:
    for kind, counts in _OPENING_COUNTS.items():
        for number, opening in enumerate(getattr(openings, kind), 1):
            slots = [slot for slot in _SLOT.findall(opening) if slot not in OPENING_CODES]
            found = sorted(slot.replace("First", "first") for slot in slots)
            if found not in [sorted(OPENING_SLOTS[:count]) for count in counts]:
                allowed = [" ".join(OPENING_SLOTS[:count]) or "none" for count in counts]
                yield f"openings.{kind} {number}: its slots must be {' or '.join(allowed)}"
            if _BRACES.search(_SLOT.sub("", opening)):
                yield f"openings.{kind} {number}: a brace without its partner"


def _frame_complaints(compose: _Compose, entities: Sequence[str]) -> Iterator[str]:
    forms = {f"{name}{form}" for name in entities for form in ("", ".short", ".long")}
    known = {*INVENTED_SLOTS, *compose.slots, *forms}
    for number, frame in enumerate(compose.frames, 1):
        unknown = sorted(set(_SLOT.findall(frame)) - known)
        if unknown:
            yield f"compose.frames {number}: no such slot: {', '.join(unknown)}"
        if _BRACES.search(_SLOT.sub("", frame)):
            yield f"compose.frames {number}: a brace without its partner"
    if taken := sorted(INVENTED_SLOTS & set(compose.slots)):
        yield f"compose.slots: {', '.join(taken)} would hide what is invented under that name"
    for slot, words in compose.slots.items():
        if any(map(_BRACES.search, words)):
            yield f"compose.slots.{slot}: a slot's words are taken as they are; no slot in them"
    if compose.lines and not compose.frames:
        yield "compose.lines: there is no frame to make lines of"


def _slot_complaints(compose: _Compose, vocabulary: Vocabulary) -> Iterator[str]:
    """A word of a slot that the vocabulary calls an entity would be taught as none."""
    # Capitals matter in abbreviations: "mg" is not "MG".
    short = {surface for term in vocabulary.terms for surface in term.abbreviations}
    names = {
        surface.casefold() for term in vocabulary.terms for surface in (term.name, *term.synonyms)
    }
    for slot, words in compose.slots.items():
        if wrong := sorted(word for word in words if word in short or word.casefold() in names):
            yield f"compose.slots.{slot}: in the vocabulary too: {', '.join(wrong)}"


def _without_names(sheet: _Sheet, vocabulary: Vocabulary) -> list[str]:
    """Ends of taught relations that the vocabulary can't fill."""
    counted = Counter(term.label for term in vocabulary.terms)
    ends = {end for one in sheet.relation if one.example for end in (one.head, one.tail)}
    return sorted(end for end in ends if counted[end] < MIN_TERMS)


def _to_sheet(name: str, parsed: _Sheet, digest: Digest) -> LabelSheet:
    return LabelSheet(
        name=name,
        title=parsed.title,
        entities=tuple(EntityType(**entity.model_dump()) for entity in parsed.entity),
        relations=tuple(map(to_relation, parsed.relation)),
        registers=parsed.registers,
        topics=parsed.topics,
        demonstrations=tuple(
            Demonstration(shown.entities, shown.text, shown.register_)
            for shown in parsed.demonstration
        ),
        mix=DraftMix(**parsed.mix.model_dump()),
        composition=Composition(**parsed.compose.model_dump()),
        vocabulary=parsed.vocabulary,
        digest=digest,
        sensitivity=Sensitivity(parsed.sensitivity),
        openings=Openings(**parsed.openings.model_dump()),
        attributes=parsed.attributes,
    )
