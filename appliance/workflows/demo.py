"""The whole main job on the invented hospital, with the real components and nothing faked.

Every step is the workflow behind the command of the same name; a second run on the same site
takes up where the first one ended.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.artifacts.manifest import is_finished
from appliance.artifacts.writing import write_atomically
from appliance.clinical.extraction.parts import FindingsCard
from appliance.cluster.connect import connected
from appliance.errors import LedgerBroken, SiteError
from appliance.invented.hospital import InventedHospital, invent
from appliance.ledger.examination import Examination
from appliance.records.cards import AdapterCard, CorpusCard
from appliance.records.clock import Clock
from appliance.records.progress import Progress
from appliance.records.scores import ScoreCard
from appliance.settings.clock import SystemClock
from appliance.synthesis.curation.corpus import read_corpus
from appliance.workflows import ledger as ledger_workflow
from appliance.workflows.evaluate import check_gold, evaluate_documents, evaluate_in
from appliance.workflows.extract import extract_notes
from appliance.workflows.ingest import import_stream
from appliance.workflows.orders import Order
from appliance.workflows.patients import register
from appliance.workflows.report.page import Page, Step, write_page
from appliance.workflows.report.plots import plot_counts, plot_scores
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, check_new, init, open_site
from appliance.workflows.synthesize import Synthesis, synthesize_in
from appliance.workflows.train import train_in

TASK: Final = "disease"
NAME: Final = "demo"
GOLD: Final = "invented-hospital"
PAPER_F1: Final = 0.6399
"""Mean strict NER F1 after training on synthetic text, as published (arXiv 2303.04360)."""
_EXAMPLES_SHOWN: Final = 12
_MARK: Final = "INVENTED"
_NOT_TESTED: Final = (
    "The ChatGPT route: the demo is air-gapped, and no provider was asked.",
    "Real notes: the hospital, its patients and its gold annotations are invented.",
    "GPUs and more than one machine.",
    "Attacks on the gate, the corpora and the adapter: that is the audit's work.",
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the main job came to.

    Attributes:
        site: The site's directory.
        notes: Notes in the vault.
        patients: Patients in the registry.
        corpus: The corpus's card.
        adapter: The adapter's card.
        evaluations: On the invented gold first, then on the file given.
        extraction: The findings' card.
        ledger_entries: Entries, all verified.
        ledger_root: Merkle root, hex.
        steps: What was done, with seconds.
        report: Path of the HTML page.
    """

    site: Path
    notes: int
    patients: int
    corpus: CorpusCard
    adapter: AdapterCard
    evaluations: tuple[ScoreCard, ...]
    extraction: FindingsCard
    ledger_entries: int
    ledger_root: str
    steps: tuple[Step, ...]
    report: Path


@dataclass(slots=True)
class _Diary:
    """Steps as they end."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, *, was_there: bool = False) -> Iterator[Callable[[str], None]]:
        """The block is a step; what it is told at the end is its outcome."""
        started = time.monotonic()
        outcome: list[str] = []
        yield outcome.append
        self.steps.append(Step(name, " ".join(outcome), time.monotonic() - started, was_there))


def demo(
    root: Path,
    *,
    count: int,
    gold: Path | None,
    progress: Progress,
    clock: Clock | None = None,
) -> DemoResult:
    """The main job has run at `root` and its report is written.

    Args:
        root: The site; made if there is none.
        count: Examples to accept.
        gold: A file to score on as well, or None.
        progress: Where to report.
        clock: The time.

    Raises:
        SiteError: `root` holds something else, or a site that the demo did not make.
        BadInput: `gold` can't be read.
        ApplianceError: Whatever a step raises; run again to go on.
    """
    diary = _Diary()
    with diary.step("Make the site", was_there=(root / "site.toml").exists()) as outcome:
        site = _site(root, clock or SystemClock())
        outcome(f"profile {site.settings.profile}, keys made, policies copied")
    if gold is not None:
        # Now, and not when everything else has run.
        check_gold(site, TASK, gold)
    hospital = invent()
    notes = _take_in(site, hospital, diary, progress)
    corpus = _synthesize(site, count, diary, progress)
    adapter, findings = site.paths.adapters / NAME, site.paths.findings / NAME
    with connected(site.settings.ray, site.paths.run) as cluster:
        with diary.step(
            "Train a LoRA adapter (Ray Train)", was_there=is_finished(adapter)
        ) as outcome:
            trained = train_in(
                site, cluster, task=TASK, corpus=NAME, base=None, out=NAME, progress=progress
            )
            outcome(f"rank {trained.lora_rank}, dev F1 {100 * trained.dev_f1:.1f}")
        with diary.step(
            "Extract over all notes (Ray Data)", was_there=is_finished(findings)
        ) as outcome:
            extraction = extract_notes(site, cluster, adapter=NAME, out=NAME, progress=progress)
            outcome(f"{extraction.findings} findings in {extraction.notes} notes")
    evaluations = _evaluate(site, hospital, gold, diary, progress)
    with diary.step("Verify the ledger") as outcome:
        examined = _check(ledger_workflow.verify(site.paths.root))
        outcome(f"{examined.entries} entries, no fault")
    result = DemoResult(
        site=site.paths.root,
        notes=notes,
        patients=len(hospital.patients),
        corpus=corpus.card,
        adapter=trained,
        evaluations=evaluations,
        extraction=extraction,
        ledger_entries=examined.entries,
        ledger_root=examined.root,
        steps=tuple(diary.steps),
        report=site.paths.reports / f"{NAME}.html",
    )
    _report(site, result, corpus)
    return result


def plan_demo(root: Path) -> bool:
    """Whether a demo's site is at `root` already, to be gone on with; nothing is made.

    Raises:
        SiteError: As `demo`.
    """
    if not (root / "site.toml").exists():
        check_new(root)
        return False
    _check_own(root)
    return True


def _site(root: Path, clock: Clock) -> Site:
    if not (root / "site.toml").exists():
        made = init(root, "air-gapped", clock)
        write_atomically(made.paths.root / _MARK, b"This site holds an invented hospital.\n")
        return made
    _check_own(root)
    return open_site(root, clock)


def _check_own(root: Path) -> None:
    if not (root / _MARK).is_file():
        raise SiteError(
            f"{root} is a site that the demo did not make.",
            "Name another directory with --site: invented patients don't belong into a real vault.",
        )


def _take_in(site: Site, hospital: InventedHospital, diary: _Diary, progress: Progress) -> int:
    with diary.step("Seal the notes in the vault") as outcome:
        sealed = import_stream(site, hospital.notes, progress, len(hospital.notes))
        kinds = len({note.kind for note in hospital.notes})
        outcome(f"{sealed.total} notes of {kinds} types")
    with diary.step("Load the patient index") as outcome:
        loaded = register(site, hospital.patients, progress)
        outcome(f"{loaded.registered} patients, {loaded.indexed} identifiers")
    return sealed.total


def _synthesize(site: Site, count: int, diary: _Diary, progress: Progress) -> Synthesis:
    with diary.step("Load the gate (Presidio)") as outcome:
        gate = open_site_gate(site)
        outcome(f"policy {site.policy_digest[:12]}")
    corpus = site.paths.corpora / NAME
    with diary.step("Invent labelled sentences (vLLM)", was_there=is_finished(corpus)) as outcome:
        made = synthesize_in(site, gate, Order(TASK, count, NAME), progress)
        card = made.card
        outcome(
            f"{card.drafts} drafts, {card.denied} denied, {card.completions} answers, "
            f"{card.accepted} accepted; {card.varied} varied, {card.composed} composed lines beside"
        )
    return made


def _evaluate(
    site: Site, hospital: InventedHospital, gold: Path | None, diary: _Diary, progress: Progress
) -> tuple[ScoreCard, ...]:
    with diary.step("Evaluate beside the dictionary") as outcome:
        cards = [evaluate_documents(site, NAME, hospital.gold, GOLD, progress)]
        if gold is not None:
            cards.append(evaluate_in(site, adapter=NAME, gold=gold, progress=progress))
        outcome("; ".join(f"{card.gold}: F1 {100 * card.overall.f1:.1f}" for card in cards))
    return tuple(cards)


def _check(examined: Examination) -> Examination:
    if not examined.is_intact:
        raise LedgerBroken(
            f"The ledger has {len(examined.faults)} fault(s).",
            "Run `appliance ledger verify` to see where.",
        )
    return examined


def _report(site: Site, result: DemoResult, corpus: Synthesis) -> None:
    dropped = Counter(result.corpus.dropped)
    plots = [
        (
            "Adapter and dictionary on each gold set.",
            plot_scores(result.evaluations, PAPER_F1),
        ),
        (
            "What became of the answers.",
            plot_counts("answers", {"accepted": result.corpus.accepted, **dropped}),
        ),
    ]
    _, examples = read_corpus(corpus.directory)
    shown = [example for example in examples if example.spans]
    page = Page(
        title="The main job, end to end, on an invented hospital",
        made_at=site.clock.now().isoformat(timespec="seconds"),
        steps=result.steps,
        cards=result.evaluations,
        plots=plots,
        examples=shown[:_EXAMPLES_SHOWN],
        ledger_size=result.ledger_entries,
        ledger_root=result.ledger_root,
        not_tested=_NOT_TESTED,
    )
    write_page(page, result.report)
