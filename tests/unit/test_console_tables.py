"""How a table of the console is drawn, as far as its HTML tells."""

import re

from appliance.console.blocks import Page, Table
from appliance.console.rendering import read_asset, render

FACTS = "request=chatcmpl-1 caller=t rule=stale digest=0123456789abcdef"


def test_a_column_of_words_has_a_width_of_its_own():
    """On a narrow window its words would stand letter by letter, or be cut."""
    page = Page("Ledger", [Table("Entries", ("entry", "facts"), [("17", FACTS)])])

    cells = re.findall(r"<td[^>]*>", render(page))

    assert cells == ["<td>", '<td class="long">']
    assert b"td.long { min-width: 16rem; }" in read_asset("console.css")
    assert b".wide { overflow-x: auto; }" in read_asset("console.css")
