"""The accept-loop's judge: one completion at a time, in order, each taken or counted out."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from appliance.records.examples import Example, Line, Origin, PairLine, Split
from appliance.records.identifiers import DraftId, ExampleId
from appliance.records.prompts import Completion, Draft
from appliance.records.spans import Relation, Span
from appliance.records.tasks import LabelSheet, PairKind, Vocabulary
from appliance.synthesis.curation.answers import read_answer
from appliance.synthesis.curation.denying import Denying
from appliance.synthesis.curation.grounding import find_grounds
from appliance.synthesis.curation.lexicon import Match, lexicon_of
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.curation.similarity import MAX_SHARED, Demonstrated, Seen, mask
from appliance.synthesis.curation.suspects import Suspects
from appliance.synthesis.curation.variation import Variation
from appliance.synthesis.curation.words import normalise, split_words

# One concept in twelve is kept for dev: with 1.4 concepts to a sentence, about a tenth of them.
DEV_CONCEPTS: Final = 12
DEV_PLAIN: Final = 10


class Curator:
    """Turns completions into examples, and remembers what it has taken.

    The same completions in the same order give the same examples.
    """

    def __init__(self, sheet: LabelSheet, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._lexicon = lexicon_of(sheet, vocabulary)
        self._suspects = Suspects(sheet, vocabulary)
        self._demonstrated = Demonstrated(sheet, self._lexicon)
        self._seen = Seen()
        self._relations = {relation.name: relation for relation in sheet.taught}
        self._denying = {relation.name: Denying(relation) for relation in sheet.taught}
        self.dropped: Counter[Reason] = Counter()

    def consider(self, draft: Draft, completion: Completion) -> Example | None:
        """The example, or None and one more under `dropped`."""
        judge = self._judge_pair if draft.relation else self._judge
        outcome = judge(draft, completion)
        if isinstance(outcome, Reason):
            self.dropped[outcome] += 1
            return None
        return outcome

    def take(self, line: Line) -> Example | None:
        """A composed text as an example; None where it is there already or is not what it says."""
        matches = self._ground(line)
        if not self._is_new(line, matches):
            return None
        return self._to_example(line.text, matches, origin=Origin.COMPOSED)

    def take_pair(self, line: PairLine) -> Example | None:
        """A composed text about a pair as an example; None where it is there already.

        The names of a pair are hidden from whoever learns from it: what must not stand on both
        sides of the split is the frame, not the name.
        """
        found = self._ground_pair(line.text, line.head, line.tail)
        if found is None or not self._seen.add_exact(normalise(line.text)):
            return None
        matches, pair = found
        relation = Relation(*pair, line.label)
        return self._to_pair(line.text, matches, relation, _choose_split(line.frame))

    def vary(self, example: Example, variation: Variation) -> Example | None:
        """The example with other names in it; None where that gives nothing new.

        An example for dev is not varied, and no name that is kept for dev gets into training. Nor
        is one about a pair: whoever learns from it does not see the pair's names.
        """
        if example.split is Split.DEV or not example.spans or example.relations:
            return None
        line = variation.vary(example.text, example.spans)
        if line is None:
            return None
        matches = self._ground(line)
        if not self._is_new(line, matches):
            return None
        varied = self._to_example(
            line.text, matches, example.draft_id, example.model, origin=Origin.VARIED
        )
        return varied if varied.split is Split.TRAIN else None

    def _ground(self, line: Line) -> Sequence[Match]:
        """Where the vocabulary's names stand in the text; empty where one is not to be found."""
        matches = self._lexicon.find(line.text, line.entities)
        is_grounded = all(
            find_grounds(one, line.text, matches, self._lexicon) for one in line.entities
        )
        is_sure = not any(match.is_doubtful for match in matches)
        return matches if is_grounded and is_sure else ()

    def _is_new(self, line: Line, matches: Sequence[Match]) -> bool:
        if line.entities and not matches:
            return False
        return self._seen.add_exact(normalise(line.text))

    def _judge(self, draft: Draft, completion: Completion) -> Example | Reason:
        text = read_answer(draft, completion)
        if isinstance(text, Reason):
            return text
        matches = self._lexicon.find(text, draft.entities)
        fault = self._check_labels(draft, text, matches)
        if fault is not None:
            return fault
        fault = self._find_repetition(text, matches)
        if fault is not None:
            return fault
        return self._to_example(text, matches, draft.draft_id, completion.model)

    def _find_repetition(
        self, text: str, matches: Sequence[Match], *, is_opened: bool = False
    ) -> Reason | None:
        """What it repeats, or None; then it is known from now on."""
        masked, normalised = mask(text, [match.span for match in matches]), normalise(text)
        if self._demonstrated.share(masked) > MAX_SHARED:
            return Reason.PARROTED
        fault = self._seen.find_fault(masked, normalised, is_opened=is_opened)
        if fault is None:
            self._seen.add(masked, normalised)
        return fault

    def _check_labels(self, draft: Draft, text: str, matches: Sequence[Match]) -> Reason | None:
        grounds = (find_grounds(one, text, matches, self._lexicon) for one in draft.entities)
        if not all(grounds):
            return Reason.UNGROUNDED
        if any(match.is_doubtful for match in matches):
            return Reason.DOUBTFUL
        spans = [match.span for match in matches]
        return Reason.SUSPECT if self._suspects.count(split_words(text), spans) else None

    def _judge_pair(self, draft: Draft, completion: Completion) -> Example | Reason:
        """Both ends of the pair in the text; the label is that of the kind that was asked for.

        A text whose words say the contrary is dropped.
        """
        text = read_answer(draft, completion)
        if isinstance(text, Reason):
            return text
        head, tail = draft.entities
        found = self._ground_pair(text, head, tail)
        if found is None:
            return Reason.UNGROUNDED
        matches, pair = found
        kind, is_opened = PairKind(draft.kind.value), bool(draft.opening)
        if self._denying[draft.relation].is_otherwise(kind, text, is_opened=is_opened):
            return Reason.OTHERWISE
        fault = self._find_repetition(text, matches, is_opened=is_opened)
        if fault is not None:
            return fault
        label = self._relations[draft.relation].label_of(kind)
        masked = " ".join(mask(text, [match.span for match in matches]))
        return self._to_pair(
            text,
            matches,
            Relation(*pair, label),
            _choose_split(masked),
            draft.draft_id,
            completion.model,
        )

    def _ground_pair(
        self, text: str, head: str, tail: str
    ) -> tuple[Sequence[Match], tuple[int, int]] | None:
        """Matches that are sure, and which of them are head and tail; never one for both."""
        matches = [one for one in self._lexicon.find(text, (head, tail)) if not one.is_doubtful]
        heads = find_grounds(head, text, matches, self._lexicon)
        tails = [
            at for at in find_grounds(tail, text, matches, self._lexicon) if at != (*heads, -1)[0]
        ]
        return (matches, (heads[0], tails[0])) if heads and tails else None

    def _to_example(
        self,
        text: str,
        matches: Sequence[Match],
        draft_id: DraftId | None = None,
        model: str = "",
        *,
        origin: Origin = Origin.WRITTEN,
    ) -> Example:
        spans = tuple(match.span for match in matches)
        digest = example_id(text, spans)
        return Example(
            example_id=digest,
            text=text,
            spans=spans,
            relations=(),
            draft_id=draft_id or DraftId(f"c-{digest[2:]}"),
            model=model,
            split=self._split_by_concept(text, matches),
            origin=origin,
        )

    def _to_pair(
        self,
        text: str,
        matches: Sequence[Match],
        relation: Relation,
        split: Split,
        draft_id: DraftId | None = None,
        model: str = "",
    ) -> Example:
        example = self._to_example(
            text, matches, draft_id, model, origin=Origin.WRITTEN if model else Origin.COMPOSED
        )
        return replace(example, relations=(relation,), split=split)

    def _split_by_concept(self, text: str, matches: Sequence[Match]) -> Split:
        """Dev where it names a concept that is kept for dev: training never sees that one."""
        if not matches:
            return _choose_split(normalise(text))
        names = (self._vocabulary.terms[match.concept].name for match in matches)
        is_dev = any(_bucket(name, DEV_CONCEPTS) == 0 for name in names)
        return Split.DEV if is_dev else Split.TRAIN


def example_id(text: str, spans: Sequence[Span]) -> ExampleId:
    """Digest of text and spans."""
    fields = json.dumps([text, [[span.start, span.end, span.label] for span in spans]])
    return ExampleId(f"x-{hashlib.sha256(fields.encode()).hexdigest()[:24]}")


def _choose_split(text: str) -> Split:
    return Split.DEV if _bucket(text, DEV_PLAIN) == 0 else Split.TRAIN


def _bucket(name: str, buckets: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % buckets
