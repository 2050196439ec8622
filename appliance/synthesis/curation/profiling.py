"""What a collection of texts looks like, in numbers: whether invented text is like real text.

A profile holds counts and shares only, never a word, so that one of real texts may be looked at.
Sources: distinct-n, Li et al. 2016 (arXiv 1510.03055); self-BLEU, Zhu et al. 2018
(arXiv 1802.01886).
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import Final

from appliance.records.tasks import Vocabulary, is_short_form
from appliance.synthesis.curation.lexicon import Lexicon
from appliance.synthesis.curation.words import split_words

_GRAMS: Final = (1, 2, 3)
# Distinct-n falls with length: it is taken over so many runs of words, of every collection.
_RUNS: Final = 5_000
_BLEU_TEXTS: Final = 200
_BLEU_ORDER: Final = 4
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class TextProfile:
    """A collection of texts in numbers.

    Attributes:
        texts: How many.
        words: 10th, 50th and 90th percentile of words per text.
        without_mention: Share of texts in which the vocabulary finds nothing, 0 to 1.
        several_mentions: Share of texts in which it finds two or more.
        mentions: Mean number it finds per text.
        short_forms: Share of words that are abbreviations.
        numbers: Share of words with a digit.
        coverage: Share of the vocabulary's concepts that are named somewhere.
        distinct: Distinct-1, -2 and -3: share of runs of so many words that are no repetition.
        entropy: Of the words, bits.
        self_bleu: How much a text is like the others, 0 to 1, mean of a sample.
    """

    texts: int
    words: tuple[float, float, float]
    without_mention: float
    several_mentions: float
    mentions: float
    short_forms: float
    numbers: float
    coverage: float
    distinct: tuple[float, float, float]
    entropy: float
    self_bleu: float


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a corpus is from a reference.

    Attributes:
        corpus: Profile of the corpus.
        reference: Profile of the reference.
        divergence: Jensen-Shannon divergence of their words, bits, 0 (the same) to 1.
        missing: Share of the reference's runs of 1, 2 and 3 words that the corpus does not have.
        novel: The same the other way round.
    """

    corpus: TextProfile
    reference: TextProfile
    divergence: float
    missing: tuple[float, float, float]
    novel: tuple[float, float, float]


def profile(texts: Sequence[str], vocabulary: Vocabulary) -> TextProfile:
    """The profile of `texts`, of which there is at least one with a word in it.

    Mentions are what the vocabulary finds, whether or not the texts are labelled, so that labelled
    and unlabelled collections compare.

    Raises:
        ValueError: There is no word.
    """
    written = [[word.text for word in split_words(text)] for text in texts]
    tokens = [word for words in written for word in words]
    if not tokens:
        message = "no text has a word in it"
        raise ValueError(message)
    lexicon = Lexicon(vocabulary)
    found = [lexicon.find(text) for text in texts]
    concepts = {match.concept for matches in found for match in matches}
    folded = [[word.casefold() for word in words] for words in written]
    return TextProfile(
        texts=len(texts),
        words=_percentiles([len(words) for words in written]),
        without_mention=fmean(not matches for matches in found),
        several_mentions=fmean(len(matches) > 1 for matches in found),
        mentions=fmean(len(matches) for matches in found),
        short_forms=fmean(is_short_form(word) for word in tokens),
        numbers=fmean(any(letter.isdigit() for letter in word) for word in tokens),
        coverage=len(concepts) / len(vocabulary.terms),
        distinct=_triple(_distinct(folded, order) for order in _GRAMS),
        entropy=_entropy(Counter(word for words in folded for word in words)),
        self_bleu=_self_bleu(folded),
    )


def compare(corpus: Sequence[str], reference: Sequence[str], vocabulary: Vocabulary) -> Gap:
    """How far `corpus` is from `reference`; each has at least one word.

    Raises:
        ValueError: One has none.
    """
    ours, theirs = _folded(corpus), _folded(reference)
    counts = [(_counted(ours, order), _counted(theirs, order)) for order in _GRAMS]
    return Gap(
        corpus=profile(corpus, vocabulary),
        reference=profile(reference, vocabulary),
        divergence=_divergence(*counts[0]),
        missing=_triple(_share_absent(there, here) for here, there in counts),
        novel=_triple(_share_absent(here, there) for here, there in counts),
    )


def _folded(texts: Iterable[str]) -> list[list[str]]:
    return [[word.folded for word in split_words(text)] for text in texts]


def _runs(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + order]) for at in range(len(words) - order + 1)]


def _counted(texts: Iterable[Sequence[str]], order: int) -> Counter[tuple[str, ...]]:
    return Counter(run for words in texts for run in _runs(words, order))


def _percentiles(lengths: Sequence[int]) -> tuple[float, float, float]:
    if len(lengths) == 1:
        return (float(lengths[0]),) * 3
    tenths = quantiles(lengths, n=10, method="inclusive")
    return tenths[0], tenths[4], tenths[8]


def _distinct(texts: Sequence[Sequence[str]], order: int) -> float:
    shuffled = list(texts)
    random.Random(_SEED).shuffle(shuffled)
    runs: list[tuple[str, ...]] = []
    for words in shuffled:
        runs += _runs(words, order)
        if len(runs) >= _RUNS:
            break
    runs = runs[:_RUNS]
    return len(set(runs)) / len(runs) if runs else 0.0


def _entropy(counts: Counter[str]) -> float:
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values())


def _self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-4 of a sample, each text against all others of it; one smoothed count per order.

    The brevity penalty is left out: with so many references some have the text's length.
    """
    sample = [words for words in texts if words]
    if len(sample) > _BLEU_TEXTS:
        sample = random.Random(_SEED).sample(sample, _BLEU_TEXTS)
    if len(sample) < 2:  # noqa: PLR2004 - a text and another one
        return 0.0
    logs = [0.0] * len(sample)
    for order in range(1, _BLEU_ORDER + 1):
        counts = [Counter(_runs(words, order)) for words in sample]
        most = _two_most(counts)
        for index, own in enumerate(counts):
            matched = sum(
                min(count, most[run][1] if most[run][0] == count else most[run][0])
                for run, count in own.items()
            )
            logs[index] += math.log((matched + 1) / (own.total() + 1)) / _BLEU_ORDER
    return fmean(math.exp(log) for log in logs)


def _two_most(
    counts: Sequence[Counter[tuple[str, ...]]],
) -> dict[tuple[str, ...], tuple[int, int]]:
    """Of each run the two highest counts: what the others have at most, whoever asks."""
    most: dict[tuple[str, ...], tuple[int, int]] = {}
    for own in counts:
        for run, count in own.items():
            first, second = most.get(run, (0, 0))
            most[run] = (count, first) if count > first else (first, max(second, count))
    return most


def _divergence(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    totals = one.total(), other.total()
    result = 0.0
    for run in one.keys() | other.keys():
        shares = one[run] / totals[0], other[run] / totals[1]
        middle = sum(shares) / 2
        result += sum(share * math.log2(share / middle) for share in shares if share) / 2
    return result


def _share_absent(counts: Counter[tuple[str, ...]], where: Counter[tuple[str, ...]]) -> float:
    absent = sum(count for run, count in counts.items() if run not in where)
    return absent / counts.total() if counts else 0.0


def _triple(values: Iterable[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
