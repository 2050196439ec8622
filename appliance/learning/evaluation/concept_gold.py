"""Gold pairs of concepts: what a document relates, judged where two of its mentions are nearest."""

import itertools
from dataclasses import replace
from pathlib import Path

from appliance.artifacts.reading import read_utf8
from appliance.errors import BadInput
from appliance.learning.evaluation.labels import LEFT_OUT, RelationLabels
from appliance.learning.evaluation.pubtator_gold import Annotated, read_pubtator
from appliance.records.gold import GoldDocument
from appliance.records.spans import UNRELATED, Relation


def read_concept_pairs(path: Path, labels: RelationLabels) -> tuple[GoldDocument, ...]:
    """The documents of a PubTator file, each with one decision for every two of its concepts.

    Args:
        path: The file.
        labels: Of the task. Relations between types that it joins by nothing are not judged.

    Raises:
        BadInput: See `read_pubtator`; or a relation's label is unknown, or there is no pair.
    """
    documents = []
    for one in read_pubtator(path, read_utf8(path), labels.ends):
        spans = one.document.spans
        nearest = _nearest_mentions(one, labels)
        stated: dict[tuple[int, int], str] = {}
        for given, first, second in one.related:
            ends = nearest.get(frozenset((first, second)))
            if labels.possible(given) is None:
                raise BadInput(
                    f"{path.name}, the document at line {one.line}: a relation's label is not one "
                    f"of the task's: {labels}.",
                    "Say what it stands for with --map GOLD=OURS, or leave it out: --map GOLD=.",
                )
            # A concept without a mention, or of types that the task joins by nothing.
            if ends is None:
                continue
            if first not in one.concepts[ends[0]]:
                ends = ends[::-1]
            try:
                labels.state(stated, spans, ends, given)
            except ValueError:
                stated.setdefault(ends, LEFT_OUT)
        named = {frozenset(ends) for ends in stated}
        for ends in nearest.values():
            if frozenset(ends) not in named:
                stated[ends] = UNRELATED
        relations = [Relation(*at, label) for at, label in sorted(stated.items()) if label]
        documents.append(replace(one.document, relations=tuple(relations)))
    if not any(document.relations for document in documents):
        raise BadInput(f"{path.name} holds no pair.", "Name a file with annotated pairs.")
    return tuple(documents)


def _nearest_mentions(
    one: Annotated, labels: RelationLabels
) -> dict[frozenset[str], tuple[int, int]]:
    """Two concepts of types that a relation joins to the pair of mentions that stand nearest."""
    spans = one.document.spans
    found: dict[frozenset[str], tuple[int, int]] = {}
    nearest: dict[frozenset[str], int] = {}
    for head, tail in itertools.permutations(range(len(spans)), 2):
        types = spans[head].label, spans[tail].label
        if types not in labels.types or (types[0] == types[1] and head > tail):
            continue
        distance = max(spans[head].start - spans[tail].end, spans[tail].start - spans[head].end)
        for first, second in itertools.product(one.concepts[head], one.concepts[tail]):
            key = frozenset((first, second))
            if first != second and distance < nearest.get(key, distance + 1):
                found[key], nearest[key] = (head, tail), distance
    return found
