"""The ways in which programs write an identifier: what is registered is only one of them.

A name stands in a message as "FAMILY^GIVEN", in a list as "Family, Given", in a file's name with a
dot between; a telephone number with or without hyphens. Digits alone stand everywhere by chance:
few are searched for beside a label only, some more are set against numbers that nobody has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

NUMBER: Final = "short number"
"""Kind of a number of six or seven digits, searched for without its label."""
DRAWN: Final = "number drawn at random"
"""Kind of one that nobody has: how often it is found tells how often any is by chance."""
_NAMES: Final = frozenset({"name", "swapped name", "canary"})
_NUMBERS: Final = frozenset(
    {"mrn", "phone", "fax", "ssn", "health-plan", "account", "licence", "device"}
)
_SEPARATORS: Final = re.compile(r"[\s()./+-]+")
_PARTS: Final = {
    "phone": (3, 3, 4, ("{}-{}-{}", "({}) {}-{}", "({}){}-{}", "{}.{}.{}", "{} {} {}")),
    "fax": (3, 3, 4, ("{}-{}-{}", "({}) {}-{}", "({}){}-{}", "{}.{}.{}", "{} {} {}")),
    "ssn": (3, 2, 4, ("{}-{}-{}", "{} {} {}")),
}
# Of a text shorter than this something like it stands everywhere; of digits alone more are needed.
_SHORTEST: Final = 6
_FEWEST_DIGITS: Final = 8
_LABELLED: Final = (
    "{} {}", "{}: {}", "{}:{}", "{}={}", '{}": "{}', '{}": {}', "{}|{}", "{},{}",
    '{}":"{}', '{}":{}', "{}{}", "{}-{}", "{}# {}", "{}#{}", "{} #{}", "{} # {}", "{}#: {}",
    "{} no {}", "{} no. {}", "{} no: {}", "{} no.: {}", "{} number {}", "{} number: {}",
)  # fmt: skip
# HL7 and FHIR, where the label stands elsewhere.
_IN_MESSAGES: Final = ("|{}^", '"value":"{}"', '"value": "{}"')


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a value.

    Attributes:
        text: What stands there.
        is_bounded: Whether no letter or digit may stand on either side.
    """

    text: str = field(repr=False)
    is_bounded: bool = False


def forms_of(kind: str, value: str) -> Iterator[Form]:
    """Each way once; none where what stands there would tell nothing.

    Args:
        kind: Of the registry: "name", "phone", "mrn", ...
        value: As it is registered.
    """
    if kind in {NUMBER, DRAWN}:
        yield Form(value, is_bounded=True)
        return
    seen = set()
    for text in _written(kind, value):
        form = _searchable(text)
        if form is None:
            continue
        if form.text not in seen:
            seen.add(form.text)
            yield form
    if not seen and value.isdigit() and kind in _NUMBERS:
        yield from (Form(way.format(kind, value), is_bounded=True) for way in _LABELLED)
        # Of fewer digits these stand in anybody's messages.
        messages = () if needs_label(value) else _IN_MESSAGES
        yield from (Form(way.format(value)) for way in messages)


def short_number(kind: str, value: str) -> str:
    """The digits of a number that is too short to be found alone without a doubt; else ""."""
    digits = _SEPARATORS.sub("", value) if kind in _NUMBERS else ""
    is_short = _SHORTEST <= len(digits) < _FEWEST_DIGITS
    return digits if is_short and digits.isascii() and digits.isdigit() else ""


def needs_label(value: str) -> bool:
    """Whether it is a number so short that it is searched for beside a label only."""
    return len(value) < _SHORTEST and value.isdigit()


def _searchable(text: str) -> Form | None:
    if text.isdigit():
        return Form(text, is_bounded=True) if len(text) >= _FEWEST_DIGITS else None
    return Form(text) if len(text) >= _SHORTEST else None


def _written(kind: str, value: str) -> Iterator[str]:
    yield value
    if kind in _NAMES and not value.islower():
        yield from _turned(value)
    elif kind in _NUMBERS:
        plain = _SEPARATORS.sub("", value)
        yield plain
        yield from _punctuated(kind, plain)


def _turned(value: str) -> Iterator[str]:
    """A name of two words and more, in the orders of sentences, lists, messages and files."""
    family, comma, rest = value.partition(",")
    given = rest.split()
    if not comma:
        *given, family = value.split()
    family = family.strip()
    if not given or not family:
        return
    first = " ".join(given)
    yield f"{first} {family}"
    yield from (f"{family}{between}{first}" for between in (", ", ",", " ", "^"))
    yield from (between.join([family, *given]) for between in ("^", "_", "."))
    yield from (between.join([*given, family]) for between in ("_", ".", "+", "%20"))


def _punctuated(kind: str, digits: str) -> Iterator[str]:
    if kind not in _PARTS or not digits.isdigit():
        return
    a, b, c, ways = _PARTS[kind]
    if len(digits) == a + b + c:
        parts = digits[:a], digits[a : a + b], digits[a + b :]
        yield from (way.format(*parts) for way in ways)
