"""The accept-loop's judge: one completion at a time, in order, each taken or counted out."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from appliance.records.examples import Example, Line, Origin, Split
from appliance.records.identifiers import DraftId, ExampleId
from appliance.records.prompts import Completion, Draft
from appliance.records.spans import Span
from appliance.records.tasks import LabelSheet, Vocabulary
from appliance.synthesis.curation.answers import read_answer
from appliance.synthesis.curation.lexicon import Lexicon, Match
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
        self._lexicon = Lexicon(vocabulary)
        self._suspects = Suspects(sheet, vocabulary)
        self._demonstrated = Demonstrated(sheet, self._lexicon)
        self._seen = Seen()
        self.dropped: Counter[Reason] = Counter()

    def consider(self, draft: Draft, completion: Completion) -> Example | None:
        """The example, or None and one more under `dropped`."""
        outcome = self._judge(draft, completion)
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

    def vary(self, example: Example, variation: Variation) -> Example | None:
        """The example with other names in it; None where that gives nothing new.

        An example for dev is not varied, and no name that is kept for dev gets into training.
        """
        if example.split is Split.DEV or not example.spans:
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
        is_grounded = all(self._is_grounded(one, line.text, matches) for one in line.entities)
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
        spans = tuple(match.span for match in matches)
        fault = self._check_labels(draft, text, matches)
        if fault is not None:
            return fault
        masked, normalised = mask(text, spans), normalise(text)
        if self._demonstrated.share(masked) > MAX_SHARED:
            return Reason.PARROTED
        fault = self._seen.find_fault(masked, normalised)
        if fault is not None:
            return fault
        self._seen.add(masked, normalised)
        return self._to_example(text, matches, draft.draft_id, completion.model)

    def _check_labels(self, draft: Draft, text: str, matches: Sequence[Match]) -> Reason | None:
        if not all(self._is_grounded(surface, text, matches) for surface in draft.entities):
            return Reason.UNGROUNDED
        if any(match.is_doubtful for match in matches):
            return Reason.DOUBTFUL
        spans = [match.span for match in matches]
        return Reason.SUSPECT if self._suspects.count(split_words(text), spans) else None

    def _is_grounded(self, surface: str, text: str, matches: Sequence[Match]) -> bool:
        wanted = f" {normalise(surface)} "
        # A longer name around it counts: asked for "lymphoma", given "Hodgkin lymphoma".
        return any(
            wanted in f" {normalise(text[match.span.start : match.span.end])} "
            or (
                match.concept == self._lexicon.concept_of(surface)
                and _is_plural(text, match, surface)
            )
            for match in matches
        )

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
            split=self._choose_split(text, matches),
            origin=origin,
        )

    def _choose_split(self, text: str, matches: Sequence[Match]) -> Split:
        """Dev where it names a concept that is kept for dev: training never sees that one."""
        if not matches:
            is_dev = _bucket(normalise(text), DEV_PLAIN) == 0
        else:
            names = (self._vocabulary.terms[match.concept].name for match in matches)
            is_dev = any(_bucket(name, DEV_CONCEPTS) == 0 for name in names)
        return Split.DEV if is_dev else Split.TRAIN


def example_id(text: str, spans: Sequence[Span]) -> ExampleId:
    """Digest of text and spans."""
    fields = json.dumps([text, [[span.start, span.end, span.label] for span in spans]])
    return ExampleId(f"x-{hashlib.sha256(fields.encode()).hexdigest()[:24]}")


def _is_plural(text: str, match: Match, surface: str) -> bool:
    written = normalise(text[match.span.start : match.span.end])
    stem = normalise(surface)[:-2]
    return bool(stem) and written.startswith(stem)


def _bucket(name: str, buckets: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % buckets
