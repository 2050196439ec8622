"""Evaluate for people: a page of counts to hand on, mistakes with their words to look at here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from appliance.artifacts.writing import check_absent, check_writable, write_atomically
from appliance.errors import BadInput, Denied
from appliance.learning.adapters import read_adapter, require_kind
from appliance.learning.evaluation.labels import read_renames
from appliance.records.breakdown import Mistake
from appliance.records.cards import AdapterCard, HeadKind
from appliance.records.progress import Progress
from appliance.records.scores import RelationScoreCard, ScoreCard
from appliance.settings.disclosure import load_disclosure
from appliance.workflows.compare import find_adapter, find_other
from appliance.workflows.evaluate import (
    EvaluationPlan,
    evaluate,
    evaluate_documents,
    plan_evaluation,
)
from appliance.workflows.report.evaluation import render_evaluation
from appliance.workflows.reviewed_gold import (
    count_reviewed,
    find_reviewed,
    is_reviewed,
    score_reviewed,
)
from appliance.workflows.reviewed_training import check_not_taught
from appliance.workflows.site import Site, open_site


@dataclass(slots=True)
class Mistakes:
    """Where mistakes are gathered to be shown.

    Attributes:
        is_terminal: Whether what is shown goes to a terminal and nowhere else.
        found: Every mistake with its words.
    """

    is_terminal: bool
    found: list[Mistake] = field(default_factory=list, repr=False)


def evaluate_shown(
    root: Path,
    *,
    adapter: str,
    gold: Path,
    vocabulary: Path | None = None,
    against: str | None = None,
    renames: Sequence[str] = (),
    is_independent: bool = False,
    report: Path | None = None,
    mistakes: Mistakes | None = None,
    progress: Progress,
) -> ScoreCard | RelationScoreCard:
    """`evaluate`, with its page at `report` and its mistakes in `mistakes`.

    Args:
        root: The site.
        adapter: Name of a finished adapter.
        gold: See `evaluate`; or `SITE/reviews/NAME`, see `find_reviewed`.
        vocabulary: See `evaluate`.
        against: See `evaluate`.
        renames: Labels of the gold as GOLD=OURS, see `read_renames`.
        is_independent: See `evaluate`.
        report: A page with counts only, those hidden that `policies/disclosure.toml` calls small;
            of an adapter of entities.
        mistakes: Filled with every mistake; the ledger has that they were shown.
        progress: Told of every batch of documents.

    Raises:
        BadInput: See `evaluate`; or `report` is there already or can't be written.
        Denied: The words are asked for, and they would not go to a terminal.
    """
    site = open_site(root)
    labels = read_renames(renames)
    if mistakes is not None and not mistakes.is_terminal:
        raise Denied(
            "The words of a mistake are shown on a terminal and nowhere else.",
            "Run the command on the site's own terminal, without a pipe or a file behind it.",
        )
    if report is not None:
        check_absent(report)
        check_writable(report)
        if read_adapter(find_adapter(site, adapter))[0].kind is HeadKind.RELATIONS:
            raise BadInput("There is no page for an adapter of relations.", "Use --json.")
    # Before the work: a policy that can't be read must not cost an hour.
    smallest = load_disclosure(site.paths.policies).smallest
    if mistakes is not None:
        site.ledger.record("mistakes.shown", {"adapter": adapter})
    show = None if mistakes is None else mistakes.found.append
    if is_reviewed(site, gold):
        # Before a note is opened.
        _require_entities(site, adapter, renames)
        _check_not_taught(site, gold, adapter, against)
    reviewed = find_reviewed(site, gold, with_text=show is not None)
    card: ScoreCard | RelationScoreCard
    if reviewed is None:
        card = evaluate(
            root,
            adapter=adapter,
            gold=gold,
            vocabulary=vocabulary,
            against=against,
            renames=labels,
            is_independent=is_independent,
            show=show,
            progress=progress,
        )
    else:
        card = evaluate_documents(
            site,
            adapter,
            reviewed.documents,
            gold.name,
            progress,
            vocabulary=vocabulary,
            against=against,
            is_independent=is_independent,
            show=show,
            weigh=partial(score_reviewed, reviewed),
        )
    if report is not None and isinstance(card, ScoreCard):
        made_at = site.clock.now().isoformat(timespec="seconds")
        page = render_evaluation(card, made_at=made_at, smallest=smallest)
        write_atomically(report, page.encode())
    return card


def plan_shown(
    root: Path,
    *,
    adapter: str,
    gold: Path,
    vocabulary: Path | None,
    against: str | None,
    renames: Sequence[str],
    is_independent: bool,
) -> EvaluationPlan:
    """What `evaluate_shown` would score; no model is loaded, no note is read.

    Raises:
        BadInput, ManifestMismatch: As `evaluate_shown`.
    """
    site, labels = open_site(root), read_renames(renames)
    if not is_reviewed(site, gold):
        return plan_evaluation(
            root,
            adapter=adapter,
            gold=gold,
            vocabulary=vocabulary,
            against=against,
            renames=labels,
            is_independent=is_independent,
        )
    card = _require_entities(site, adapter, renames)
    _check_not_taught(site, gold, adapter, against)
    if against is not None:
        find_other(site, card, against)
    return EvaluationPlan(adapter, gold.name, count_reviewed(site, gold), against or "")


def _require_entities(site: Site, adapter: str, renames: Sequence[str]) -> AdapterCard:
    """The card of an adapter that a review can judge: of entities, by the task's own labels."""
    if renames:
        raise BadInput("A review has the task's own labels.", "Leave out --map.")
    card, _ = read_adapter(find_adapter(site, adapter))
    require_kind(card, HeadKind.ENTITIES)
    return card


def _check_not_taught(site: Site, review: Path, *adapters: str | None) -> None:
    for name in filter(None, adapters):
        check_not_taught(site, read_adapter(find_adapter(site, name))[0], review.resolve())
