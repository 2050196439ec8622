"""Rounds: sentences are written and learned from, and more is asked for of what is read worst.

Each round writes a corpus of its own, joins it to those before, trains an adapter on all of it, and
has that one and the last read what is held out. Whatever is finished is taken as it is: a run that
was killed goes on where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from appliance.artifacts.locks import held_alone
from appliance.artifacts.manifest import is_finished
from appliance.artifacts.writing import check_writable, write_atomically
from appliance.errors import BadInput
from appliance.learning.basemodels.store import ModelStore
from appliance.records.cards import AdapterCard
from appliance.records.events import Fact
from appliance.records.examples import Example
from appliance.records.progress import Progress, Silent
from appliance.records.tasks import LabelSheet
from appliance.settings.names import check_name
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_corpus
from appliance.workflows import orders
from appliance.workflows.curve import CurvePoint, Ending, find_ending, find_point, keep_point
from appliance.workflows.held_out import HeldOut, check_reader, read_held_out
from appliance.workflows.joining import JoinedCorpus, find_joined, join_corpora
from appliance.workflows.orders import Order, Plan
from appliance.workflows.profile import mix_to_teach
from appliance.workflows.report.plots import plot_curve
from appliance.workflows.sheet_denials import DeniedDrafts
from appliance.workflows.site import Site, open_site
from appliance.workflows.synthesize import Synthesis, synthesize
from appliance.workflows.train import train

_PLACE: Final = "rounds"


@dataclass(frozen=True, slots=True)
class RoundsOrder:
    """What is to be made.

    Attributes:
        task: Name of a label sheet about entities.
        count: Examples that the model is to write in each round.
        rounds: How many, at most.
        out: Name of the corpus of all of them; those of one round are OUT-1, OUT-2 and so on, and
            so are the adapters.
        least_gain: A round after the second that gains less F1 than that is the last, 0 to 1.
        route: "auto", "vllm" or "chatgpt".
        seed: Of the first round; each one after has the next.
        budget_usd: Most that all rounds may cost, the same for each; None for the policy's cap.
    """

    task: str
    count: int
    rounds: int
    out: str
    least_gain: float = 0.01
    route: str = "auto"
    seed: int = 0
    budget_usd: float | None = None

    def part(self, number: int) -> str:
        """The corpus that a round writes, and the adapter that learned from all up to it."""
        return f"{self.out}-{number}"

    def whole(self, number: int) -> str:
        """The corpus of all rounds up to that one; of the first it is the round's own."""
        return self.part(1) if number == 1 else f"{self.out}-1to{number}"

    def to_write(self, number: int, mix_from: Path | None) -> Order:
        """What the model is asked for in one round."""
        budget = None if self.budget_usd is None else self.budget_usd / self.rounds
        seed = self.seed + number - 1
        return Order(self.task, self.count, self.part(number), self.route, seed, budget, mix_from)


@dataclass(frozen=True, slots=True)
class RoundsPlan:
    """What a run would make at most.

    Attributes:
        first: What the first round would send; the others as much.
        corpora: Names of the corpora, the last of them that of all rounds.
        adapters: Names of the adapters.
        finished: Which of these are there already.
    """

    first: Plan
    corpora: tuple[str, ...]
    adapters: tuple[str, ...]
    finished: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoundsResult:
    """What rounds came to.

    Attributes:
        corpus: Name of the corpus of all rounds.
        digest: Of its manifest.
        adapter: Name of the last round's adapter.
        ending: Why there was no other round.
        curve: A point for each round.
        denied_for: Parts of the label sheet that drafts of this run were denied for.
    """

    corpus: str
    digest: str
    adapter: str
    ending: Ending
    curve: tuple[CurvePoint, ...]
    denied_for: tuple[DeniedDrafts, ...] = ()


@dataclass(frozen=True, slots=True)
class Hands:
    """Who does the work of a round; each takes what is finished as it is.

    Attributes:
        write: Has a model write a corpus.
        train: From the name of a corpus and of an adapter to that one.
        read: How the adapter of that name reads what these examples hold out.
    """

    write: Callable[[Order], Synthesis]
    train: Callable[[str, str], AdapterCard]
    read: Callable[[Sequence[Example], str], HeldOut]


def run_rounds(
    root: Path, order: RoundsOrder, progress: Progress, plot: Path | None = None
) -> RoundsResult:
    """Corpus `out` and an adapter are there, and no further round is worth it, or was ordered.

    Args:
        root: The site.
        order: What is to be made.
        progress: Where to report.
        plot: An SVG file that the curve is drawn into, or None.

    Raises:
        BadInput: The order can't be carried out, something else has one of its names, or the plot
            can't be written.
        Denied: The policy does not allow the route, or an adapter learned from notes.
        Exhausted: A round has fewer examples than asked for; the reasons are counted.
        BackendUnavailable: The engine died more often than it was restarted.
        ManifestMismatch: A corpus, an adapter or the base model is not what was written.
    """
    site = open_site(root)
    sheet = _check(site, order)
    if plot is not None:
        check_writable(plot)
    hands = Hands(
        write=partial(_write, root, progress),
        train=partial(_train, root, order.task, progress),
        read=partial(_read, site, sheet, progress),
    )
    done = run_with(site, order, hands, progress)
    if plot is not None:
        write_atomically(plot, f"{plot_curve(done.curve)}\n".encode(), 0o644)
    return done


def run_with(
    site: Site, order: RoundsOrder, hands: Hands, progress: Progress | None = None
) -> RoundsResult:
    """The same by whatever hands there are, without a plot."""
    progress = progress or Silent()
    sheet = _check(site, order)
    made = find_joined(site, order.out)
    points: list[CurvePoint] = []
    denied: list[DeniedDrafts] = []
    complaint = f"Another run is making the rounds of {order.out} already."
    with held_alone(site.paths.run / f"{_PLACE}-{order.out}.lock", complaint, "Wait for its end."):
        while True:
            number = len(points) + 1
            if made is not None and number > len(made.joined):
                raise _ended_otherwise(order, len(made.joined))
            _say(progress, number, f"of {order.rounds} at most")
            before = _place(site, order, number - 1) if points else None
            written = hands.write(order.to_write(number, before))
            denied += written.denied_for
            points.append(_learn(site, order, sheet, hands, written, points))
            _say(progress, number, _sum_up(points[-1]))
            ending = find_ending(points, order.rounds, order.least_gain)
            if ending is not None:
                break
        if made is not None and len(made.joined) != len(points):
            raise _ended_otherwise(order, len(made.joined))
        whole = join_corpora(site, [point.part for point in points], order.out)
    return RoundsResult(
        order.out, whole.digest, points[-1].adapter, ending, tuple(points), tuple(denied)
    )


def plan_rounds(root: Path, order: RoundsOrder) -> RoundsPlan:
    """What `run_rounds` would make at most; nothing is started or written.

    Raises:
        BadInput, Denied: See `run_rounds`.
    """
    site = open_site(root)
    _check(site, order)
    numbers = range(1, order.rounds + 1)
    corpora = dict.fromkeys([*map(order.part, numbers), *map(order.whole, numbers), order.out])
    adapters = tuple(map(order.part, numbers))
    finished = [f"corpus {name}" for name in corpora if is_finished(site.paths.corpora / name)]
    finished += [f"adapter {name}" for name in adapters if is_finished(site.paths.adapters / name)]
    first = orders.plan(root, order.to_write(1, None))
    return RoundsPlan(first, tuple(corpora), adapters, tuple(finished))


def _check(site: Site, order: RoundsOrder) -> LabelSheet:
    """Told now, and not after hours of work."""
    check_name(order.out, "a corpus", "--out")
    check_name(order.whole(max(2, order.rounds)), "a corpus of a round", "--out")
    if order.rounds < 1:
        raise BadInput("At least one round must be asked for.", "Give --rounds.")
    sheet, _ = load_task(site.paths.labels, order.task)
    if sheet.taught:
        raise BadInput(
            f"The sentences of {sheet.name} are about pairs: no mix tells how to teach them.",
            "Make one larger corpus with `appliance synthesize`, and train on that.",
        )
    orders.prepare(site, order.to_write(1, None))
    ModelStore(site.paths.models).require(site.settings.learning.base)
    find_joined(site, order.out)
    for number in range(1, order.rounds + 1):
        for name in (order.part(number), order.whole(number)):
            directory = site.paths.corpora / name
            if directory.exists() and not is_finished(directory):
                raise BadInput(
                    f"Something that is no finished corpus stands at {directory}.",
                    "Move it away, or give other names with --out.",
                )
    return sheet


def _learn(
    site: Site,
    order: RoundsOrder,
    sheet: LabelSheet,
    hands: Hands,
    written: Synthesis,
    before: Sequence[CurvePoint],
) -> CurvePoint:
    """The adapter of all rounds so far is there, and how well it and the last one read."""
    number, part = len(before) + 1, written.card.name
    name = order.whole(number)
    if before:
        whole = join_corpora(site, [*(point.part for point in before), part], name)
    else:
        whole = JoinedCorpus(written.digest, *read_corpus(written.directory))
    adapter = order.part(number)
    hands.train(name, adapter)
    _, digest = check_reader(site.paths, sheet, adapter)
    place = _place(site, order, number)
    known = find_point(place)
    if known is not None and _is_of(known, whole.digest, digest, before):
        return known
    found = hands.read(whole.examples, adapter)
    last = hands.read(whole.examples, before[-1].adapter).score.f1 if before else None
    point = CurvePoint(
        number=number,
        part=part,
        corpus=name,
        corpus_digest=whole.digest,
        adapter=adapter,
        adapter_digest=digest,
        written=written.card.accepted,
        written_in_all=whole.card.accepted,
        examples=len(whole.examples),
        repeated=whole.card.revision.get("left_out", 0),
        held_out=sum(kind.texts for kind in found.kinds.values()),
        f1=found.score.f1,
        ci_low=found.score.ci_low,
        ci_high=found.score.ci_high,
        last_f1=last,
        gain=None if last is None else found.score.f1 - last,
        kinds=found.kinds,
        asked=written.card.asked,
        mix=mix_to_teach(sheet.mix, found.kinds),
    )
    _record(site, point)
    keep_point(place, point)
    return point


def _is_of(point: CurvePoint, corpus: str, adapter: str, before: Sequence[CurvePoint]) -> bool:
    """Whether the point tells of these very bytes, so that nothing has to be read again."""
    same = (point.number, point.corpus_digest, point.adapter_digest)
    return same == (len(before) + 1, corpus, adapter)


def _place(site: Site, order: RoundsOrder, number: int) -> Path:
    return site.paths.run / _PLACE / f"{order.part(number)}.json"


def _record(site: Site, point: CurvePoint) -> None:
    facts: dict[str, Fact] = {
        "corpus": point.corpus,
        "corpus_digest": point.corpus_digest,
        "adapter": point.adapter,
        "adapter_digest": point.adapter_digest,
        "held_out": point.held_out,
        "f1": round(point.f1, 4),
        "last_f1": "none" if point.last_f1 is None else round(point.last_f1, 4),
    }
    site.ledger.record("round.read", facts)


def _say(progress: Progress, number: int, what: str) -> None:
    progress.begin(f"round {number}")
    progress.end(what)


def _sum_up(point: CurvePoint) -> str:
    said = f"F1 {100 * point.f1:.1f} on {point.held_out} held-out sentences"
    if point.last_f1 is None or point.gain is None:
        return said
    return f"{said}, the last adapter {100 * point.last_f1:.1f}: {100 * point.gain:+.1f} points"


def _ended_otherwise(order: RoundsOrder, rounds: int) -> BadInput:
    return BadInput(
        f"Corpus {order.out} is there already, of {rounds} round(s): this order would make others.",
        "Give the same order as then, or name another corpus with --out.",
    )


def _write(root: Path, progress: Progress, order: Order) -> Synthesis:
    # The engine ends with it: training beside a model server would want the memory of both.
    return synthesize(root, order, progress)


def _train(root: Path, task: str, progress: Progress, corpus: str, out: str) -> AdapterCard:
    return train(root, task=task, corpus=corpus, base=None, out=out, progress=progress)


def _read(
    site: Site, sheet: LabelSheet, progress: Progress, examples: Sequence[Example], adapter: str
) -> HeldOut:
    progress.begin(f"{adapter} reads what is held out")
    found = read_held_out(site.paths, examples, sheet, adapter)
    texts = sum(kind.texts for kind in found.kinds.values())
    progress.end(f"{texts} sentences, F1 {100 * found.score.f1:.1f}")
    return found
