"""Names that an operator gives to what a site makes: corpora, adapters, findings, models."""

import re
from typing import Final

from appliance.errors import BadInput

# Such a name is also the name of a file, and a fact of the ledger.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_name(name: str) -> bool:
    """Up to 64 letters, digits, dots, dashes and underscores, a letter or digit first."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, what: str, option: str) -> None:
    """`name` may be given to something.

    Args:
        name: The name.
        what: What it would name, with its article: "a corpus".
        option: Where another one is given: "--out".

    Raises:
        BadInput: It may not.
    """
    if not is_name(name):
        raise BadInput(
            f"That is no name for {what}: it has letters, digits, dots, dashes and underscores, "
            "64 at most, and begins with a letter or digit.",
            f"Give another one with {option}.",
        )
