"""A reply: read strictly, every string of it found, and written anew for the caller."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.gateway.reading import MAX_CHOICES, parse_object
from appliance.gateway.refusals import Refused, Rule

_PIECE: Final = 64


class _Lenient(BaseModel):
    # A provider adds fields; they are not read, and so not passed on.
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class _Said(_Lenient):
    content: str | None = None
    refusal: str | None = None


class _Choice(_Lenient):
    message: _Said
    finish_reason: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]


class _Usage(_Lenient):
    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)] = 0


class _Reply(_Lenient):
    choices: Annotated[list[_Choice], Field(min_length=1, max_length=MAX_CHOICES)]
    usage: _Usage


@dataclass(frozen=True, slots=True)
class Told:
    """A reply that was understood.

    Attributes:
        texts: What was said, one for each choice.
        refusals: Where the model refused, its words; "" where it did not.
        finish_reasons: One for each choice.
        prompt_tokens: As the provider counts.
        completion_tokens: As the provider counts.
    """

    texts: tuple[str, ...] = field(repr=False)
    refusals: tuple[str, ...] = field(repr=False)
    finish_reasons: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int

    def strings(self) -> tuple[str, ...]:
        """Every string that would reach the caller and that we did not write."""
        return tuple(text for text in (*self.texts, *self.refusals) if text)


def read_reply(raw: bytes) -> Told:
    """The reply in `raw`.

    Raises:
        Refused: It is not a chat completion with its token counts.
    """
    parsed = _parse(raw)
    if parsed is None:
        raise Refused(Rule.PROVIDER, "not-understood")
    said = [choice.message for choice in parsed.choices]
    return Told(
        texts=tuple(one.content or "" for one in said),
        refusals=tuple(one.refusal or "" for one in said),
        finish_reasons=tuple(choice.finish_reason for choice in parsed.choices),
        prompt_tokens=parsed.usage.prompt_tokens,
        completion_tokens=parsed.usage.completion_tokens,
    )


def _parse(raw: bytes) -> _Reply | None:
    try:
        return _Reply.model_validate(parse_object(raw))
    except (ValidationError, Refused):
        return None


def to_completion(told: Told, request_id: str, model: str, created: int) -> dict[str, Any]:
    """A `chat.completion` object; its id is the ledger's, its model the policy's."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": refusal or None},
            "finish_reason": reason,
            "logprobs": None,
        }
        for index, (text, refusal, reason) in enumerate(
            zip(told.texts, told.refusals, told.finish_reasons, strict=True)
        )
    ]
    return _head(request_id, model, created, "chat.completion") | {
        "choices": choices,
        "usage": _usage(told),
    }


def to_events(
    told: Told, request_id: str, model: str, created: int, *, include_usage: bool
) -> Iterator[bytes]:
    """The same as server-sent events, `[DONE]` last; the whole of it was inspected before."""
    head = _head(request_id, model, created, "chat.completion.chunk")
    for index, (text, refusal, reason) in enumerate(
        zip(told.texts, told.refusals, told.finish_reasons, strict=True)
    ):
        yield _event(head, index, {"role": "assistant", "content": ""}, None)
        for start in range(0, len(text), _PIECE):
            yield _event(head, index, {"content": text[start : start + _PIECE]}, None)
        if refusal:
            yield _event(head, index, {"refusal": refusal}, None)
        yield _event(head, index, {}, reason)
    if include_usage:
        yield _line(head | {"choices": [], "usage": _usage(told)})
    yield b"data: [DONE]\n\n"


def _head(request_id: str, model: str, created: int, kind: str) -> dict[str, Any]:
    return {"id": request_id, "object": kind, "created": created, "model": model}


def _usage(told: Told) -> dict[str, int]:
    return {
        "prompt_tokens": told.prompt_tokens,
        "completion_tokens": told.completion_tokens,
        "total_tokens": told.prompt_tokens + told.completion_tokens,
    }


def _event(head: dict[str, Any], index: int, delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}
    return _line(head | {"choices": [choice]})


def _line(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
