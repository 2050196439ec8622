"""The Responses form of the API, said in terms of chat completions and back.

Nothing new goes out this way: a body is understood as strictly, turned into the chat completion
that asks the same, and passes the same door. Tools, files, images, stored conversations and
reasoning are not understood, and so refused.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from appliance.gateway.reading import explain, parse_object
from appliance.gateway.refusals import Refused
from appliance.gateway.replies import Told

_PIECE: Final = 64
_AS_THEY_ARE: Final = ("model", "temperature", "top_p", "stream", "store", "user", "metadata")

Short = Annotated[str, Field(max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, strict=True)


class _Part(_Strict):
    type: Literal["input_text", "output_text"]
    text: str


class _Item(_Strict):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[_Part], Field(min_length=1, max_length=64)]


class _Format(_Strict):
    type: Literal["text", "json_object", "json_schema"]
    name: Short | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None

    @model_validator(mode="after")
    def _has_a_schema_only_as_one(self) -> Self:
        """What would not be sent must not be there: nobody would inspect it."""
        named = (self.name, self.description, self.schema_, self.strict)
        if self.type != "json_schema" and any(one is not None for one in named):
            message = "belongs to json_schema"
            raise ValueError(message)
        return self


class _Text(_Strict):
    format: _Format | None = None


class _Body(_Strict):
    model: str
    input: str | Annotated[list[_Item], Field(min_length=1, max_length=256)]
    instructions: str | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    text: _Text | None = None
    stream: bool | None = None
    store: Literal[False] | None = None
    truncation: Literal["disabled"] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None


_KNOWN: Final = frozenset(
    name for model in (_Body, _Item, _Part, _Text, _Format) for name in model.model_fields
) | {"schema"}


def to_chat(raw: bytes) -> bytes:
    """The chat completion that asks what the body of a response asks.

    Every string of the body is in it, so whoever inspects it inspects all of them.

    Raises:
        Refused: The body is not understood.
    """
    document = parse_object(raw)
    complaint: Refused | None = None
    try:
        parsed = _Body.model_validate(document)
    except ValidationError as error:
        complaint = explain(error, _KNOWN)
    # Outside the block, so that pydantic's error, which quotes the sender, does not go along.
    if complaint is not None:
        raise complaint
    chat = {name: document[name] for name in _AS_THEY_ARE if document.get(name) is not None}
    chat["messages"] = [*_instructions(parsed), *_messages(parsed)]
    if parsed.max_output_tokens is not None:
        chat["max_completion_tokens"] = parsed.max_output_tokens
    if parsed.text and parsed.text.format:
        chat["response_format"] = _response_format(parsed.text.format)
    return json.dumps(chat, ensure_ascii=False).encode()


def to_response(told: Told, request_id: str, model: str, created: int) -> dict[str, Any]:
    """A `response` object; its id is the ledger's, its model the policy's."""
    [reason] = told.finish_reasons
    is_cut = reason == "length"
    return _head(request_id, model, created) | {
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": [_message(told, request_id)],
        "usage": {
            "input_tokens": told.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": told.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": told.prompt_tokens + told.completion_tokens,
        },
    }


def to_response_events(told: Told, request_id: str, model: str, created: int) -> Iterator[bytes]:
    """The same as server-sent events; the whole of it was inspected before."""
    for number, event in enumerate(_events(told, request_id, model, created)):
        line = json.dumps(event | {"sequence_number": number}, ensure_ascii=False)
        yield f"event: {event['type']}\ndata: {line}\n\n".encode()


def _events(told: Told, request_id: str, model: str, created: int) -> Iterator[dict[str, Any]]:
    whole = to_response(told, request_id, model, created)
    message = whole["output"][0]
    [part] = message["content"]
    key, kind = ("text", "output_text") if "text" in part else ("refusal", "refusal")
    begun = _head(request_id, model, created) | {"status": "in_progress", "output": []}
    item = {"item_id": message["id"], "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": begun}
    opened = message | {"status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": opened}
    yield item | {"type": "response.content_part.added", "part": part | {key: ""}}
    for start in range(0, len(part[key]), _PIECE):
        piece = part[key][start : start + _PIECE]
        yield item | {"type": f"response.{kind}.delta", "delta": piece, "logprobs": []}
    yield item | {"type": f"response.{kind}.done", key: part[key], "logprobs": []}
    yield item | {"type": "response.content_part.done", "part": part}
    yield {"type": "response.output_item.done", "output_index": 0, "item": message}
    yield {"type": f"response.{whole['status']}", "response": whole}


def _instructions(parsed: _Body) -> Iterator[Mapping[str, object]]:
    if parsed.instructions is not None:
        yield {"role": "developer", "content": parsed.instructions}


def _messages(parsed: _Body) -> Iterator[Mapping[str, object]]:
    if isinstance(parsed.input, str):
        yield {"role": "user", "content": parsed.input}
        return
    for item in parsed.input:
        if isinstance(item.content, str):
            yield {"role": item.role, "content": item.content}
        else:
            parts = [{"type": "text", "text": part.text} for part in item.content]
            yield {"role": item.role, "content": parts}


def _response_format(given: _Format) -> dict[str, Any]:
    if given.type != "json_schema":
        return {"type": given.type}
    named = {
        "name": given.name,
        "description": given.description,
        "schema": given.schema_,
        "strict": given.strict,
    }
    present = {key: value for key, value in named.items() if value is not None}
    return {"type": "json_schema", "json_schema": present}


def _head(request_id: str, model: str, created: int) -> dict[str, Any]:
    return {
        "id": request_id,
        "object": "response",
        "created_at": created,
        "model": model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "tools": [],
        "store": False,
    }


def _message(told: Told, request_id: str) -> dict[str, Any]:
    [text], [refusal] = told.texts, told.refusals
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if refusal:
        part = {"type": "refusal", "refusal": refusal}
    return {
        "id": f"msg-{request_id}",
        "type": "message",
        "role": "assistant",
        "status": "incomplete" if told.finish_reasons == ("length",) else "completed",
        "content": [part],
    }
