"""Whether an unknown word is spelled like a word or like a name: weak evidence, for weak alarms.

No list holds every word of medicine. "Circumareolar" is made of parts that words are made of,
"Lindqvist" of parts that names are made of; a linear model over groups of letters tells them
apart, learned from the gate's own lists (see `data/spelling.tsv`). Of names it had not seen, 3 in
100 pass for words, so it never speaks alone against two witnesses.
"""

from functools import lru_cache
from typing import Final

from appliance.gate import lexicon

_SIZES: Final = (2, 3, 4)
# Log odds. Of unseen names 3.1 %, of unseen words 66 % reach the first (10 % of the lists, held
# out), 9.6 % and 80 % the second, which is for text all in one case.
CLEARLY: Final = 2.0
RATHER: Final = 1.0
_START: Final = "(start)"
_MIN_LETTERS: Final = 4


@lru_cache(maxsize=4096)
def is_spelled_like_a_word(word: str, log_odds: float = CLEARLY) -> bool:
    """Whether `word` has the look of a word of the language, with `log_odds` or more.

    >>> is_spelled_like_a_word("circumareolar"), is_spelled_like_a_word("Lindqvist")
    (True, False)
    """
    parts = [part for part in word.lower().split("-") if part]
    return bool(parts) and all(_is_long(part) and _score(part) >= log_odds for part in parts)


def _is_long(word: str) -> bool:
    return len(word) >= _MIN_LETTERS and word.isalpha()


def _score(word: str) -> float:
    """Log odds that it is a word, each group of letters counted once."""
    weights = lexicon.spelling_weights()
    edged = f"^{word}$"
    groups = {edged[at : at + size] for size in _SIZES for at in range(len(edged) - size + 1)}
    return weights[_START] + sum(weights.get(group, 0.0) for group in groups)
