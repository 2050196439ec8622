"""Public terms of the site's label sheets: what a prompt must be able to say.

The vocabularies under `policies/labels/` are reviewed and digested with the other policies. A term
lifts an alarm only where the alarm lies within the term, written out whole in the text; a short
form such as "EDA" only where it stands in capitals amid small letters, since "Eda" is a name.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.gate.normalisation import normalise

_WORD: Final = re.compile(r"[a-z0-9]+")
_MIN_LETTERS: Final = 4
_SHORT_FORM: Final = re.compile(r"[A-Z]{3}")
_SIDE: Final = 120


class Terms:
    """Terms, findable around a place in a text.

    Args:
        terms: As the vocabulary writes them.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self._by_word: dict[str, set[str]] = {}
        self._short_forms: set[str] = set()
        for term in terms:
            if _SHORT_FORM.fullmatch(term):
                self._short_forms.add(term)
            plain = " ".join(normalise(term).text.lower().split())
            if sum(map(str.isalpha, plain)) >= _MIN_LETTERS:
                for word in _WORD.findall(plain):
                    self._by_word.setdefault(word, set()).add(plain)

    def covers(self, text: str, start: int, end: int) -> bool:
        """Whether `text[start:end]` lies within a whole term.

        >>> Terms(["Wilson disease"]).covers("Has Wilson disease.", 4, 10)
        True
        """
        if text[start:end] in self._short_forms:
            return _is_amid_small_letters(text, start, end)
        words = _WORD.findall(text[start:end].lower())
        candidates = (
            set.intersection(*(self._by_word.get(word, set()) for word in words))
            if words
            else set()
        )
        first = max(0, start - _SIDE)
        near = text[first : end + _SIDE].lower()
        return any(_stands(near, term, start - first, end - first) for term in candidates)


def load_terms(labels: Path) -> Terms:
    """All names, synonyms and short forms of the vocabularies in the directory.

    Raises:
        BadInput: A vocabulary is not UTF-8 or can't be read.
    """
    terms: list[str] = []
    for path in sorted(labels.glob("*.tsv")):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise BadInput(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
        except OSError as error:
            raise BadInput(
                f"{path} can't be read: {error.strerror}.", "Let this user read it, or remove it."
            ) from None
        for line in lines[1:]:
            terms += [part for cell in line.split("\t")[:3] for part in cell.split("|")]
    return Terms(terms)


def _is_amid_small_letters(text: str, start: int, end: int) -> bool:
    """Whether it is a word of its own, and whoever wrote what is around it uses small letters."""
    near = text[max(0, start - _SIDE) : start] + text[end : end + _SIDE]
    is_whole = not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
    return is_whole and sum(map(str.islower, near)) > sum(map(str.isupper, near))


def _stands(near: str, term: str, start: int, end: int) -> bool:
    """Whether the term stands around [start, end) as whole words."""
    at = near.find(term)
    while at != -1:
        last = at + len(term)
        is_whole = not (near[at - 1 : at].isalnum() or near[last : last + 1].isalnum())
        if is_whole and at <= start and end <= last:
            return True
        at = near.find(term, at + 1)
    return False
