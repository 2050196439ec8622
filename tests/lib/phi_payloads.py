"""Requests that all carry an invented patient's identifier, disguised and hidden in many ways."""

import base64
import json
import random
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.records.notes import PatientIdentifier

_LOOK_ALIKE: Final = dict(zip("aceopxyACEHKMOPTX", "асеорхуАСЕНКМОРТХ", strict=True))
_ZERO_WIDTH: Final = "\u200b"

Disguise = Callable[[str], str]
DISGUISES: Final[dict[str, Disguise]] = {
    "plain": lambda text: text,
    "upper": str.upper,
    "lower": str.lower,
    "zero-width": _ZERO_WIDTH.join,
    "soft-hyphen": "\u00ad".join,
    "full-width": lambda text: "".join(
        chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text
    ),
    "look-alike": lambda text: "".join(_LOOK_ALIKE.get(sign, sign) for sign in text),
    "accents": lambda text: "".join(f"{sign}\u0301" if sign.isalpha() else sign for sign in text),
    "tabs": lambda text: text.replace(" ", "\t"),
    "lines": lambda text: text.replace(" ", "\n"),
    "double-space": lambda text: text.replace(" ", "  "),
    "brackets": lambda text: f"[[{text}]]",
    "json": lambda text: json.dumps({"value": text}),
}
# What only a decoder sees: the gate's business where it decodes, and told apart in reports.
ENCODINGS: Final[dict[str, Disguise]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "entities": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "unicode-escape": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "quoted": lambda text: urllib.parse.quote(text, safe=""),
}


@dataclass(frozen=True)
class Patient:
    """Somebody invented, registered at the site."""

    name: str
    numbers: dict[str, str]

    def identifiers(self) -> list[PatientIdentifier]:
        """As the registry has them."""
        named = [PatientIdentifier("name", self.name)]
        return named + [PatientIdentifier(kind, value) for kind, value in self.numbers.items()]


@dataclass(frozen=True)
class Payload:
    """One request, and how its identifier is hidden in it."""

    kind: str
    disguise: str
    place: str
    secret: str = field(repr=False)
    body: bytes = field(repr=False)


_SSN: Final = ((101, 665), (10, 99), (1000, 9999))
_GIVEN: Final = ("Ottoline", "Barnaby", "Philippa", "Ludovic", "Rosalind", "Thaddeus", "Winifred")
_FAMILY: Final = (
    "Quillfeather",
    "Marrowgate",
    "Plinthworthy",
    "Ashgrove",
    "Thistlewood",
    "Penhallow",
)


def patients() -> list[Patient]:
    """Two dozen invented patients; numbers from ranges that are never issued."""
    rng = random.Random(7)
    return [
        Patient(
            f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}",
            {
                "mrn": f"{rng.randrange(10**7, 10**8)}",
                "phone": f"({rng.randrange(201, 990)}) 555-01{rng.randrange(10, 99)}",
                "ssn": "-".join(str(rng.randrange(*part)) for part in _SSN),
                "email": f"patient{rng.randrange(100, 999)}@mail.example.org",
            },
        )
        for _ in range(24)
    ]


_FRAMES: Final = (
    "Please summarise that {} was seen today.",
    "Rewrite for the family of {}: the scan was normal.",
    "Is it true that {} has asthma?",
    "{}",
    "The letter about {} is ready.",
)
_ASK: Final = [{"role": "user", "content": "Summarise the visit."}]


def _in_content(text: str, rng: random.Random) -> dict[str, Any]:
    role = rng.choice(("user", "system", "assistant", "developer"))
    return {"messages": [*_ASK, {"role": role, "content": text}]}


def _in_parts(text: str, rng: random.Random) -> dict[str, Any]:
    cut = rng.randrange(1, max(2, len(text)))
    parts = [{"type": "text", "text": part} for part in (text[:cut], text[cut:])]
    return {"messages": [{"role": "user", "content": parts}]}


def _over_messages(text: str, rng: random.Random) -> dict[str, Any]:
    cut = rng.randrange(1, max(2, len(text)))
    pieces = (text[:cut], text[cut:])
    return {"messages": [{"role": "user", "content": piece} for piece in pieces if piece]}


_PLACES: Final[dict[str, Callable[[str, random.Random], dict[str, Any]]]] = {
    "content": _in_content,
    "parts": _in_parts,
    "messages": _over_messages,
    "name": lambda text, _: {"messages": [_ASK[0] | {"name": text[:64]}]},
    "user": lambda text, _: {"messages": _ASK, "user": text[:512]},
    "metadata-value": lambda text, _: {"messages": _ASK, "metadata": {"note": text[:512]}},
    "metadata-key": lambda text, _: {"messages": _ASK, "metadata": {text[:64]: "x"}},
    "stop": lambda text, _: {"messages": _ASK, "stop": [text[:64]]},
    "schema": lambda text, _: {
        "messages": _ASK,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object", "title": text}},
        },
    },
    "schema-key": lambda text, _: {
        "messages": _ASK,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"properties": {text: {}}}},
        },
    },
    "tool": lambda text, _: {"messages": _ASK, "tools": [{"type": text}]},
    "unknown-field": lambda text, _: {"messages": _ASK, text: 1},
    "model": lambda text, _: {"messages": _ASK, "model": text},
}
# Only in these is there room for a sentence around the identifier.
_WIDE: Final = frozenset({"content", "parts", "messages", "user", "metadata-value", "schema"})


def payloads(
    count: int, model: str, disguises: dict[str, Disguise], seed: int = 1
) -> Iterator[Payload]:
    """So many different requests, every place and disguise in turn."""
    rng, known = random.Random(seed), patients()
    places, ways = list(_PLACES), list(disguises)
    for number in range(count):
        patient = rng.choice(known)
        kind, value = rng.choice([("name", patient.name), *patient.numbers.items()])
        place = places[number % len(places)]
        way = ways[number // len(places) % len(ways)]
        text = disguises[way](value)
        if place in _WIDE:
            text = rng.choice(_FRAMES).format(text)
        fields = {"model": model} | _PLACES[place](text, rng)
        body = json.dumps(fields, ensure_ascii=rng.random() < 0.5).encode()
        yield Payload(kind, way, place, value, body)
