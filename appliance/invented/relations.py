"""Sentences with drugs and adverse events, some related and some only side by side."""

import random
import re
from typing import Any, Final

from appliance.invented import material
from appliance.invented.decks import Decks
from appliance.invented.grammar import Choice, Node, Slot, Words, parse
from appliance.invented.manuscript import Manuscript
from appliance.records.gold import GoldDocument
from appliance.records.spans import Relation

DRUG: Final = "Drug"
EVENT: Final = "AdverseEvent"
ADVERSE_EVENT: Final = "adverse-event"
_SENTENCES: Final = 120
_PLACE: Final = re.compile(r"(\d)>(\d)")


def invent_relation_gold(seed: int) -> tuple[GoldDocument, ...]:
    """A hundred and twenty different sentences; which pairs are related is the template's say."""
    rng = random.Random(f"{seed}/relations")
    decks = Decks()
    seen: set[str] = set()
    documents: list[GoldDocument] = []
    rows = material.read("relations.toml")["sentence"]
    while len(documents) < _SENTENCES:
        (place,) = decks.draw("sentences", len(rows), 1, rng)
        document = _document(len(documents) + 1, rows[place], rng, decks)
        if document.text not in seen:
            seen.add(document.text)
            documents.append(document)
    return tuple(documents)


def _document(number: int, row: Any, rng: random.Random, decks: Decks) -> GoldDocument:
    effects = material.read("relations.toml")["effect"]
    (place,) = decks.draw("effects", len(effects), 1, rng)
    effect = effects[place]
    fillers = {
        "drug": effect["drug"],
        "event": rng.choice(effect["events"]),
        "other": rng.choice([e["drug"] for e in effects if e["drug"] != effect["drug"]]),
    }
    others = [event for e in effects for event in e["events"] if event not in effect["events"]]
    fillers["event2"] = rng.choice([e for e in effect["events"] if e != fillers["event"]])
    fillers["stray"] = rng.choice(others)
    manuscript = Manuscript()
    for node in parse(row["text"]):
        _write(node, fillers, rng, manuscript)
    pairs = tuple(
        Relation(int(head), int(tail), ADVERSE_EVENT) for head, tail in _PLACE.findall(row["pairs"])
    )
    spans = manuscript.spans([DRUG, EVENT])
    return GoldDocument(f"LH-R{number:04d}", manuscript.text, spans, pairs)


def _write(node: Node, fillers: dict[str, str], rng: random.Random, out: Manuscript) -> None:
    match node:
        case Words(text):
            out.add(text)
        case Choice(options):
            for inner in rng.choice(options):
                _write(inner, fillers, rng, out)
        case Slot(name, argument):
            surface = fillers[name.lower()]
            kind = DRUG if name.lower() in {"drug", "other"} else EVENT
            out.add(surface.capitalize() if argument == "C" else surface, kind)
        case _:
            raise ValueError("a relation sentence has slots for its entities, no brackets")
