"""Overlap: what could leave repeats no note, measured against notes that could not have been seen.

Texts of one hospital resemble each other whatever was copied. So the same is measured for a
control: sentences of held-out patients against the notes of all others. What corpora share with
the vault must not exceed what strangers share.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Final

from appliance.audits.attack import conclude, not_tested
from appliance.audits.runs import WIDTH, Personal, Runs
from appliance.audits.statistics import fisher_greater, share, shares_by_edge
from appliance.audits.texts import Notes, Outgoing, owner_of, sentences_of, words_of
from appliance.records.audits import AttackResult, Chart, Estimate, Problem, Series
from appliance.records.notes import Note
from appliance.records.progress import Progress

CONTROL: Final = 2_000
"""Most sentences of held-out patients."""
_CONTROL_NOTES: Final = 400
# The gate finds each run of so many words that a prompt shares with a note.
_SUSPICIOUS: Final = 11
# Whatever strangers share, so many words in a row of one patient are a copy.
_COPY: Final = 25
# A holdout of which more than this stands in one patient's notes, nearly whole, is no holdout.
_MOST_COPIED: Final = 0.05
_WHOLE: Final = 0.9
_NEAR: Final = 0.5
_NEAR_RUNS: Final = 6
_ALPHA: Final = 0.001
_EDGES: Final = (0, 5, 6, 7, 8, 9, 10, 11, 13, 15, 20, 25, 40)


class Overlap:
    """Longest personal runs, near-duplicates and rare runs, against a control; an `Attack`.

    Args:
        outgoing: Texts that could leave.
        notes: The vault's.
        public: Texts that may be repeated: label sheets and vocabularies.
        holdout: Notes that were never in the vault, as the control; without them, the control is
            made of held-out patients of the vault.
        seed: Of the sample.
    """

    name = "overlap"
    claim = "No text that could leave repeats what one patient's notes say."

    def __init__(
        self,
        outgoing: Sequence[Outgoing],
        notes: Notes | None,
        public: Sequence[str] = (),
        holdout: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        # An accepted answer lies in its journal and in its corpus.
        self._outgoing = list({one.text: one for one in reversed(outgoing)}.values())[::-1]
        self._notes = notes
        self._public = public
        self._holdout = holdout
        self._seed = seed

    def run(self, progress: Progress) -> AttackResult:
        """All texts against all notes, in one reading of the vault."""
        if not self._outgoing:
            return not_tested(self, "There is no corpus: nothing could leave.")
        if self._notes is None or not self._notes.count():
            return not_tested(self, "There are no notes in the vault to compare with.")
        control, owners = self._draw_control(self._notes)
        texts = [one.text for one in self._outgoing]
        runs = Runs([*texts, *control], [*[""] * len(texts), *owners], self._public)
        progress.begin(self.name, self._notes.count())
        runs.look(_told(self._notes, progress))
        measured = runs.personal()
        return self._judge(measured[: len(texts)], measured[len(texts) :])

    def _draw_control(self, notes: Notes) -> tuple[list[str], list[str]]:
        """Sentences as long as the texts are, and whose each is."""
        rng = random.Random(self._seed)
        wanted = Counter(len(words_of(one.text)) for one in self._outgoing)
        sources = (
            [("", text) for text in self._holdout]
            if self._holdout
            else [(owner_of(note), note.text) for note in notes.sample(_CONTROL_NOTES, self._seed)]
        )
        pieces = [
            (owner, piece)
            for owner, text in sources
            for piece in _pieces(text, rng.choices(list(wanted), list(wanted.values()))[0])
        ]
        rng.shuffle(pieces)
        kept = pieces[:CONTROL]
        return [text for _, text in kept], [owner for owner, _ in kept]

    def _judge(self, found: Sequence[Personal], control: Sequence[Personal]) -> AttackResult:
        limit = _limit(control)
        problems = list(self._find_copies(found, limit))
        hits, control_hits = (
            sum(one.longest >= _SUSPICIOUS - 3 for one in group) for group in (found, control)
        )
        chance = fisher_greater(hits, len(found), control_hits, len(control))
        if hits and chance < _ALPHA:
            problems.append(
                Problem(
                    "overlap.more-than-strangers",
                    "corpora",
                    f"{hits} of {len(found)} texts share {_SUSPICIOUS - 3} words in a row with one "
                    f"patient's notes, {control_hits} of {len(control)} do by chance "
                    f"(p = {chance:.1e}).",
                    "Something that made them has seen notes: find out what, and let none leave.",
                )
            )
        longest = max((one.longest for one in found), default=0)
        done = conclude(
            self,
            f"{len(found)} texts against {self._notes.count() if self._notes else 0} notes: the "
            f"longest run that one patient alone has is {longest} words, {limit} would be a copy.",
            problems,
            estimates=self._estimates(found, control, limit),
            blind_spots=self._blind_spots(control, limit),
            charts=[_histogram(found, control)],
        )
        copied = sum(map(_is_copy, control)) if self._holdout else 0
        if copied > _MOST_COPIED * len(control) and not problems:
            # A control that has seen the notes makes any text look harmless.
            return not_tested(
                self,
                f"{copied} of {len(control)} sentences of the holdout stand in one patient's notes "
                "of the vault: it is no control. Give notes of other patients with --holdout, "
                "which were never imported, or none.",
                is_broken=True,
                so_far=done,
            )
        return done

    def _find_copies(self, found: Sequence[Personal], limit: int) -> Iterable[Problem]:
        pairs = list(zip(self._outgoing, found, strict=True))
        copied = [(one.where, one.text_id) for one, what in pairs if what.longest >= limit]
        copied += [
            (one.where, one.text_id)
            for one, what in pairs
            if what.contained >= _NEAR
            and what.runs >= _NEAR_RUNS
            and what.longest < limit
            and what.rare >= _NEAR_RUNS // 2
        ]
        for where, group in groupby(sorted(copied), key=lambda pair: pair[0]):
            ids = [text_id for _, text_id in group]
            yield Problem(
                "overlap.copied-note",
                where,
                f"{len(ids)} text(s) repeat a note of one patient; the first is {ids[0]}.",
                "Let nothing made from it leave, and find out how it came to see notes.",
            )

    def _estimates(
        self, found: Sequence[Personal], control: Sequence[Personal], limit: int
    ) -> list[Estimate]:
        estimates = []
        for who, group in (("texts", found), ("control", control)):
            near = sum(one.contained >= _NEAR and one.runs >= _NEAR_RUNS for one in group)
            estimates += [
                share(f"{who} that share {limit} words or more", _count(group, limit), len(group)),
                share(
                    f"{who} that share {_SUSPICIOUS - 3} words or more",
                    _count(group, _SUSPICIOUS - 3),
                    len(group),
                ),
                share(f"{who} half of which one patient has", near, len(group)),
                share(
                    f"runs of {WIDTH} words of {who} that one patient alone has",
                    sum(one.rare for one in group),
                    sum(one.runs for one in group),
                ),
            ]
        return estimates

    def _blind_spots(self, control: Sequence[Personal], limit: int) -> list[str]:
        spots = [
            f"A copy of fewer than {limit} words in a few texts: strangers share as much.",
            "A copy that was rephrased or translated.",
            "What a reader infers from the meaning alone.",
        ]
        if self._holdout:
            spots.append("Phrases that the holdout happens not to share are counted as personal.")
        if len(control) < len(self._outgoing):
            spots.append(
                f"The control has {len(control)} sentences only; small differences from it would "
                "not be seen."
            )
        return spots


def _limit(control: Sequence[Personal]) -> int:
    """Longer than anything that strangers share; never so long that a copy would pass."""
    longest = max((one.longest for one in control), default=0)
    return max(_SUSPICIOUS, min(longest + 1, _COPY))


def _is_copy(one: Personal) -> bool:
    """Whether a control sentence is one patient's, nearly whole, and no common phrase."""
    return one.runs >= _NEAR_RUNS and one.contained >= _WHOLE and one.rare > 0


def _count(group: Sequence[Personal], words: int) -> int:
    return sum(one.longest >= words for one in group)


def _pieces(text: str, words: int) -> Iterable[str]:
    """The text's sentences, joined until each piece has about so many words."""
    piece: list[str] = []
    for sentence in sentences_of(text):
        piece += words_of(sentence)
        if len(piece) >= words:
            yield " ".join(piece[: max(words, WIDTH)])
            piece = []


def _told(notes: Notes, progress: Progress) -> Iterable[Note]:
    for note in notes.stream():
        yield note
        progress.advance()


def _histogram(found: Sequence[Personal], control: Sequence[Personal]) -> Chart:
    def bars(group: Sequence[Personal]) -> tuple[float, ...]:
        return shares_by_edge([one.longest for one in group], _EDGES)

    names = [f"{low}" if high - low == 1 else f"{low}-{high - 1}" for low, high in pairwise(_EDGES)]
    places = tuple(float(at) for at in range(len(_EDGES)))
    return Chart(
        "histogram",
        "Longest run of words that a text shares with one patient alone, beside the control.",
        "words in a row",
        "share of texts",
        (Series("texts that could leave", places, bars(found)),
         Series("control: strangers", places, bars(control))),
        ("none", *names[1:], f"{_EDGES[-1]}+"),
    )  # fmt: skip
