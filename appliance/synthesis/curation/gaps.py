"""What a corpus is known to lack, for its card: told in counts, never in words of the corpus."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from appliance.records.examples import Example
from appliance.records.prompts import DraftKind
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.synthesis.curation.lexicon import Lexicon

# Less than so much of the share that was asked for is a gap.
_SHORT: Final = 0.8
# An entity or relation that fewer examples have is hardly learned.
_FEW: Final = 20


def find_gaps(
    sheet: LabelSheet,
    vocabulary: Vocabulary,
    examples: Sequence[Example],
    kinds: Mapping[DraftKind, int],
) -> dict[str, str]:
    """By what each is about.

    Args:
        sheet: Of the task.
        vocabulary: Of the task.
        examples: The whole corpus.
        kinds: Accepted answers of a model, by the kind of draft.
    """
    found = dict(_thin_kinds(sheet, kinds)) | dict(_thin_labels(sheet, examples))
    unnamed = len(vocabulary.terms) - len(_named(vocabulary, examples))
    if unnamed:
        found["vocabulary"] = f"{unnamed} of {len(vocabulary.terms)} concepts are in no example"
    return found


def _thin_kinds(sheet: LabelSheet, kinds: Mapping[DraftKind, int]) -> list[tuple[str, str]]:
    total = sum(kinds.values())
    if sheet.taught or not total:
        return []
    return [
        (f"sentences: {kind}", f"{kinds.get(DraftKind(kind), 0) / total:.0%}, {share:.0%} asked")
        for kind, share in asdict(sheet.mix).items()
        if kinds.get(DraftKind(kind), 0) < _SHORT * share * total
    ]


def _thin_labels(sheet: LabelSheet, examples: Sequence[Example]) -> list[tuple[str, str]]:
    spans = Counter(label for one in examples for label in {span.label for span in one.spans})
    pairs = Counter(label for one in examples for label in {pair.label for pair in one.relations})
    labels = [(entity.name, spans) for entity in sheet.entities]
    labels += [(relation.name, pairs) for relation in sheet.taught]
    return [
        (f"label {name}", f"{counts[name]} examples")
        for name, counts in labels
        if counts[name] < _FEW
    ]


def _named(vocabulary: Vocabulary, examples: Sequence[Example]) -> set[int]:
    lexicon = Lexicon(vocabulary)
    return {match.concept for one in examples for match in lexicon.find(one.text)}
