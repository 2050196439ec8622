"""What each lever of prompting and curation is worth, one off at a time: `make bench-levers`.

    python -m tests.benchmarks.bench_levers GOLD --work DIR

GOLD is a test file that no training sees. For every seed and arm the embedded language model is
asked anew (what it was asked already comes from the first arm's journal), the answers are curated
to as many examples as in any other arm, and an adapter is trained on the corpus; so an arm's spread
is that of asking and of training. The gold's labels are read once, when all are trained. Prints
strict F1 with its mean and 95 % interval over seeds (Student's t); then how much F1 is lost
without the lever, the counts of all seeds summed: 95 % interval over documents (bootstrap) and p
of a paired permutation, both for these corpora.

Options: `--task NAME` (disease; one of your own lies in `DIR/site/policies/labels`, in a site that
`appliance init` made); `--count N` written examples (200); `--epochs N` (3); `--seeds N`
(3); `--arms NAME,...` (see LEVERS; "all" comes first); `--vocabulary FILE` adds an arm that has all
names of that file for a vocabulary (`task vocabulary`'s TSV, or MeSH's); `--weigh` adds one of
which each example counts as much as an adapter of another corpus believes its labels; `--make-only`
trains nothing yet; `--work DIR` keeps what was made and goes on there.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from appliance.artifacts.manifest import is_finished
from appliance.gate.opening import open_checker
from appliance.gate.spending import SpentFile
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.permutation import paired_difference, permutation_test
from appliance.learning.evaluation.score import count_matches, f1_score, summarise
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.inference.trust import believe
from appliance.records.examples import Example, Split
from appliance.records.gold import GoldDocument
from appliance.records.progress import Silent
from appliance.records.prompts import Draft, Route
from appliance.records.tasks import DraftMix, LabelSheet
from appliance.settings.tasks import load_task, load_vocabulary
from appliance.synthesis.backends.base import Backend
from appliance.synthesis.backends.vllm.client import VllmBackend
from appliance.synthesis.backends.vllm.engine import VllmEngine
from appliance.synthesis.curation.corpus import read_corpus
from appliance.synthesis.curation.curator import Curator
from appliance.synthesis.curation.grounding import find_grounds
from appliance.synthesis.curation.lexicon import Match
from appliance.synthesis.curation.reasons import Reason
from appliance.synthesis.curation.words import normalise
from appliance.synthesis.prompting import stream
from appliance.synthesis.prompting.demonstrations import SHOWN, kind_of
from appliance.workflows import synthesize
from appliance.workflows.dispatch import Inspector
from appliance.workflows.orders import Order, Prepared, prepare
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, init, open_site
from appliance.workflows.supply import STAMPS, Supply
from appliance.workflows.weighing import DOUBTED
from tests.benchmarks.bench_quality import Bench, count, line_of, named, say, spans_of, told

ALL = "all"
WEIGHED = "with weights of agreement"
OTHER = "another vocabulary"


class OnlyWhatWasAsked(Curator):
    """Labels the entities of the draft and looks for no others: without the second pass."""

    def _check_labels(self, draft: Draft, text: str, matches: Sequence[Match]) -> Reason | None:
        asked = (find_grounds(one, text, matches, self._lexicon) for one in draft.entities)
        return None if all(asked) else Reason.UNGROUNDED

    def _judge(self, draft: Draft, completion):  # type: ignore[no-untyped-def]
        outcome = super()._judge(draft, completion)
        if isinstance(outcome, Reason):
            return outcome
        matches = self._lexicon.find(outcome.text, draft.entities)
        asked = {
            at
            for one in draft.entities
            for at in find_grounds(one, outcome.text, matches, self._lexicon)
        }
        return replace(outcome, spans=tuple(matches[at].span for at in sorted(asked)))


class TakesSuspects(Curator):
    """Keeps sentences with a word that looks like an entity nobody labelled."""

    def _check_labels(self, draft: Draft, text: str, matches: Sequence[Match]) -> Reason | None:
        fault = super()._check_labels(draft, text, matches)
        return None if fault is Reason.SUSPECT else fault


class TakesRepetition(Curator):
    """Drops what is there to the letter, and nothing that is only much like it."""

    def _find_repetition(self, text: str, *_: object, **__: object) -> Reason | None:
        return None if self._seen.add_exact(normalise(text)) else Reason.DUPLICATE


@dataclass(frozen=True)
class Lever:
    """What is changed to switch it off.

    Attributes:
        sheet: The sheet without it.
        curator: Who judges without it.
        begins: Whether answers are begun for the model.
    """

    sheet: Callable[[LabelSheet], LabelSheet] = lambda sheet: sheet
    curator: type[Curator] = Curator
    begins: bool = True


def without_kind(*kinds: str) -> Callable[[LabelSheet], LabelSheet]:
    """No draft of these kinds; the others in the same proportion."""

    def change(sheet: LabelSheet) -> LabelSheet:
        shares = {
            kind: 0.0 if kind in kinds else getattr(sheet.mix, kind)
            for kind in ("single", "several", "abbreviation", "none")
        }
        whole = sum(shares.values())
        return replace(sheet, mix=DraftMix(**{kind: one / whole for kind, one in shares.items()}))

    return change


def one_register(sheet: LabelSheet) -> LabelSheet:
    """Nothing but the first register and the first topics."""
    return replace(sheet, registers=sheet.registers[:1], topics=sheet.topics[:1])


def same_demonstrations(sheet: LabelSheet) -> LabelSheet:
    """As many of each kind as are shown at once, so that they never change."""
    seen: Counter[object] = Counter()
    kept = []
    for shown in sheet.demonstrations:
        seen[kind_of(shown.entities)] += 1
        if seen[kind_of(shown.entities)] <= SHOWN:
            kept.append(shown)
    return replace(sheet, demonstrations=tuple(kept))


def composed(**changes: object) -> Callable[[LabelSheet], LabelSheet]:
    """The composition with these changes."""
    return lambda sheet: replace(sheet, composition=replace(sheet.composition, **changes))  # type: ignore[arg-type]


def only_frames_with_entities(sheet: LabelSheet) -> LabelSheet:
    """No frame without a slot for an entity: no hard negatives among the composed lines."""
    slots = tuple("{" + one.name for one in sheet.entities)
    frames = tuple(one for one in sheet.composition.frames if any(slot in one for slot in slots))
    return composed(frames=frames)(sheet)


LEVERS: Mapping[str, Lever] = {
    ALL: Lever(),
    "only what was asked is labelled": Lever(curator=OnlyWhatWasAsked),
    "suspects kept": Lever(curator=TakesSuspects),
    "near repetition kept": Lever(curator=TakesRepetition),
    "with varied copies": Lever(composed(variants=1)),
    "no composed lines": Lever(composed(lines=0)),
    "no composed lines without an entity": Lever(only_frames_with_entities),
    "no sentences without an entity": Lever(without_kind("none")),
    "no sentences with several": Lever(without_kind("several")),
    "no abbreviations": Lever(without_kind("abbreviation")),
    "one register and topic": Lever(one_register),
    "the same demonstrations": Lever(same_demonstrations),
    "answers not begun": Lever(begins=False),
}


@contextmanager
def switched_off(lever: Lever) -> Iterator[None]:
    """Drafts and answers are made and judged without the lever."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(synthesize, "Curator", lever.curator))
        if not lever.begins:
            stack.enter_context(patch.object(stream, "choose_opening", lambda *_: ""))
            stack.enter_context(patch.object(stream, "choose_topic_opening", lambda *_: ""))
        yield


class OneEngine:
    """vLLM, started once for all corpora."""

    def __init__(self, site: Site) -> None:
        model = ModelStore(site.paths.models).resolve(site.settings.vllm.model)
        spent = SpentFile(site.paths.journal / STAMPS)
        self._site, self.model = site, f"{model.name}@{model.digest[:12]}"
        self._checker = open_checker(site.keys, site.clock, site.policy_digest, Route.VLLM, spent)
        self._engine = VllmEngine(site.settings.vllm, model.path, site.paths.run, Silent())

    def fresh(self) -> Backend:
        """Connections of one run; the engine runs on."""
        if not self._engine.is_running():
            self._endpoint = self._engine.start()
        timeout_s = self._site.settings.vllm.request_timeout_s
        return VllmBackend([self._endpoint], self.model, self._checker, timeout_s)

    def stop(self) -> None:
        """It is gone."""
        self._engine.stop()


@dataclass(frozen=True)
class Maker:
    """Makes one arm's corpora.

    Attributes:
        site: Where they lie.
        gate: The site's.
        supplies: The engine.
        task: What they are for.
        count: Written examples of each.
        vocabulary: Of the arm that has another one.
    """

    site: Site
    gate: Inspector
    supplies: Mapping[Route, Supply]
    task: str
    count: int
    vocabulary: Path | None

    def make(self, arm: str, seed: int) -> Path:
        """The arm's corpus of that seed is there."""
        out = named(arm, seed)
        directory = self.site.paths.corpora / out
        if is_finished(directory):
            return directory
        first = self.site.paths.journal / f"{named(ALL, seed)}.db"
        if arm != ALL and first.exists():
            # Where the lever leaves a prompt as it was, its answer is the same one.
            shutil.copy(first, self.site.paths.journal / f"{out}.db")
        order = Order(self.task, self.count, out, "vllm", seed)
        lever = LEVERS.get(arm, LEVERS[ALL])
        prepared = self._prepare(arm, order, lever)
        with switched_off(lever):
            made = synthesize.synthesize_with(
                self.site, self.gate, self.supplies, order, prepared, Silent()
            )
        card = made.card
        say(
            f"{arm}, seed {seed}: {card.accepted} of {card.completions} answers, "
            f"{card.varied} varied, {card.composed} composed"
        )
        return made.directory

    def _prepare(self, arm: str, order: Order, lever: Lever) -> Prepared:
        prepared = prepare(self.site, order)
        if arm == OTHER:
            assert self.vocabulary is not None
            types = types_of(prepared.sheet)
            vocabulary = load_vocabulary(self.vocabulary, types, self.vocabulary.name)
            return replace(prepared, vocabulary=vocabulary)
        return replace(prepared, sheet=lever.sheet(prepared.sheet))


def weighed(
    examples: Sequence[Example], reader: AdapterLabeller, types: tuple[str, ...]
) -> list[Example]:
    """Written and varied training examples count as much as the reader believes their labels."""
    doubted = [one for one in examples if one.split is Split.TRAIN and one.origin in DOUBTED]
    trust = believe(doubted, reader, types)
    given = {one.example_id: weight for one, weight in zip(doubted, trust, strict=True)}
    return [replace(one, weight=given.get(one.example_id, one.weight)) for one in examples]


def types_of(sheet: LabelSheet) -> tuple[str, ...]:
    """The sheet's entity types."""
    return tuple(entity.name for entity in sheet.entities)


def main(arguments: Sequence[str]) -> int:
    """One line per arm."""
    options = _parse(arguments)
    arms = [arm for arm in options.arms.split(",") if arm]
    if options.vocabulary is not None:
        arms.append(OTHER)
    seeds, work = range(options.seeds), options.work
    work.mkdir(parents=True, exist_ok=True)
    corpora = _make_all(work / "site", arms, seeds, options)
    if options.make_only:
        return 0
    types = types_of(load_task(work / "site" / "policies" / "labels", options.task)[0])
    texts = [document.text for document in read_gold(options.gold, types)]
    found: dict[str, list[Path]] = {}
    for arm in arms:
        for seed in seeds:
            bench = Bench(corpora[arm, seed], work, types, {"epochs": options.epochs})
            found.setdefault(arm, []).append(bench.find(arm, seed, bench.examples, texts))
    if options.weigh:
        found[WEIGHED] = _learn_weighed(corpora, work, types, texts, options)
        corpora |= {(WEIGHED, seed): corpora[ALL, seed] for seed in seeds}
    _print_table(found, corpora, read_gold(options.gold, types))
    return 0


def _learn_weighed(
    corpora: Mapping[tuple[str, int], Path],
    work: Path,
    types: tuple[str, ...],
    texts: Sequence[str],
    options: argparse.Namespace,
) -> list[Path]:
    """Each corpus is read by the adapter of another seed, which learned from another corpus."""
    recipe = {"epochs": options.epochs}
    benches = [Bench(corpora[ALL, seed], work, types, recipe) for seed in range(options.seeds)]
    found = []
    for seed, bench in enumerate(benches):
        other = (seed + 1) % options.seeds
        reader = benches[other].labeller(named(ALL, other), other, benches[other].examples)
        chosen = weighed(bench.examples, reader, types)
        found.append(bench.find(WEIGHED, seed, chosen, texts))
    return found


def _make_all(
    root: Path, arms: Sequence[str], seeds: Sequence[int], options: argparse.Namespace
) -> dict[tuple[str, int], Path]:
    site = open_site(root) if (root / "site.toml").exists() else init(root, "air-gapped")
    corpora = {(arm, seed): site.paths.corpora / named(arm, seed) for arm in arms for seed in seeds}
    if all(map(is_finished, corpora.values())):
        return corpora
    engine = OneEngine(site)
    try:
        gate, supplies = open_site_gate(site), {Route.VLLM: engine}
        maker = Maker(site, gate, supplies, options.task, options.count, options.vocabulary)
        return {(arm, seed): maker.make(arm, seed) for seed in seeds for arm in arms}
    finally:
        engine.stop()


def _print_table(
    found: Mapping[str, Sequence[Path]],
    corpora: Mapping[tuple[str, int], Path],
    gold: Sequence[GoldDocument],
) -> None:
    counts: dict[str, list[NDArray[np.int64]]] = {
        arm: [count_matches(gold, spans_of(path)) for path in paths] for arm, paths in found.items()
    }
    whole = np.sum(counts[ALL], axis=0)
    say("\narm | examples | P | R | F1 (95 % over seeds) | lost without (95 % over documents), p")
    for arm, each in counts.items():
        examples = fmean(count(read_corpus(corpora[arm, seed])[1]) for seed in range(len(each)))
        line = line_of(f"{arm} | {examples:.0f}", [summarise(one) for one in each])
        if arm != ALL:
            summed = np.sum(each, axis=0)
            lost = paired_difference(whole, summed, f1_score)
            p = permutation_test(whole, summed, f1_score)
            line += (
                f" | {100 * lost.value:+.1f} ({100 * lost.ci_low:+.1f} to "
                f"{100 * lost.ci_high:+.1f}), p = {p:.4f}"
            )
        say(line)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--task", default="disease")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", default=",".join(LEVERS))
    parser.add_argument("--vocabulary", type=Path)
    parser.add_argument("--weigh", action="store_true")
    parser.add_argument("--make-only", action="store_true")
    parser.add_argument("--work", type=Path, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(told(main, sys.argv[1:]))
