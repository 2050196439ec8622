"""Of a terminology, the part that a task needs, under names that can stand in a sentence."""

import csv
import io
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.errors import BadInput
from appliance.records.tasks import Term, is_short_form
from appliance.settings.vocabularies.concepts import Concept

# "Lupus Erythematosus, Systemic": catalogues turn names round.
_INVERTED: Final = re.compile(r"([^,]*[A-Za-z][^,]*), ([^,]+)")
# "Apolipoprotein L, 1": a number, a letter or a numeral by itself only counts.
_QUALIFIER: Final = re.compile(r"\b(?![IVXLC]+\b)[^\W\d_]{2,}", re.IGNORECASE)
# Nor is "member 3" said in front.
_COUNTED: Final = re.compile(
    r"(?:member|subunit|polypeptide|isoform|family|subfamily|homolog)\b", re.IGNORECASE
)
_LINKS: Final = re.compile(r"\b(?:and|or|with|without|of|in|due|not|except|other)\b", re.IGNORECASE)
# Titles of a classification and remarks of a catalogue; nobody writes them into a sentence.
_NO_NAME: Final = re.compile(
    r"[()\[\]{}|/;:*,\t\n]|\b(?:NOS|NEC|unspecified|elsewhere|obsolete|initial encounter)\b"
    r"|\bother specified\b|^other\b",
    re.IGNORECASE,
)
# "Ziv-Aflibercept" and "Vitamin", but neither "D-glucose" nor "Ca2+".
_CAPITAL: Final = re.compile(r"\b[A-Z](?=[a-z]{2})")
_MARKS: Final = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]")
_MIN_LETTERS: Final = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a terminology becomes a vocabulary.

    Attributes:
        label: Entity type.
        under: Places of which one must be above, or be, the concept; empty for all.
        without: Places of which none may.
        max_words: Longest name.
        lower: Whether a capital that only begins a word becomes a small letter: "Insulin glargine"
            stands so at the head of a sentence only. Not for names of people in it.
    """

    label: str
    under: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    max_words: int = 6
    lower: bool = False


def select_terms(concepts: Sequence[Concept], selection: Selection) -> list[Term]:
    """The terms, sorted by name; a name stands once, and a preferred one before a synonym.

    Raises:
        BadInput: A place is in no concept, or nothing is left.
    """
    known = frozenset[str]().union(*(concept.places for concept in concepts))
    if unknown := [place for place in (*selection.under, *selection.without) if place not in known]:
        raise BadInput(
            f"The file has nothing under {', '.join(unknown)}.",
            "Give codes, tree numbers or names as they stand in it.",
        )
    chosen = [concept for concept in concepts if _is_chosen(concept, selection)]
    named = [(concept, forms) for concept in chosen if (forms := _forms(concept, selection))]
    taken = {forms[0].casefold() for _, forms in named}
    terms: dict[str, Term] = {}
    for _, (name, *others) in named:
        if name.casefold() in terms:
            continue
        rest = [form for form in others if form.casefold() not in taken]
        taken |= {form.casefold() for form in rest}
        short = tuple(form for form in rest if is_short_form(form))
        long = tuple(form for form in rest if not is_short_form(form))
        terms[name.casefold()] = Term(name, long, short, selection.label)
    if not terms:
        raise BadInput("No name is left.", "Select more with --under, or allow more words.")
    return [terms[key] for key in sorted(terms)]


def to_tsv(terms: Iterable[Term]) -> str:
    """The vocabulary as a label sheet reads it."""
    lines = ["name\tsynonyms\tabbreviations\tlabel"]
    lines += [
        "\t".join((term.name, "|".join(term.synonyms), "|".join(term.abbreviations), term.label))
        for term in terms
    ]
    return "".join(f"{line}\n" for line in lines)


def from_tsv(content: str) -> list[Term]:
    """The terms of a vocabulary that `to_tsv` wrote."""
    rows = csv.DictReader(io.StringIO(content), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        Term(
            row["name"],
            tuple(filter(None, (row["synonyms"] or "").split("|"))),
            tuple(filter(None, (row["abbreviations"] or "").split("|"))),
            row["label"] or "",
        )
        for row in rows
    ]


def _is_chosen(concept: Concept, selection: Selection) -> bool:
    inside = not selection.under or not concept.places.isdisjoint(selection.under)
    return inside and concept.places.isdisjoint(selection.without)


def _forms(concept: Concept, selection: Selection) -> list[str]:
    """Every form that can stand in a sentence, the preferred one first.

    Plurals, and forms that differ in hyphen or apostrophe only, are left out: a label sheet finds
    them by the one that stays.
    """
    forms: dict[str, str] = {}
    for written in (concept.name, *concept.synonyms):
        form = _turned(" ".join(written.split()))
        if selection.lower:
            form = _CAPITAL.sub(lambda found: found[0].lower(), form)
        if _is_name(form, selection.max_words):
            forms.setdefault(_MARKS.sub("", form.casefold().replace("-", " ")), form)
    return [form for key, form in forms.items() if not _is_plural(key, forms)]


def _turned(written: str) -> str:
    inverted = _INVERTED.fullmatch(written)
    if inverted is None or _LINKS.search(written) or not _is_qualifier(inverted[2]):
        return written
    return f"{inverted[2]} {inverted[1]}"


def _is_qualifier(words: str) -> bool:
    return bool(_QUALIFIER.search(words)) and not _COUNTED.match(words)


def _is_plural(key: str, keys: Container[str]) -> bool:
    one = key.removesuffix("s")
    return one != key and (one in keys or f"{key.removesuffix('es')}is" in keys)


def _is_name(form: str, max_words: int) -> bool:
    letters = sum(character.isalpha() for character in form)
    enough = _MIN_LETTERS if not is_short_form(form) else _MIN_LETTERS - 1
    return letters >= enough and len(form.split()) <= max_words and not _NO_NAME.search(form)
