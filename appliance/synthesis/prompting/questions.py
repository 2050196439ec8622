"""Questions that let a model read a text itself: the arm that synthetic training is compared with.

Nothing of this makes a corpus. The text is gold that an operator named, so its draft is never
public, whatever the sheet says: it may be asked of a model of this machine and of no other.
"""

import random
import re
from collections.abc import Sequence
from typing import Final

from appliance.records.prompts import Draft, DraftKind
from appliance.records.tasks import (
    Demonstration,
    EntityType,
    LabelSheet,
    RelationType,
    Sensitivity,
    Vocabulary,
)
from appliance.synthesis.prompting.drafting import make_draft

REGISTER: Final = "question"
_NOTHING: Final = frozenset({"none", "no", "n/a", "nothing"})
_BETWEEN: Final = re.compile(r"[;,\n]")
_ANSWER: Final = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_YES, _NO = "yes", "no"


class Questions:
    """Asks about texts for one label sheet.

    Args:
        sheet: The task.
        vocabulary: Tells which type a name of a demonstration is of.
        shots: Answered questions about the sheet's own sentences before each; a model that was
            only ever trained to go on with a text understands no other way. 0 is the paper's.
        seed: Which sentences.
    """

    def __init__(
        self, sheet: LabelSheet, vocabulary: Vocabulary, shots: int = 0, seed: int = 0
    ) -> None:
        self._sheet = sheet
        self._shots = shots
        self._seed = seed
        self._labels = {
            surface.casefold(): term.label for term in vocabulary.terms for surface in term.surfaces
        }
        self._entities = {one.name: self._begin_entities(one) for one in sheet.entities}
        self._relations = {one.name: self._begin_relation(one) for one in sheet.taught}

    def ask_entities(self, entity: EntityType, text: str) -> Draft:
        """Asks for all names of one entity type in the text."""
        return self._draft(self._entities[entity.name] + _entities_of(entity, text))

    def ask_relation(self, relation: RelationType, head: str, tail: str, text: str) -> Draft:
        """Asks, yes or no, whether the text relates two of its names."""
        prompt = self._relations[relation.name] + _relation_of(head, tail, text)
        return self._draft(prompt, relation.name)

    def _draft(self, prompt: str, relation: str = "") -> Draft:
        return make_draft(
            self._sheet.name,
            DraftKind.QUESTION,
            (),
            REGISTER,
            prompt,
            sensitivity=Sensitivity.INTERNAL,
            relation=relation,
        )

    def _begin_entities(self, entity: EntityType) -> str:
        """The constant part: what is asked, and what has been answered."""
        task = (
            f"{entity.name}: {entity.definition}\n"
            "Write every name of that kind in the sentence, separated by semicolons, or none.\n\n"
        )
        known = [(one, self._names(one, entity)) for one in self._sheet.demonstrations]
        shown = [(one.text, names) for one, names in known if names is not None]
        answered = self._draw(shown)
        return task + "".join(
            f"{_entities_of(entity, text)} {'; '.join(names) or 'none'}\n\n"
            for text, names in answered
        )

    def _begin_relation(self, relation: RelationType) -> str:
        assert relation.teaching is not None
        shown = [
            (_relation_of(one.head, one.tail, one.text), relation.label_of(one.kind))
            for one in relation.teaching.examples
        ]
        yes = [(text, _YES) for text, label in shown if label == relation.name]
        no = [(text, _NO) for text, label in shown if label != relation.name]
        half = min(self._shots // 2, len(no))
        rng = self._rng()
        answered = rng.sample(yes, min(self._shots - half, len(yes))) + rng.sample(no, half)
        rng.shuffle(answered)
        return f"{relation.definition}\n\n" + "".join(
            f"{text} {answer}\n\n" for text, answer in answered
        )

    def _names(self, shown: Demonstration, entity: EntityType) -> tuple[str, ...] | None:
        """Its names of that type; None where it has a name whose type nobody knows."""
        if len(self._sheet.entities) == 1:
            return shown.entities
        labels = [self._labels.get(name.casefold()) for name in shown.entities]
        if None in labels:
            return None
        named = zip(shown.entities, labels, strict=True)
        return tuple(name for name, label in named if label == entity.name)

    def _draw(
        self, shown: Sequence[tuple[str, tuple[str, ...]]]
    ) -> list[tuple[str, tuple[str, ...]]]:
        return self._rng().sample(list(shown), min(self._shots, len(shown)))

    def _rng(self) -> random.Random:
        return random.Random(f"shots {self._seed}")


def read_names(answer: str) -> tuple[str, ...]:
    """The names of an answer to `ask_entities`, in order, each once.

    >>> read_names(" asthma; type 2 diabetes. ")
    ('asthma', 'type 2 diabetes')
    """
    names = (part.strip().strip(".").strip() for part in _BETWEEN.split(answer))
    return tuple(dict.fromkeys(name for name in names if name and name.lower() not in _NOTHING))


def read_yes(answer: str) -> bool:
    """Whether an answer to `ask_relation` begins with yes; an answer that is neither is a no.

    >>> read_yes(" Yes, it does.")
    True
    """
    found = _ANSWER.match(answer)
    return found is not None and found.group(1).lower() == _YES


def _entities_of(entity: EntityType, text: str) -> str:
    return f"Sentence: {text}\n{entity.name}:"


def _relation_of(head: str, tail: str, text: str) -> str:
    return (
        f"Sentence: {text}\n"
        f"Question: Does the sentence report this of {head} and {tail}? Answer yes or no.\n"
        "Answer:"
    )
