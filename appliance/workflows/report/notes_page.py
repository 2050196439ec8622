"""A queue of notes on one self-contained page that shows nothing before it is given the key."""

import json

from appliance.records.reviews import Queue
from appliance.workflows.report.review import hash_inline, read_part


def render_notes_page(queue: Queue, sealed: str) -> str:
    """The page's HTML.

    It may run the one script and use the one style that are in it, and load nothing. What is to be
    read is sealed in it; the script opens that in the memory of the browser.

    Args:
        queue: What is to be read.
        sealed: See `appliance.clinical.reviewing.sealing.seal_page`.
    """
    from jinja2 import Environment, StrictUndefined

    script, style = read_part("notes_page.js"), read_part("notes_page.css")
    public = {"review": queue.review, "digest": queue.digest}
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(read_part("notes_page.html.j2")).render(
        queue=queue,
        public=json.dumps(public).replace("<", "\\u003c"),
        sealed=sealed,
        script=script,
        style=style,
        script_hash=hash_inline(script),
        style_hash=hash_inline(style),
    )
