"""Prompts that were sent, drawn again: they are kept nowhere, and the rounds on record tell how."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from appliance.errors import ApplianceError
from appliance.records.events import Event
from appliance.settings.site import SitePaths
from appliance.settings.tasks import list_tasks
from appliance.synthesis.journal.reading import count_journal
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows.rounds import BEGUN, drawings_of, rounds_on_record

# Drafts that are drawn for each one that was sent, and beside it.
_DRAWN: Final = 3
_DRAWN_MORE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Prompts that were sent, as far as they could be drawn again.

    Attributes:
        prompts: Draft to prompt.
        others: Drafts under whose name something else was sent, by its digest in the ledger.
        sent: How many drafts the ledger says were sent.
    """

    prompts: Mapping[str, str] = field(repr=False)
    others: tuple[str, ...]
    sent: int


def redraw(paths: SitePaths, events: Sequence[Event], seeds: Sequence[int]) -> Redrawn:
    """Prompts that were sent, drawn again from today's sheets as the rounds on record drew them.

    Args:
        paths: Of the site.
        events: The ledger's.
        seeds: Of runs from before rounds were on record.
    """
    sent: dict[str, set[str]] = {}
    for event in events:
        if event.kind == "prompt.sent":
            said = str(event.facts.get("prompt"))
            sent.setdefault(str(event.facts.get("draft")), set()).add(said)
    rounds, found = rounds_on_record(events), dict[str, str]()
    sizes = _sizes(paths, events)
    for task in list_tasks(paths.labels) if sent else ():
        try:
            drawings = drawings_of(paths, task, rounds, seeds)
        except ApplianceError:
            continue
        for sheet, vocabulary, seed in drawings:
            if len(found) == len(sent):
                break
            most = sizes.get((task, str(seed)), len(sent))
            stream = islice(drafts(sheet, vocabulary, seed), _DRAWN * most + _DRAWN_MORE)
            found |= {one.draft_id: one.prompt for one in stream if one.draft_id in sent}
    return Redrawn(
        found,
        tuple(
            draft
            for draft, prompt in found.items()
            if sent[draft] != {hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()}
        ),
        len(sent),
    )


def _sizes(paths: SitePaths, events: Sequence[Event]) -> Mapping[tuple[str, str], int]:
    """How many drafts the rounds of each task and seed on record can have sent."""
    left = sum(event.kind == "prompt.sent" for event in events)
    first: dict[tuple[str, str, str], int] = {}
    last: dict[str, tuple[str, str]] = {}
    for event in events:
        left -= event.kind == "prompt.sent"
        if event.kind == BEGUN:
            # A line that was tampered with may hold anything.
            task, seed, corpus = (str(event.facts.get(one)) for one in ("task", "seed", "corpus"))
            first.setdefault((task, seed, corpus), left)
            last[corpus] = task, seed
    begun, sizes = _count_begun(paths), Counter[tuple[str, str]]()
    for (task, seed, corpus), after in first.items():
        # A journal that is there is that of the last round of its name.
        is_last = last[corpus] == (task, seed)
        sizes[task, seed] += begun.get(corpus, after) if is_last else after
    return sizes


def _count_begun(paths: SitePaths) -> Mapping[str, int]:
    found = {}
    for path in paths.journal.glob("[!.]*.db"):
        with suppress(ApplianceError):
            found[path.stem], _ = count_journal(path)
    return found
