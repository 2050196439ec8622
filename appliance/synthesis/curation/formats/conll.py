"""CoNLL: a token and its IOB2 tag a line, an empty line after each example.

Above its tokens stands a comment in the form of CoNLL-U, `# example = {JSON}`, with all that tags
can't hold: the text as it is spaced, relations, and where the example came from.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from appliance.records.examples import Example
from appliance.records.spans import Span
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    provenance,
    rebuild,
    relation_of,
    relations_of,
)
from appliance.synthesis.curation.formats.tokens import cut, tag

_COMMENT: Final = "# example = "


def to_lines(examples: Sequence[Example]) -> Iterator[str]:
    """A comment, then token, TAB and tag."""
    for example in examples:
        more = {"text": example.text, "relations": relations_of(example)}
        # ASCII, so that no separator of lines stands in the comment.
        yield _COMMENT + json.dumps({**provenance(example), **more})
        for start, end in cut(example.text, example.spans):
            yield f"{example.text[start:end]}\t{tag(start, example.spans)}"
        yield ""


def from_lines(lines: Sequence[str]) -> Iterator[Example]:
    """The examples again, labelled as the tags say.

    Raises:
        Unreadable: Names the line.
    """
    fields: dict[str, Any] | None = None
    tokens: list[tuple[str, str]] = []
    for number, line in enumerate([*lines, ""], start=1):
        try:
            if line.startswith(_COMMENT):
                fields = _comment(line)
            elif line.strip():
                tokens.append(_columns(line))
            elif fields is not None:
                yield _example(fields, tokens)
                fields, tokens = None, []
            elif tokens:
                _complain()
        except Unreadable as error:
            raise Unreadable(f"line {number}: {error}") from None


def _complain() -> None:
    raise Unreadable(f"no '{_COMMENT.strip()}' above the tokens")


def _comment(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line.removeprefix(_COMMENT))
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        raise Unreadable("the comment holds no example")
    return fields


def _columns(line: str) -> tuple[str, str]:
    token, separator, label = line.partition("\t")
    if not separator or not (label == "O" or label[:2] in ("B-", "I-")):
        raise Unreadable("not a token, a TAB and a tag")
    return token, label


def _example(fields: dict[str, Any], tokens: Sequence[tuple[str, str]]) -> Example:
    text = fields["text"]
    spans: list[Span] = []
    position = 0
    before = "O"
    for token, label in tokens:
        start = text.find(token, position)
        if start < 0 or text[position:start].strip():
            raise Unreadable("the tokens are not those of the text")
        position = start + len(token)
        if label[:2] == "B-":
            spans.append(Span(start, position, label[2:]))
        elif label[:2] == "I-":
            if before == "O" or before[2:] != label[2:]:
                raise Unreadable("an I- tag continues no entity of its label")
            spans[-1] = Span(spans[-1].start, position, label[2:])
        before = label
    if text[position:].strip():
        raise Unreadable("the tokens are not those of the text")
    relations = fields.get("relations")
    if not isinstance(relations, list):
        raise Unreadable("the comment holds no relations")
    return rebuild(fields, text, spans, [relation_of(one) for one in relations])
