"""Tasks of Label Studio, our labels as predictions that an annotator corrects.

Its offsets are code points since release 1.5; what was annotated with an older one is told by the
surface that stands beside them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from appliance.records.examples import Example
from appliance.records.spans import Span
from appliance.synthesis.curation.formats.fields import (
    Unreadable,
    array_lines,
    in_order,
    provenance,
    read_array,
    rebuild,
)

_LABELS: Final = "label"
_TEXT: Final = "text"


def labelling_config(labels: Sequence[str], relations: Sequence[str] = ()) -> str:
    """The project's labelling interface that these tasks need, as Label Studio's XML.

    Args:
        labels: Entity types that may be marked, used so far or not.
        relations: What may join two of them; empty where nothing may.
    """
    choices = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
    joins = "".join(f"<Relation value={quoteattr(relation)}/>" for relation in relations)
    return (
        f"<View>{f'<Relations>{joins}</Relations>' if joins else ''}"
        f'<Labels name="{_LABELS}" toName="{_TEXT}">{choices}</Labels>'
        f'<Text name="{_TEXT}" value="$text"/></View>'
    )


def to_lines(examples: Sequence[Example]) -> Iterator[str]:
    """One JSON array, a task a line."""
    return array_lines(map(_task, examples))


def from_lines(lines: Sequence[str]) -> Iterator[Example]:
    """The examples as they were annotated last, or as they went out where nobody did.

    Raises:
        Unreadable: Names the task by number.
    """
    return read_array(lines, _example, "task")


def _task(example: Example) -> dict[str, Any]:
    result: list[dict[str, Any]] = [
        {
            "id": f"s{index}",
            "from_name": _LABELS,
            "to_name": _TEXT,
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": example.text[span.start : span.end],
                "labels": [span.label],
            },
        }
        for index, span in enumerate(example.spans)
    ]
    result += [
        {
            "type": "relation",
            "from_id": f"s{relation.head}",
            "to_id": f"s{relation.tail}",
            "direction": "right",
            "labels": [relation.label],
        }
        for relation in example.relations
    ]
    return {
        "data": {"text": example.text, **provenance(example)},
        "predictions": [{"model_version": "appliance", "result": result}],
    }


def _example(task: Any) -> Example:
    try:
        data = task["data"]
        text = str(data["text"])
        named: dict[str, Span] = {}
        pairs: list[tuple[str, str, str]] = []
        for item in _result(task):
            if item["type"] == "labels":
                named[str(item["id"])] = _span(text, item["value"])
            elif item["type"] == "relation":
                [label] = item["labels"]
                pairs.append((str(item["from_id"]), str(item["to_id"]), str(label)))
    except (KeyError, TypeError, ValueError, IndexError):
        raise Unreadable("no task of a text with labels") from None
    spans, relations = in_order(named, pairs)
    return rebuild(data, text, spans, relations)


def _result(task: Any) -> Any:
    done = [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
    return (done or task["predictions"])[-1]["result"]


def _span(text: str, value: Any) -> Span:
    start, end = int(value["start"]), int(value["end"])
    [label] = value["labels"]
    surface = value.get("text")
    if surface is not None and text[start:end] != surface:
        start, end = (_code_points(text, units) for units in (start, end))
        if text[start:end] != surface:
            raise Unreadable("an entity's offsets are not those of its words")
    return Span(start, end, str(label))


def _code_points(text: str, units: int) -> int:
    """Where `units` of UTF-16 end."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))
