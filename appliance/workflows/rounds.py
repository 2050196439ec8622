"""Rounds of a site: with which seed and shares prompts were drawn, on record before they are sent.

A prompt is kept nowhere. Whoever wants to see it again draws it again, from its sheet, with the
seed and the mix of its run: also where that run was killed and no corpus came of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from appliance.artifacts.manifest import list_finished
from appliance.errors import BadInput, ManifestMismatch
from appliance.records.events import Event, Fact
from appliance.records.tasks import DraftMix, LabelSheet, Vocabulary
from appliance.settings.site import SitePaths
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_card
from appliance.synthesis.journal.reading import count_journal
from appliance.workflows.site import Site, find_entries

BEGUN: Final = "corpus.begun"
"""Kind of the event that a run draws prompts from now on, with its seed and mix."""
_SHARE: Final = "share_"
Drawing = tuple[LabelSheet, Vocabulary, int]


@dataclass(frozen=True, slots=True)
class Round:
    """How a run drew its prompts.

    Attributes:
        task: Name of the label sheet.
        seed: Of the stream of drafts.
        mix: What took the place of the sheet's own; None where nothing did.
    """

    task: str
    seed: int
    mix: DraftMix | None


def begin_round(site: Site, corpus: str, this: Round) -> None:
    """The ledger knows how the corpus's prompts are drawn.

    Raises:
        BadInput: A run of this corpus that was not finished drew with another mix.
        IntegrityError: The corpus's journal is damaged.
    """
    before = _read_all(facts for facts in _recorded(site) if facts.get("corpus") == corpus)
    journal = site.paths.journal / f"{corpus}.db"
    is_resumed = bool(before) and journal.exists() and count_journal(journal) != (0, 0)
    if is_resumed and before[-1].mix != this.mix:
        raise BadInput(
            f"An earlier run of corpus {corpus} drew its prompts with another mix.",
            "Give the same report with --mix-from, or none if there was none; or name another "
            "corpus with --out.",
        )
    facts: dict[str, Fact] = {"corpus": corpus, "task": this.task, "seed": this.seed}
    shares = {} if this.mix is None else asdict(this.mix)
    site.ledger.record(BEGUN, facts | {f"{_SHARE}{name}": one for name, one in shares.items()})


def rounds_on_record(events: Iterable[Event]) -> list[Round]:
    """How each run drew that the ledger knows, oldest first, each once."""
    found = _read_all(event.facts for event in events if event.kind == BEGUN)
    return list(dict.fromkeys(found))


def rounds_of(site: Site) -> list[Round]:
    """The same of an open site."""
    return list(dict.fromkeys(_read_all(_recorded(site))))


def sheets_of(
    paths: SitePaths, task: str, rounds: Sequence[Round] = ()
) -> list[tuple[LabelSheet, Vocabulary]]:
    """The task's sheet, and the same with every other mix of its rounds and finished corpora.

    Raises:
        BadInput: See `load_task`.
    """
    sheet, vocabulary = load_task(paths.labels, task)
    mixes = {one.mix for one in rounds if one.task == task and one.mix is not None}
    for directory in list_finished(paths.corpora):
        try:
            card = read_card(directory)
        except ManifestMismatch:
            continue
        if card.task == task and card.mix:
            mixes.add(DraftMix(**card.mix))
    others = sorted(mixes - {sheet.mix}, key=repr)
    return [(replace(sheet, mix=mix), vocabulary) for mix in (sheet.mix, *others)]


def drawings_of(
    paths: SitePaths, task: str, rounds: Sequence[Round], seeds: Sequence[int]
) -> list[Drawing]:
    """Sheet, vocabulary and seed of each round on record, then of each that may have been.

    Args:
        paths: Of the site.
        task: Name of a label sheet.
        rounds: On record.
        seeds: Of runs from before rounds were on record.

    Raises:
        BadInput: See `load_task`.
    """
    own = [one for one in rounds if one.task == task]
    sheets = sheets_of(paths, task, own)
    (sheet, vocabulary), *_ = sheets
    known = [(replace(sheet, mix=one.mix or sheet.mix), vocabulary, one.seed) for one in own]
    maybe = [(*pair, seed) for pair in sheets for seed in seeds]
    return [*known, *(one for one in maybe if one not in known)]


def _recorded(site: Site) -> Iterator[Mapping[str, Fact]]:
    for entry in find_entries(site, f'"kind":"{BEGUN}"'):
        yield entry["facts"]


def _read_all(many: Iterable[Mapping[str, Fact]]) -> list[Round]:
    return [found for facts in many if (found := _read(facts)) is not None]


def _read(facts: Mapping[str, Fact]) -> Round | None:
    # A line that was tampered with may hold anything.
    shares = {
        name.removeprefix(_SHARE): float(value)
        for name, value in facts.items()
        if name.startswith(_SHARE) and isinstance(value, int | float)
    }
    seed, task = facts.get("seed"), facts.get("task")
    if not isinstance(seed, int) or not isinstance(task, str):
        return None
    try:
        return Round(task, seed, DraftMix(**shares) if shares else None)
    except TypeError:
        return None
