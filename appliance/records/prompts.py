"""A prompt before the gate, and what a model answered to one that was cleared."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from appliance.records.identifiers import DraftId
from appliance.records.tasks import Sensitivity

# The finish reason of an answer that the gateway kept back.
QUARANTINED: Final = "quarantined"


class DraftKind(StrEnum):
    """What a draft asks the model to write."""

    SINGLE = "single"
    SEVERAL = "several"
    ABBREVIATION = "abbreviation"
    NONE = "none"
    STATED = "stated"
    """A pair whose relation the text states."""
    DENIED = "denied"
    """A pair whose relation the text denies."""
    UNRELATED = "unrelated"
    """A pair that the text names and does not relate."""
    QUESTION = "question"
    """Nothing is to be written: the model reads a text itself, for comparison."""


ENTITY_KINDS: Final = (DraftKind.SINGLE, DraftKind.SEVERAL, DraftKind.ABBREVIATION, DraftKind.NONE)
PAIR_KINDS: Final = (DraftKind.STATED, DraftKind.DENIED, DraftKind.UNRELATED)


class Route(StrEnum):
    """Where a cleared prompt is sent."""

    VLLM = "vllm"
    CHATGPT = "chatgpt"
    SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt before the gate, built from public or invented facts only.

    Attributes:
        draft_id: Digest of the other fields.
        task: Name of the label sheet.
        kind: What it asks for.
        entities: Surfaces that the answer must contain, in order; empty for kind NONE; of a pair,
            head and tail.
        register: Style register asked for.
        prompt: All that would be sent, constant part first (prefix caching).
        opening: The first words of the answer; the prompt ends with them, the text begins so.
        sensitivity: Of the label sheet it was built from.
        relation: Relation type of the pair; "" where no pair is asked for.
    """

    draft_id: DraftId
    task: str
    kind: DraftKind
    entities: tuple[str, ...]
    register: str
    prompt: str = field(repr=False)
    opening: str = ""
    sensitivity: Sensitivity = Sensitivity.INTERNAL
    relation: str = ""


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How the model draws its answer; no seed, for with `top_p` it kills the CPU engine."""

    temperature: float = 0.8
    max_tokens: int = 72
    stop: tuple[str, ...] = ("\n",)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered.

    Attributes:
        draft_id: The draft it answers.
        route: Where it was made.
        model: Name and digest of the model.
        text: The answer, as given.
        finish_reason: "stop", "length", `QUARANTINED` or the server's own word.
        prompt_tokens: Count as the server reports it.
        completion_tokens: Count as the server reports it.
    """

    draft_id: DraftId
    route: Route
    model: str
    text: str = field(repr=False)
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
