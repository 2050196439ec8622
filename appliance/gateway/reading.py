"""A body, read strictly: what is not understood is refused, and every string in it is found.

Nothing of the body is passed on as it came: what is sent is written anew from the parts that were
understood, so that a key that two parsers read differently can't slip through.
"""

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.gateway.refusals import Refused, Rule
from appliance.settings.gateway import ModelRule

MAX_CHOICES: Final = 8
_MAX_DEPTH: Final = 32
# A number that long can be an identifier; shorter ones are temperatures and lengths.
_LONG_NUMBER: Final = 5
_URL: Final = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.|\bdata:[a-z]+/|\bmailto:")
# The model's own name, roles and types come from fixed lists; all other strings are inspected.
_FIXED: Final = frozenset({"model", "role", "type"})
# Below these even such names are the sender's own words.
_FREE: Final = frozenset({"metadata", "schema"})
_FORWARDED: Final = (
    "temperature",
    "top_p",
    "stop",
    "n",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
)

Short = Annotated[str, Field(max_length=64)]
Penalty = Annotated[float, Field(ge=-2, le=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, strict=True)


class _Part(_Strict):
    type: Literal["text"]
    text: str


class _Message(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[_Part], Field(min_length=1, max_length=64)]
    name: Short | None = None


class _Schema(_Strict):
    name: Short
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class _Format(_Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _StreamOptions(_Strict):
    include_usage: bool = False


class _Body(_Strict):
    model: str
    messages: Annotated[list[_Message], Field(min_length=1, max_length=256)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Short | Annotated[list[Short], Field(max_length=4)] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    response_format: _Format | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    store: Literal[False] | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    metadata: Annotated[
        dict[Short, Annotated[str, Field(max_length=512)]], Field(max_length=16)
    ] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood.

    Attributes:
        model: Which model, and what it costs.
        body: What would be sent.
        texts: Every string of the request that its sender chose, keys and long numbers included.
        contents: Role and text of every message.
        stream: Whether the caller wants the reply in pieces.
        include_usage: Whether the pieces end with the token counts.
        max_output_tokens: Most tokens that all choices together can have.
    """

    model: ModelRule
    body: bytes = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    contents: tuple[tuple[str, str], ...] = field(repr=False)
    stream: bool
    include_usage: bool
    max_output_tokens: int

    @property
    def max_input_tokens(self) -> int:
        """A bound that no tokenizer passes: one token a byte, names and roles included."""
        return len(self.body)


def read_request(raw: bytes, models: Mapping[str, ModelRule]) -> Asked:
    """The request in `raw`.

    Raises:
        Refused: It is not understood, or asks for what the policy does not list.
    """
    document = parse_object(raw)
    parsed = _validate(document)
    model = models.get(parsed.model)
    if model is None:
        raise Refused(Rule.MODEL, "model")
    most = parsed.max_completion_tokens or parsed.max_tokens or model.max_output_tokens
    if most > model.max_output_tokens:
        raise Refused(Rule.VALUE, "max_completion_tokens")
    texts = tuple(strings_of(document))
    if any(_URL.search(text) for text in texts):
        raise Refused(Rule.URL)
    return Asked(
        model=model,
        body=_rewrite(document, parsed, most),
        texts=texts,
        contents=tuple((message.role, _text_of(message)) for message in parsed.messages),
        stream=bool(parsed.stream),
        include_usage=bool(parsed.stream_options and parsed.stream_options.include_usage),
        max_output_tokens=most * (parsed.n or 1),
    )


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, every key once, numbers finite, not nested too deep.

    Raises:
        Refused: It is not that.
    """
    document = _decode(raw)
    if not isinstance(document, dict) or _depth(document) > _MAX_DEPTH:
        raise Refused(Rule.UNREADABLE)
    return document


def _decode(raw: bytes) -> object:
    try:
        document = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
        # A half of a surrogate pair is no text; it could not be written out again either.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        document = None
    # Outside the block: errors of decoders keep the whole text.
    return document


def _validate(document: dict[str, Any]) -> _Body:
    try:
        return _Body.model_validate(document)
    except ValidationError as error:
        complaint = explain(error, _KNOWN)
    # Outside the block, so that pydantic's error, which quotes the sender, does not go along.
    raise complaint


def strings_of(value: object, key: str = "", *, is_free: bool = False) -> Iterator[str]:
    """Every string below `value` that its sender chose: values, keys, and numbers that are long."""
    if isinstance(value, str):
        if is_free or key not in _FIXED:
            yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if is_free or name not in _KNOWN:
                yield name
            yield from strings_of(item, name, is_free=is_free or name in _FREE)
    elif isinstance(value, Sequence):
        for item in value:
            yield from strings_of(item, key, is_free=is_free)
    elif _is_long_number(value):
        yield repr(value)


_KNOWN: Final = frozenset(
    name
    for model in (_Body, _Message, _Part, _Format, _StreamOptions)
    for name in model.model_fields
) | {"schema", "strict"}


def _is_long_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and sum(letter.isdigit() for letter in repr(value)) >= _LONG_NUMBER


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError
    return built


def _no_constant(name: str) -> None:
    del name
    raise ValueError


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _text_of(message: _Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content)


def _rewrite(document: Mapping[str, Any], parsed: _Body, most: int) -> bytes:
    """What is sent: `user` and `metadata` stay here, and nothing is stored or streamed there."""
    sent: dict[str, object] = {"model": parsed.model}
    sent["messages"] = [
        {"role": message.role, "content": _text_of(message)}
        | ({"name": message.name} if message.name else {})
        for message in parsed.messages
    ]
    sent |= {name: document[name] for name in _FORWARDED if document.get(name) is not None}
    sent |= {"max_completion_tokens": most, "store": False, "stream": False}
    return json.dumps(sent, ensure_ascii=False, separators=(",", ":")).encode()


def explain(error: ValidationError, known: Container[str]) -> Refused:
    """The first complaint; a field that is not ours is never named, for it is the sender's word."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = [str(part) for part in first["loc"] if isinstance(part, int) or part in known]
    rule = Rule.FIELD if first["type"] == "extra_forbidden" else Rule.VALUE
    return Refused(rule, ".".join(place))
