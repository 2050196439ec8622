"""Readers of terminologies, each of the file that its makers publish."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from appliance.errors import BadInput
from appliance.settings.vocabularies.concepts import Concept, not_of

_OBO_SYNONYM: Final = re.compile(r'"((?:[^"\\]|\\.)*)" (EXACT|RELATED|NARROW|BROAD)\b')
_ICD_LINE: Final = re.compile(r"\d{5} (\S{3,7}) +([01]) .{60} (\S.*?)\s*")

_SYMBOLS: Final = ("alias_symbol", "synonyms", "prev_symbol", "previous_symbols")
_MARK: Final = re.compile(r"\||, ")
_OTHER_NAMES: Final = tuple(dict.fromkeys(("synonyms", "abbreviations", "symbol", *_SYMBOLS)))


def read_concepts(path: Path, form: str) -> list[Concept]:
    """Every entry of the file, in its order, obsolete ones left out.

    Args:
        path: The file.
        form: One of `FORMATS`.

    Raises:
        BadInput: Unreadable, or not of that format.
    """
    try:
        concepts = list(FORMATS[form](path))
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror or 'I/O error'}.",
            "Name a file that this user may read.",
        ) from None
    except (UnicodeDecodeError, ET.ParseError, csv.Error):
        raise not_of(path, form) from None
    if not concepts:
        raise not_of(path, form)
    return concepts


def _mesh(path: Path) -> Iterator[Concept]:
    """MeSH descriptors, `desc20XX.xml` of the National Library of Medicine."""
    # The operator's own file; expat itself bounds what entities may grow to.
    for _, element in ET.iterparse(path):  # noqa: S314
        if element.tag != "DescriptorRecord":
            continue
        name = element.findtext("DescriptorName/String") or ""
        terms = [term.text or "" for term in element.iterfind("ConceptList//Term/String")]
        trees = [tree.text or "" for tree in element.iterfind("TreeNumberList/TreeNumber")]
        code = element.findtext("DescriptorUI") or ""
        synonyms = tuple(term for term in terms if term != name)
        yield Concept(code, name, synonyms, _prefixes(trees, "."))
        # A year of MeSH is 300 MB; what was read is let go.
        element.clear()


def _obo(path: Path) -> Iterator[Concept]:
    """OBO 1.4: Disease Ontology (`doid.obo`), Human Phenotype Ontology (`hp.obo`).

    Exact synonyms only: related and narrow ones name other things.
    """
    stanzas: list[tuple[str, str, tuple[str, ...]]] = []
    parents: dict[str, list[str]] = {}
    for stanza in path.read_text(encoding="utf-8").split("\n["):
        kind, _, body = stanza.partition("]")
        if kind != "Term":
            continue
        tags: dict[str, list[str]] = {}
        for line in body.splitlines():
            tag, colon, value = line.partition(": ")
            if colon:
                tags.setdefault(tag, []).append(value)
        if "id" not in tags or "name" not in tags or "true" in tags.get("is_obsolete", ()):
            continue
        found = (_OBO_SYNONYM.match(value) for value in tags.get("synonym", ()))
        exact = tuple(one[1].replace('\\"', '"') for one in found if one and one[2] == "EXACT")
        code = tags["id"][0]
        stanzas.append((code, tags["name"][0], exact))
        parents[code] = [value.partition(" ")[0] for value in tags.get("is_a", ())]
    for code, name, synonyms in stanzas:
        yield Concept(code, name, synonyms, _above(code, parents))


def _drugbank(path: Path) -> Iterator[Concept]:
    """DrugBank's open vocabulary, `drugbank vocabulary.csv`."""
    for row in _table(path, ",", ("DrugBank ID", "Common name", "Synonyms")):
        synonyms = tuple(row["Synonyms"].split(" | "))
        yield Concept(row["DrugBank ID"], row["Common name"], synonyms, frozenset())


def _hgnc(path: Path) -> Iterator[Concept]:
    """HGNC's `hgnc_complete_set.txt`: the symbol is the name; withdrawn entries are left out.

    Releases before 2014 call aliases and previous symbols otherwise, and split them by commas.
    """
    for row in _table(path, "\t", ("hgnc_id", "symbol", "name")):
        if row.keys().isdisjoint(_SYMBOLS):
            raise BadInput(
                f"{path} has no column of other symbols: none of {', '.join(_SYMBOLS)}.",
                "Name the file as its makers publish it, with all of its columns.",
            )
        if "withdrawn" in (row.get("status") or "").casefold():
            continue
        others = [part for column in _SYMBOLS for part in _MARK.split(row.get(column) or "")]
        # Its commas turn no name round: "cholinergic receptor, muscarinic 3".
        others += [] if "," in row["name"] else [row["name"]]
        yield Concept(row["hgnc_id"], row["symbol"], tuple(others), frozenset())


def _icd10cm(path: Path) -> Iterator[Concept]:
    """ICD-10-CM's order file, `icd10cm-order-20XX.txt` of the CDC: every code, long titles."""
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _ICD_LINE.fullmatch(line)
        if found is None:
            raise not_of(path, "icd10cm")
        code = found[1]
        starts = frozenset(code[:length] for length in range(1, len(code) + 1))
        yield Concept(code, found[3], (), starts)


def _tsv(path: Path) -> Iterator[Concept]:
    """A table with a column `name`; its first column is the id.

    Of these columns, "|"-separated, what is there is used: `synonyms`, `abbreviations`,
    HGNC's symbols, `tree_numbers`, `parents` (names).
    """
    rows = list(_table(path, "\t", ("name",)))
    parents = {row["name"]: _cells(row, "parents") for row in rows}
    for row in rows:
        names = [cell for column in _OTHER_NAMES for cell in _cells(row, column)]
        trees = _prefixes(_cells(row, "tree_numbers"), ".")
        code = next(iter(row.values()))
        yield Concept(
            code, row["name"], tuple(names), trees | _above(row["name"], parents) | {code}
        )


FORMATS: Final[Mapping[str, Callable[[Path], Iterable[Concept]]]] = {
    "mesh": _mesh,
    "obo": _obo,
    "drugbank": _drugbank,
    "hgnc": _hgnc,
    "icd10cm": _icd10cm,
    "tsv": _tsv,
}


def _table(path: Path, delimiter: str, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    text = path.read_text(encoding="utf-8-sig")
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    header = next(rows, [])
    has_names = "name" in text.partition("\n")[0].rstrip("\r").split("\t")
    if not set(needed) <= set(header):
        raise BadInput(
            f"{path} has no columns {', '.join(needed)}.",
            "It has a column `name`: read it with --format tsv."
            if has_names
            else "Name the file as its makers publish it, or another --format.",
        )
    for row in rows:
        yield dict(zip_longest(header, row[: len(header)], fillvalue=""))


def _cells(row: Mapping[str, str], column: str) -> list[str]:
    return [part.strip() for part in (row.get(column) or "").split("|") if part.strip()]


def _prefixes(paths: Iterable[str], separator: str) -> frozenset[str]:
    """Of "C04.557" also "C04": where it lies."""
    return frozenset(
        separator.join(parts[:length])
        for parts in (path.split(separator) for path in paths)
        for length in range(1, len(parts) + 1)
    )


def _above(code: str, parents: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The code and all that it lies under; a ring of parents ends too."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents.get(one, ())
    return frozenset(found)
