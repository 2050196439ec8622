"""A corpus on one self-contained page, where a person accepts or rejects each example."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from appliance.records.cards import CorpusCard
from appliance.records.examples import Example
from appliance.records.identifiers import Digest


def render_review(card: CorpusCard, digest: Digest, examples: Sequence[Example]) -> str:
    """The page's HTML.

    It may run the one script and use the one style that are in it, and load nothing.

    Args:
        card: The corpus's.
        digest: Of its manifest; decisions name it.
        examples: All of it, invented.
    """
    from jinja2 import Environment, StrictUndefined

    script, style = read_part("review.js"), read_part("review.css")
    document = {
        "corpus": card.name,
        "digest": digest,
        "examples": [_fields(example) for example in examples],
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(read_part("review.html.j2")).render(
        card=card,
        count=len(examples),
        # "<" can't end the element that holds the data.
        data=json.dumps(document).replace("<", "\\u003c"),
        script=script,
        style=style,
        script_hash=hash_inline(script),
        style_hash=hash_inline(style),
    )


def _fields(example: Example) -> dict[str, Any]:
    return {
        "id": example.example_id,
        "text": example.text,
        "spans": [[span.start, span.end, span.label] for span in example.spans],
        "relations": [[one.head, one.tail, one.label] for one in example.relations],
        "origin": example.origin.value,
        "split": example.split.value,
        "weight": round(example.weight, 3),
    }


def read_part(name: str) -> str:
    """A file of this room: a template, a script or a style."""
    return resources.files("appliance.workflows.report").joinpath(name).read_text("utf-8")


def hash_inline(text: str) -> str:
    """As a content security policy names an inline script (CSP level 3, 6.7.3)."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
