"""Benchmark: the paper's table with our own models, on gold that the operator names.

Two ways to the same labels: a language model that reads the text itself, and a small adapter
that was trained on what the language model invented. Gold texts go to a model of this machine
only, through the gate like every other prompt.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.labels import read_renames
from appliance.learning.evaluation.naming import find_names
from appliance.learning.evaluation.score import score
from appliance.learning.tokens.bio import entity_types
from appliance.records.cards import AdapterCard, HeadKind
from appliance.records.events import Fact
from appliance.records.gold import GoldDocument
from appliance.records.progress import Progress
from appliance.records.prompts import Draft
from appliance.records.scores import DirectArm, PaperEntities, PaperRelations, PaperTable
from appliance.records.spans import UNRELATED, Relation, Span
from appliance.records.tasks import LabelSheet, RelationType
from appliance.settings.tasks import load_task
from appliance.synthesis.prompting.questions import Questions, read_names, read_yes
from appliance.workflows.asking import Answers, ask_locally
from appliance.workflows.compare import find_adapter
from appliance.workflows.evaluate import DICTIONARY, check_apart_from, evaluate_documents
from appliance.workflows.evaluate_relations import (
    always_yes,
    digest_of,
    label_pairs,
    read_gold_of,
    score_labels_of_pairs,
)
from appliance.workflows.site import Site, open_site

# Tang et al. 2023, arXiv 2303.04360, abstract: averages over its own test sets, other models.
PUBLISHED: Final = {"entities": (23.37, 63.99), "relations": (75.86, 83.59)}
# How corpora mask a name.
_MASK: Final = re.compile(r"@([A-Za-z][A-Za-z0-9_]*)\$")


@dataclass(frozen=True, slots=True)
class Arm:
    """One row that is wanted.

    Attributes:
        adapter: Its name.
        gold: To score it on.
        renames: Labels of the gold as GOLD=OURS, see `read_renames`.
    """

    adapter: str
    gold: Path
    renames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides.

    Attributes:
        limit: Texts of each file that are scored; None scores all.
        shots: Answered questions about the sheet's own sentences before each question.
        seed: Of both.
    """

    limit: int | None = None
    shots: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A row whose parts are all there."""

    directory: Path
    card: AdapterCard
    sheet: LabelSheet
    gold: str
    documents: tuple[GoldDocument, ...]
    of: int
    questions: tuple[Draft, ...]


def paper(
    root: Path,
    *,
    entities: Arm | None,
    relations: Arm | None,
    draw: Draw | None = None,
    progress: Progress,
) -> PaperTable:
    """Both ways, side by side, on the same texts.

    Args:
        root: The site.
        entities: Gold spans with an adapter of entities; None leaves the row out.
        relations: Gold pairs with an adapter of relations; None leaves the row out.
        draw: Which texts are scored, and what the model is shown; None scores all, shows nothing.
        progress: Told of the engine's start and of every step.

    Raises:
        BadInput: No row is wanted, or an adapter or gold can't be used.
        Denied: The policy allows no model of this machine.
        BackendUnavailable: The engine could not be started, or died.
    """
    if entities is None and relations is None:
        raise BadInput(
            "There is nothing to measure.",
            "Name --ner-gold with --ner-adapter, or --re-gold with --re-adapter.",
        )
    site = open_site(root)
    # What can't be used is told before an engine is started.
    draw = draw or Draw()
    spans = _prepare_entities(site, entities, draw) if entities else None
    pairs = _prepare_relations(site, relations, draw) if relations else None
    wanted = [row for row in (spans, pairs) if row is not None]
    answers = ask_locally(site, [one for row in wanted for one in row.questions], progress)
    at, end = len(spans.questions) if spans else 0, len(answers.texts)
    table = PaperTable(
        entities=_score_entities(site, spans, answers.part(0, at), progress) if spans else None,
        relations=(
            _score_relations(site, pairs, answers.part(at, end), progress) if pairs else None
        ),
        shots=draw.shots,
        seed=draw.seed,
        published=dict(PUBLISHED),
    )
    _record(site, table, spans, pairs)
    return table


def _prepare_entities(site: Site, arm: Arm, draw: Draw) -> _Prepared:
    directory = find_adapter(site, arm.adapter)
    card, _ = read_adapter(directory)
    require_kind(card, HeadKind.ENTITIES)
    sheet, vocabulary = load_task(site.paths.labels, card.task)
    whole = read_gold(arm.gold, entity_types(card.labels), read_renames(arm.renames))
    check_apart_from(site, card, whole)
    documents = _draw(whole, draw.limit, draw.seed)
    ask = Questions(sheet, vocabulary, draw.shots, draw.seed)
    questions = tuple(
        ask.ask_entities(entity, document.text)
        for document in documents
        for entity in sheet.entities
    )
    return _Prepared(directory, card, sheet, arm.gold.name, documents, len(whole), questions)


def _prepare_relations(site: Site, arm: Arm, draw: Draw) -> _Prepared:
    directory = find_adapter(site, arm.adapter)
    card, _ = read_adapter(directory)
    whole = read_gold_of(card, arm.gold, read_renames(arm.renames))
    sheet, vocabulary = load_task(site.paths.labels, card.task)
    documents = _draw(whole, draw.limit, draw.seed)
    ask = Questions(sheet, vocabulary, draw.shots, draw.seed)
    questions = tuple(
        ask.ask_relation(relation, *_ask_about(document, pair))
        for document in documents
        for pair in document.relations
        for relation in _fitting(sheet, document, pair)
    )
    return _Prepared(directory, card, sheet, arm.gold.name, documents, len(whole), questions)


def _score_entities(
    site: Site, row: _Prepared, answers: Answers, progress: Progress
) -> PaperEntities:
    texts = iter(answers.texts)
    found: list[tuple[Span, ...]] = []
    for document in row.documents:
        names = [
            (name, entity.name)
            for entity in row.sheet.entities
            for name in read_names(next(texts) or "")
        ]
        found.append(find_names(document.text, names))
    name = row.card.name
    # The whole file was checked; a few texts of it may well hold common names only.
    trained = evaluate_documents(site, name, row.documents, row.gold, progress, is_independent=True)
    return PaperEntities(
        gold=row.gold,
        documents=len(row.documents),
        of=row.of,
        direct=score(row.documents, found),
        asked=_arm(answers),
        adapter=name,
        trained=trained.overall,
        dictionary=trained.baselines[DICTIONARY],
    )


def _score_relations(
    site: Site, row: _Prepared, answers: Answers, progress: Progress
) -> PaperRelations:
    texts = iter(answers.texts)
    said: list[tuple[str, ...]] = []
    for document in row.documents:
        labels: list[str] = []
        for pair in document.relations:
            asked = _fitting(row.sheet, document, pair)
            yes = [one.name for one in asked if read_yes(next(texts) or "")]
            # Asked of several relations, the first that it affirms is its answer.
            labels.append((yes or [UNRELATED])[0])
        said.append(tuple(labels))
    trained = label_pairs(site, row.directory, row.documents, progress)
    progress.end("relations scored")
    return PaperRelations(
        gold=row.gold,
        documents=len(row.documents),
        of=row.of,
        direct=score_labels_of_pairs(row.documents, said, row.card),
        asked=_arm(answers),
        adapter=row.card.name,
        trained=score_labels_of_pairs(row.documents, trained, row.card),
        always_yes=score_labels_of_pairs(
            row.documents, always_yes(row.documents, row.card), row.card
        ),
    )


def _draw(
    documents: tuple[GoldDocument, ...], limit: int | None, seed: int
) -> tuple[GoldDocument, ...]:
    """At most `limit` of them, in their order."""
    if limit is None or limit >= len(documents):
        return documents
    chosen = sorted(random.Random(f"gold {seed}").sample(range(len(documents)), limit))
    return tuple(documents[at] for at in chosen)


def _fitting(sheet: LabelSheet, document: GoldDocument, pair: Relation) -> tuple[RelationType, ...]:
    """Relations that may join two entities of these types."""
    ends = (document.spans[pair.head].label, document.spans[pair.tail].label)
    return tuple(one for one in sheet.taught if (one.head, one.tail) == ends)


def _ask_about(document: GoldDocument, pair: Relation) -> tuple[str, str, str]:
    """Head, tail and text, as a question holds them.

    "@GENE$" is written as GENE: to the gate a mask is somebody's handle, and rightly so.
    """
    text = document.text
    one, two = (document.spans[at] for at in (pair.head, pair.tail))
    head, tail = text[one.start : one.end], text[two.start : two.end]
    return _MASK.sub(r"\1", head), _MASK.sub(r"\1", tail), _MASK.sub(r"\1", text)


def _arm(answers: Answers) -> DirectArm:
    denied = sum(answers.was_denied)
    silent = sum(text is None for text in answers.texts)
    return DirectArm(answers.model, len(answers.texts), denied, silent - denied)


def _record(
    site: Site, table: PaperTable, spans: _Prepared | None, pairs: _Prepared | None
) -> None:
    facts: dict[str, Fact] = {"seed": table.seed, "shots": table.shots}
    if spans and table.entities:
        facts["entities_gold"] = digest_of(spans.documents)
        facts["entities_direct_f1"] = round(table.entities.direct.f1, 4)
        facts["entities_trained_f1"] = round(table.entities.trained.f1, 4)
    if pairs and table.relations:
        facts["relations_gold"] = digest_of(pairs.documents)
        facts["relations_direct_f1"] = round(table.relations.direct.positive_f1.value, 4)
        facts["relations_trained_f1"] = round(table.relations.trained.positive_f1.value, 4)
    site.ledger.record("benchmark.paper", facts)
