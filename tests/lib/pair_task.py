"""Label sheets that teach relations: of two entity types, and of one with itself; no genes."""

from pathlib import Path
from typing import Final

SHEET: Final = """
title = "Drugs and harm"
vocabulary = "harm.tsv"
vocabulary_source = "invented"
registers = ["letter"]
topics = ["weather"]
[mix]
single = 0.5
several = 0.3
abbreviation = 0.0
none = 0.2
[[entity]]
name = "Drug"
definition = "A medicine."
includes = ["names"]
excludes = ["doses"]
examples = ["aspirin"]
[[entity]]
name = "BadEvent"
definition = "Harm."
includes = ["signs"]
excludes = ["words of severity"]
examples = ["rash"]
[[relation]]
name = "causes"
definition = "The drug caused the event."
head = "Drug"
tail = "BadEvent"
lines = 2.0
[relation.mix]
stated = 0.4
denied = 0.2
unrelated = 0.4
[relation.openings]
stated = ["{head} caused {tail}", "{tail} was seen {when} {head} was begun,"]
denied = ["{head} did not cause {tail}"]
unrelated = ["{Drug} caused {tail}, and {head}"]
[relation.frames]
stated = ["{head} caused {tail} {when} it was begun.", "{tail} from {head} and {Drug}."]
denied = ["{head} was no cause of {tail} {when} it was begun.", "{tail} is not from {head}."]
unrelated = ["{Drug} caused {tail}; {head} did well.", "{head} was held; {tail} was old."]
[[relation.example]]
kind = "stated"
head = "aspirin"
tail = "rash"
text = "He broke out in a rash an hour after he had taken aspirin."
register = "letter"
[[relation.example]]
kind = "denied"
head = "aspirin"
tail = "rash"
text = "The rash was older than the first tablet of aspirin he took."
register = "letter"
[[relation.example]]
kind = "unrelated"
head = "aspirin"
tail = "rash"
text = "She takes aspirin and asked about the rash of her neighbour."
register = "letter"
[[demonstration]]
entities = ["aspirin"]
text = "She took aspirin."
register = "letter"
[[demonstration]]
entities = []
text = "It rained."
register = "letter"
[compose.slots]
when = ["soon after", "a week after", "on the day that"]
"""
_DRUGS: Final = ("aspirin", "warfarin", "morphine", "atorvastatin", "allopurinol", "codeine")
_EVENTS: Final = ("rash", "dry cough", "nausea", "kidney injury", "headache", "low sodium")


def write_pair_task(labels: Path, sheet: str = SHEET) -> Path:
    """The sheet "harm" and its vocabulary are in `labels`."""
    rows = ["name\tsynonyms\tabbreviations\tlabel"]
    rows += [f"{name}\t\t\tDrug" for name in _DRUGS]
    rows += [f"{name}\t\t\tBadEvent" for name in _EVENTS]
    labels.joinpath("harm.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    path = labels / "harm.toml"
    path.write_text(sheet, encoding="utf-8")
    return path


def with_itself() -> str:
    """The sheet with a relation between two drugs in place of the other."""
    return SHEET.replace('tail = "BadEvent"', 'tail = "Drug"').replace(
        'tail = "rash"', 'tail = "a"'
    )
