"""A corpus that people went over: examples kept, labelled anew, or left out; no text of their own.

What people hand in is held against the corpus it came from. So every text of the new corpus is
one whose making is on record.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.errors import BadInput
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example, Origin
from appliance.records.identifiers import Digest, ExampleId
from appliance.synthesis.curation.curator import example_id

_TRUSTED: Final = 1.0
# A person marks a part of a word now and then; shifted offsets cut nearly all.
_MOST_CUT: Final = 0.1


@dataclass(frozen=True, slots=True)
class CutWords:
    """Spans that begin or end inside a word: most often offsets that are counted otherwise.

    Attributes:
        spans: How many.
        first: The first example that has one, counted from 1.
    """

    spans: int
    first: int


def relabel(
    base: Sequence[Example],
    handed_in: Iterable[Example],
    labels: Sequence[str],
    relations: Sequence[str],
) -> list[Example]:
    """The examples of `base` that were handed in, labelled as they are there.

    What a person labelled anew has weight 1 and an id of its own; all else is as in `base`.

    Args:
        base: The corpus that went out.
        handed_in: What came back, in any order.
        labels: Entity types of the task.
        relations: Its relation types.

    Raises:
        BadInput: A text is not in `base`, stands there twice, or a label is none of the task's;
            names the example by number.
    """
    known = {example.text: example for example in base}
    taken: dict[str, Example] = {}
    for number, example in enumerate(handed_in, start=1):
        before = known.get(example.text)
        if before is None:
            raise BadInput(
                f"The text of example {number} is not in the corpus it is said to come from.",
                "Change labels only: a text whose making is not on record can't be taken in.",
            )
        if example.text in taken:
            raise BadInput(
                f"Example {number} has the text of one before it.", "Hand in each text once."
            )
        used = {span.label for span in example.spans}
        named = {relation.label for relation in example.relations}
        if used - {*labels} or named - {*relations}:
            raise BadInput(
                f"Example {number} has a label that the task does not have.",
                f"Labels of the task: {', '.join((*labels, *relations))}.",
            )
        taken[example.text] = _relabelled(before, example)
    return [taken[example.text] for example in base if example.text in taken]


def find_cut_words(base: Sequence[Example], handed_in: Sequence[Example]) -> CutWords | None:
    """Spans that were handed in and begin or end between two letters of one word; None for none.

    Those of the corpus that went out do not count, nor do scripts without capitals, of which some
    write words without spaces.

    Raises:
        BadInput: More than one in ten spans does so; names the first example.
    """
    known = {example.text: frozenset(example.spans) for example in base}
    cut = [
        sum(
            span not in known.get(example.text, ())
            and (_is_inside(example.text, span.start) or _is_inside(example.text, span.end))
            for span in example.spans
        )
        for example in handed_in
    ]
    if not any(cut):
        return None
    spans = sum(len(example.spans) for example in handed_in)
    found = CutWords(sum(cut), next(number for number, count in enumerate(cut, 1) if count))
    if found.spans > _MOST_CUT * spans:
        raise BadInput(
            f"{found.spans} of {spans} spans begin or end inside a word, the first in example "
            f"{found.first}: they do not mark what a person marked.",
            "Count offsets in code points of the text, from 0, the end exclusive.",
        )
    return found


def without(
    base: Sequence[Example], decisions: Mapping[ExampleId, bool], *, keep_undecided: bool
) -> list[Example]:
    """The examples of `base` that were accepted.

    Args:
        base: The corpus.
        decisions: Example to whether it was accepted.
        keep_undecided: Whether one without a decision stays.

    Raises:
        BadInput: A decision is on an example that is not in `base`.
    """
    unknown = decisions.keys() - {example.example_id for example in base}
    if unknown:
        raise BadInput(
            f"{len(unknown)} decision(s) are on examples that are not in this corpus.",
            "Use the decisions with the corpus whose page they were made on.",
        )
    return [one for one in base if decisions.get(one.example_id, keep_undecided)]


def revise_card(
    card: CorpusCard,
    name: str,
    digest: Digest,
    base: Sequence[Example],
    kept: Sequence[Example],
    made_at: str,
) -> CorpusCard:
    """The datasheet of the corpus that holds `kept`.

    How the texts were made (drafts, routes, what was dropped) is the parent's.

    Args:
        card: Of the corpus it was made from.
        name: The new one's.
        digest: The parent's manifest.
        base: The parent's examples.
        kept: The new one's.
        made_at: ISO 8601, UTC.
    """
    before = {example.example_id: example for example in base}
    same = sum(before.get(example.example_id) == example for example in kept)
    return dataclasses.replace(
        count_anew(card, kept),
        name=name,
        made_at=made_at,
        parent=f"{card.name}@{digest}",
        revision={
            "kept": same,
            "relabelled": len(kept) - same,
            "left_out": len(base) - len(kept),
        },
    )


def count_anew(card: CorpusCard, examples: Sequence[Example]) -> CorpusCard:
    """The card with the counts of these examples in place of its own."""
    origins = Counter(example.origin for example in examples)
    return dataclasses.replace(
        card,
        models=dict(Counter(one.model for one in examples if one.origin is Origin.WRITTEN)),
        accepted=origins[Origin.WRITTEN],
        varied=origins[Origin.VARIED],
        composed=origins[Origin.COMPOSED],
        splits=dict(Counter(example.split.value for example in examples)),
        entities=dict(Counter(span.label for example in examples for span in example.spans)),
        without_entity=sum(not example.spans for example in examples),
        relations=dict(Counter(pair.label for example in examples for pair in example.relations)),
    )


def _is_inside(text: str, at: int) -> bool:
    return 0 < at < len(text) and _is_letter(text[at - 1]) and _is_letter(text[at])


def _is_letter(character: str) -> bool:
    return character.isalpha() and character.lower() != character.upper()


def _relabelled(before: Example, after: Example) -> Example:
    if (after.spans, after.relations) == (before.spans, before.relations):
        return before
    return dataclasses.replace(
        before,
        example_id=example_id(before.text, after.spans),
        spans=after.spans,
        relations=after.relations,
        weight=_TRUSTED,
    )
