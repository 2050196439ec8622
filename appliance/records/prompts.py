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
        entities: Surfaces that the answer must contain, in order; empty for kind NONE.
        register: Style register asked for.
        prompt: All that would be sent, constant part first (prefix caching).
        opening: The first words of the answer; the prompt ends with them, the text begins so.
        sensitivity: Of the label sheet it was built from.
    """

    draft_id: DraftId
    task: str
    kind: DraftKind
    entities: tuple[str, ...]
    register: str
    prompt: str = field(repr=False)
    opening: str = ""
    sensitivity: Sensitivity = Sensitivity.INTERNAL


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
