# ruff: noqa: SIM905 - word lists read best whole
"""Whether a text about a pair speaks of it as was asked: a model that should state often denies."""

from collections.abc import Iterable
from typing import Final

from appliance.records.tasks import PairKind, PairTeaching, RelationType
from appliance.synthesis.curation.words import split_words

_DENYING: Final = frozenset(
    "no not nor neither never none without cannot failed fails lack lacks lacked lacking absence "
    "absent excluded excludes exclude unrelated unlikely unable refuted ruled didn doesn don isn "
    "wasn weren aren couldn hasn hadn".split()
)


class Denying:
    """Words by which a sheet's relation is denied.

    Args:
        relation: Of the sheet. What its own texts that state it say is no denial; what only those
            that deny it say may be one, in whatever language they are.
    """

    def __init__(self, relation: RelationType) -> None:
        teaching = relation.teaching
        assert teaching is not None
        self._matters = relation.label_of(PairKind.STATED) != relation.label_of(PairKind.DENIED)
        stated, denied = _words(teaching, PairKind.STATED), _words(teaching, PairKind.DENIED)
        self._excludes = _DENYING - stated
        self._allows = (_DENYING | denied) - stated

    def is_otherwise(self, kind: PairKind, text: str, *, is_opened: bool) -> bool:
        """Whether the text says another thing of the pair than was asked for, as far as words tell.

        Of a text that speaks of no relation nothing is told; where denied pairs bear the label of
        stated ones it does not matter. A given opening has said it already.
        """
        words = {word.folded for word in split_words(text)}
        if not self._matters:
            return False
        if kind is PairKind.STATED:
            return bool(words & self._excludes)
        return kind is PairKind.DENIED and not is_opened and not words & self._allows


def _words(teaching: PairTeaching, kind: PairKind) -> frozenset[str]:
    shown = (one.text for one in teaching.examples if one.kind is kind)
    texts: Iterable[str] = (
        *shown,
        *teaching.openings.get(kind, ()),
        *teaching.frames.get(kind, ()),
    )
    return frozenset(word.folded for text in texts for word in split_words(text))
