"""Pages as HTML: every value escaped, no script and no style but the console's own two files."""

from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from appliance.console.blocks import Bar, Form, Link, Mark, Moment, Page, Table, Text

ASSETS: Final = {"console.css": "text/css", "console.js": "text/javascript"}
"""Files that browsers load, and what they are."""

_KINDS: Final = {
    Table: "table",
    Text: "text",
    Form: "form",
    Link: "link",
    Bar: "bar",
    Mark: "mark",
    Moment: "moment",
}


def render(
    page: Page, *, user: str = "", csrf: str = "", menu: tuple[Link, ...] = (), here: str = ""
) -> str:
    """The page's HTML.

    Args:
        page: What it shows.
        user: Who is signed in; "" for nobody.
        csrf: What the forms hold.
        menu: Where else one may go.
        here: Path of the menu's entry that the page belongs to.
    """
    return (
        _environment()
        .get_template(page.template)
        .render(page=page, user=user, csrf=csrf, menu=menu, here=here, **page.more)
    )


@cache
def read_asset(name: str) -> bytes:
    """One of `ASSETS`."""
    return _part(name).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: _KINDS.get(type(block), "words")
    return environment


def _part(name: str) -> str:
    return resources.files("appliance.console").joinpath(name).read_text("utf-8")
