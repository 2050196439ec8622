"""What each part of a corpus is worth: `python -m tests.benchmarks.bench_quality CORPUS GOLD`.

CORPUS is a finished corpus of a site (`SITE/corpora/NAME`), whose label sheet it is read by; GOLD a
test file that no training sees.
Adapters are trained on parts of the corpus, three seeds each; the model of the best epoch on the
corpus's own dev split is kept, and the gold's labels are read once, when all are trained. Prints
strict F1 with mean and 95 % interval over seeds (Student's t), and the dictionary beside it.

Options: `--seeds N`; `--arms NAME,...` (see ARMS); `--unlabelled FILE` adds an arm that learns from
real text of that kind too, as the adapters of "all" label it together (`train --teacher`; the
file's own labels are not looked at); `--rounds N` has those that learned so teach the next ones;
`--epochs N` in place of a recipe's own; `--work DIR` keeps what was trained and goes on there: what
several processes train there, each other arms, one more prints together.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import t as student  # type: ignore[import-untyped]

from appliance.artifacts.manifest import is_finished
from appliance.errors import OperatorError
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.evaluation.dictionary import DictionaryLabeller
from appliance.learning.evaluation.gold import read_gold
from appliance.learning.evaluation.score import score
from appliance.learning.inference.labeller import AdapterLabeller
from appliance.learning.tuning.fit import fit
from appliance.learning.tuning.own import Lesson, Own, teach
from appliance.learning.tuning.worker import InProcessWorker
from appliance.records.breakdown import Score
from appliance.records.cards import CorpusCard
from appliance.records.examples import Example, Origin, Split
from appliance.records.identifiers import Digest
from appliance.records.spans import Span
from appliance.settings.policies import shipped_policies
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus, write_corpus

LEAST = 0.8
Arm = Callable[[Sequence[Example]], list[Example]]


def only(*origins: Origin) -> Arm:
    """The dev split stays whole, so that every arm stops by the same measure."""
    return lambda examples: [one for one in examples if one.origin in origins or is_dev(one)]


def share(part: float) -> Arm:
    """So much of each origin's training examples, the same ones for every seed."""

    def take(examples: Sequence[Example]) -> list[Example]:
        return [one for one in examples if is_dev(one) or _place(one) < part]

    return take


def is_dev(example: Example) -> bool:
    """Whether it is held out."""
    return example.split is Split.DEV


def _place(example: Example) -> float:
    return int(hashlib.sha256(example.example_id.encode()).hexdigest()[:8], 16) / 2**32


ARMS: dict[str, Arm] = {
    "all": list,
    "without composed lines": only(Origin.WRITTEN, Origin.VARIED),
    "without varied copies": only(Origin.WRITTEN, Origin.COMPOSED),
    "written alone": only(Origin.WRITTEN),
    "composed alone": only(Origin.COMPOSED),
    "without weights": lambda examples: [replace(one, weight=1.0) for one in examples],
    "half": share(0.5),
    "quarter": share(0.25),
    "eighth": share(0.125),
    "fortieth": share(0.025),
}


def named(arm: str, seed: int) -> str:
    """What an arm's adapter of that seed is called."""
    return f"{arm.replace(' ', '-')}-{seed}"


class Bench:
    """Trains and labels, once for each arm and seed.

    Args:
        corpus: The whole corpus.
        work: Where corpora, adapters and findings are kept.
        types: Entity types.
        recipe: What differs from the usual one.
    """

    def __init__(
        self,
        corpus: Path,
        work: Path,
        types: tuple[str, ...],
        recipe: Mapping[str, object] | None = None,
    ) -> None:
        self.card, self.examples = read_corpus(corpus)
        self._work, self._types, self._recipe = work, types, recipe or {}
        self._base = ModelStore(work / "models").resolve("embedded-encoder")

    def find(
        self,
        arm: str,
        seed: int,
        chosen: Sequence[Example],
        texts: Sequence[str],
        own: Own | None = None,
    ) -> Path:
        """A file with the spans that the arm's adapter finds in `texts`."""
        name = named(arm, seed)
        found = self._work / f"{name}.json"
        if not found.exists():
            labeller = self.labeller(name, seed, chosen, own)
            spans = [
                [(one.span.start, one.span.end, one.span.label) for one in document]
                for document in labeller.label(texts)
            ]
            found.write_text(json.dumps(spans))
            say(f"{arm}, seed {seed}: {count(chosen)} examples")
        return found

    def labeller(
        self, name: str, seed: int, chosen: Sequence[Example], own: Own | None = None
    ) -> AdapterLabeller:
        """The adapter of that name, trained where it is not there yet."""
        corpus, out = self._work / f"corpus-{name}", self._work / f"adapter-{name}"
        if not is_finished(out):
            if not is_finished(corpus):
                write_corpus(corpus, _card(self.card, name), chosen)
            fit(self._config(name, corpus, out, seed), InProcessWorker(), own)
        return AdapterLabeller.load(
            out,
            self._base.path,
            device="cpu",
            max_tokens=128,
            stride_tokens=32,
            batch_tokens=8192,
            dtype="float32",
        )

    def _config(self, name: str, corpus: Path, out: Path, seed: int) -> dict[str, object]:
        return {
            "corpus": str(corpus),
            "base": str(self._base.path),
            "out": str(out),
            "name": name,
            "task": self.card.task,
            "corpus_name": name,
            "base_name": self._base.name,
            "base_digest": self._base.digest,
            "types": list(self._types),
            "made_at": self.card.made_at,
            "seed": seed,
            **self._recipe,
        }


def main(arguments: Sequence[str]) -> int:
    """One line per arm."""
    options = _parse(arguments)
    work = options.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    name = read_corpus(options.corpus)[0].task
    sheet, vocabulary = load_task(labels_beside(options.corpus), name)
    types = tuple(entity.name for entity in sheet.entities)
    recipe = {"epochs": options.epochs} if options.epochs else {}
    bench = Bench(options.corpus, work, types, recipe)
    texts = [document.text for document in read_gold(options.gold, types)]
    seeds = range(options.seeds)
    arms = {arm: ARMS[arm](bench.examples) for arm in options.arms.split(",") if arm}
    found = {
        arm: [bench.find(arm, seed, chosen, texts) for seed in seeds]
        for arm, chosen in arms.items()
    }
    if options.unlabelled:
        found |= _self_training(bench, options, types, texts)
    gold = read_gold(options.gold, types)
    say("\narm | precision | recall | F1 | 95 % over seeds")
    for arm, paths in found.items():
        say(line_of(arm, [score(gold, spans_of(path)) for path in paths]))
    looked_up = DictionaryLabeller(vocabulary).label(texts)
    say(line_of("dictionary", [score(gold, [[one.span for one in each] for each in looked_up])]))
    return 0


def labels_beside(corpus: Path) -> Path:
    """The label sheets of the site that the corpus lies in; the product's where it is in none."""
    labels = corpus.resolve().parent.parent / "policies" / "labels"
    return labels if labels.is_dir() else shipped_policies() / "labels"


def told(bench: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Its exit code; what an operator can mend is one line, and no traceback."""
    try:
        return bench(arguments)
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _self_training(
    bench: Bench, options: argparse.Namespace, types: tuple[str, ...], texts: Sequence[str]
) -> dict[str, list[Path]]:
    real = [document.text for document in read_gold(options.unlabelled, types)]
    whole, seeds = list(bench.examples), range(options.seeds)
    teachers = [bench.labeller(f"all-{seed}", seed, whole) for seed in seeds]
    found: dict[str, list[Path]] = {}
    for number in range(1, options.rounds + 1):
        own = Own(Lesson((), Digest(""), len(real), LEAST), teach(real, teachers, types, LEAST))
        arm = f"all, and real text of which teachers are {LEAST:.0%} sure"
        if number > 1:
            arm += f", round {number}"
        found[arm] = [bench.find(arm, seed, whole, texts, own) for seed in seeds]
        if number < options.rounds:
            teachers = [bench.labeller(named(arm, seed), seed, whole, own) for seed in seeds]
    return found


def line_of(arm: str, results: Sequence[Score]) -> str:
    """A row of the table: means over seeds, and the interval of F1."""
    columns = [
        [100 * getattr(result, field) for result in results]
        for field in ("precision", "recall", "f1")
    ]
    means = " | ".join(f"{fmean(column):.1f}" for column in columns)
    scores = columns[-1]
    if len(scores) < 2:
        return f"{arm} | {means} |"
    half = float(student.ppf(0.975, len(scores) - 1)) * stdev(scores) / len(scores) ** 0.5
    return f"{arm} | {means} | {fmean(scores) - half:.1f} to {fmean(scores) + half:.1f}"


def spans_of(path: Path) -> list[list[Span]]:
    """What `Bench.find` wrote."""
    return [[Span(*span) for span in document] for document in json.loads(path.read_text())]


def _card(card: CorpusCard, name: str) -> CorpusCard:
    return replace(card, name=name)


def count(examples: Sequence[Example]) -> int:
    """Training examples."""
    return sum(not is_dev(one) for one in examples)


def say(line: str) -> None:
    """At once, for whoever watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--unlabelled", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--work", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(told(main, sys.argv[1:]))
