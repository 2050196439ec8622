"""What holds for the word material of the invented hospital, drawn or not."""

import re

import pytest

from appliance.invented import material, slots_clinical, slots_people
from appliance.invented.grammar import Choice, Mention, Slot, Words, parse
from appliance.settings.policies import _SHIPPED
from appliance.settings.tasks import load_task

_SLOTS = {**slots_clinical.SLOTS, **slots_people.SLOTS}
_ROWS = {
    "age",
    "forms",
    "short",
    "sx",
    "drugs",
    "hpi",
    "course",
    "exam",
    "labs",
    "img",
    "plan",
    "nurse",
}
_TOKEN = re.compile(r"\w+")


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        # `forms` and `short` are mentions as a whole; a layout's other keys are settings.
        yield from (
            s
            for key, v in value.items()
            if key not in {"forms", "short", "style", "needs", "sex"}
            for s in _strings(v)
        )
    elif isinstance(value, list):
        yield from (s for item in value for s in _strings(item))


def _templates():
    names = (*material.CONDITION_FILES, "phrases.toml", *material.LAYOUT_FILES)
    return [template for name in names for template in _strings(dict(material.read(name)))]


def _nodes(nodes):
    for node in nodes:
        yield node
        match node:
            case Choice(options):
                for option in options:
                    yield from _nodes(option)
            case Mention(body):
                yield from _nodes(body)


def _plain(nodes):
    """Plain words, with a bar wherever something else stands."""
    parts = []
    for node in nodes:
        match node:
            case Words(text):
                parts.append(text)
            case Choice(options):
                parts.append("|" + "|".join(_plain(option) for option in options) + "|")
            case _:
                parts.append("|")
    return "".join(parts)


def test_every_template_parses_and_every_slot_is_known():
    phrases = set(material.read("phrases.toml"))
    rows = {key for row in material.conditions().values() for key in row}

    for template in _templates():
        for node in _nodes(parse(template)):
            if isinstance(node, Slot):
                assert node.name in _SLOTS or node.name in phrases or node.name in rows, template
                if node.name in {"n", "f"}:
                    low, high = node.argument.split("-")
                    assert float(low) < float(high), template


def test_every_storyline_is_complete():
    conditions = material.conditions()

    assert len(conditions) >= 45
    for key, row in conditions.items():
        assert set(row) >= _ROWS, key
        assert all(
            len(study) == 3 for study in (*row["img"], *row.get("op", ()), *row.get("path", ()))
        )


def test_every_note_kind_has_several_layouts():
    layouts = material.layouts()

    assert len(layouts) >= 10
    assert all(len(rows) >= 3 for rows in layouts.values())


def test_no_template_names_a_disease_outside_brackets():
    """But for the lookalikes, which are listed with what they mean."""
    _, vocabulary = load_task(_SHIPPED / "labels", "disease")
    names = {
        " ".join(_TOKEN.findall(n.lower())) for t in vocabulary.terms for n in (t.name, *t.synonyms)
    }
    shorts = {short for term in vocabulary.terms for short in term.abbreviations}
    lookalikes = set(material.read("lookalikes.toml")["meanings"])

    found = []
    for template in _templates():
        plain = _plain(parse(template))
        for phrase in sorted(lookalikes, key=len, reverse=True):
            plain = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", "|", plain)
        for part in re.split(r"[|\n]", plain):
            tokens = [match.span() for match in _TOKEN.finditer(part)]
            for first in range(len(tokens)):
                for last in range(first, min(len(tokens), first + 8)):
                    raw = part[tokens[first][0] : tokens[last][1]]
                    shouted = raw.upper() in shorts and raw.upper() not in lookalikes
                    if " ".join(_TOKEN.findall(raw.lower())) in names or shouted:
                        found.append((raw, template[:60]))

    assert found == []


@pytest.mark.parametrize(
    "broken", ["no [end", "a <b|c", "{slot", "closed] only", "a > b>", "[a {n:1-2}"]
)
def test_a_broken_template_is_refused_or_plain(broken):
    """A sign that closes nothing is plain text; one that never closes is a mistake."""
    if broken[-1] in ">y":
        assert parse(broken) == (Words(broken),)
    else:
        with pytest.raises(ValueError, match="not closed"):
            parse(broken)
