"""Questions that let a model read a text itself: the arm that synthetic training is compared with.

Nothing of this makes a corpus. The text is gold that an operator named, so its draft is never
public, whatever the sheet says: it may be asked of a model of this machine and of no other.
"""

import re
from typing import Final

from appliance.records.prompts import Draft, DraftKind
from appliance.records.tasks import EntityType, RelationType, Sensitivity
from appliance.synthesis.prompting.drafting import make_draft

REGISTER: Final = "question"
_NOTHING: Final = frozenset({"none", "no", "n/a", "nothing"})
_BETWEEN: Final = re.compile(r"[;,\n]")
_ANSWER: Final = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


def ask_entities(task: str, entity: EntityType, text: str) -> Draft:
    """Asks for all names of one entity type in the text."""
    prompt = (
        f"{entity.name}: {entity.definition}\n"
        f"Write every name of that kind in the sentence, separated by semicolons, or none.\n\n"
        f"Sentence: {text}\n"
        f"{entity.name}:"
    )
    kind = DraftKind.QUESTION
    return make_draft(task, kind, (), REGISTER, prompt, sensitivity=Sensitivity.INTERNAL)


def ask_relation(task: str, relation: RelationType, head: str, tail: str, text: str) -> Draft:
    """Asks, yes or no, whether the text relates two of its names."""
    prompt = (
        f"{relation.definition}\n\n"
        f"Sentence: {text}\n"
        f"Question: Does the sentence report this of {head} and {tail}? Answer yes or no.\n"
        f"Answer:"
    )
    kind = DraftKind.QUESTION
    return make_draft(
        task, kind, (), REGISTER, prompt, sensitivity=Sensitivity.INTERNAL, relation=relation.name
    )


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
    return found is not None and found.group(1).lower() == "yes"
