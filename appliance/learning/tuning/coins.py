"""Coins: which rows of a corpus a private training leaves out, so that it can be audited.

A bound on epsilon from one run holds where a fair coin decided about each text whether the training
saw it. So coins are tossed for a tenth of the train rows, from a key that stays on the site: nobody
who is given the adapter learns from its card what it saw.

Source: Steinke, Nasr and Jagielski 2023, arXiv:2305.08846, privacy auditing with one training run.
"""

import hmac
import random
from dataclasses import dataclass
from typing import Final

MOST: Final = 400
"""Most rows a coin is tossed for."""
LEAST: Final = 60
"""Fewer would show nothing: none is tossed then."""
SWITCH: Final = "coins"
"""On the card: for how many rows, and a keyed hash by which an audit knows these coins again."""
_OF: Final = 10


@dataclass(frozen=True, slots=True)
class Coins:
    """How the coins fell.

    Attributes:
        seen: Numbers of train rows that stay, of those a coin was tossed for; ascending.
        left_out: Those that training does not see; ascending.
        mark: Keyed hash of both: whoever knows all coins but one can't try the last by it.
    """

    seen: tuple[int, ...]
    left_out: tuple[int, ...]
    mark: str = ""

    def switches(self) -> dict[str, str]:
        """For the card; nothing where none was tossed."""
        if not self.seen and not self.left_out:
            return {}
        return {SWITCH: f"{len(self.seen) + len(self.left_out)} {self.mark}"}


NONE: Final = Coins((), ())


def toss(key: bytes, adapter: str, corpus: str, rows: int) -> Coins:
    """The same coins for the same key, adapter, corpus and count of rows every time.

    Args:
        key: Of the site; it never leaves.
        adapter: Its name.
        corpus: Digest of the corpus's manifest.
        rows: In its train split.
    """
    count = min(MOST, rows // _OF)
    if count < LEAST:
        return NONE
    seed = hmac.digest(key, f"training coins {adapter} {corpus}".encode(), "sha256")
    chance = random.Random(seed)
    chosen = sorted(chance.sample(range(rows), count))
    heads = [bool(chance.getrandbits(1)) for _ in chosen]
    seen = tuple(row for row, head in zip(chosen, heads, strict=True) if head)
    left_out = tuple(row for row, head in zip(chosen, heads, strict=True) if not head)
    mark = hmac.new(key, f"coins that fell {seen}{left_out}".encode(), "sha256").hexdigest()[:16]
    return Coins(seen, left_out, mark)
