"""Why the gate denied a text: the rule and the offsets out of the ledger, the words only on demand.

No denied text is kept anywhere. Where its words are asked for, a draft is drawn again from its
label sheet, and a scanned input is read again from its source.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from appliance.errors import BadInput, Denied
from appliance.gate.denials import Denial, read_denial
from appliance.ledger.entry import decode
from appliance.ledger.proofs import read_bodies
from appliance.records.events import Event
from appliance.settings.tasks import list_tasks
from appliance.synthesis.prompting.stream import drafts
from appliance.workflows.inputs import read_inputs
from appliance.workflows.rounds import drawings_of, rounds_of
from appliance.workflows.scan import text_id
from appliance.workflows.scan_actors import content_id
from appliance.workflows.site import Site, open_site

_KINDS: Final = {"prompt.denied": "draft", "text.denied": "text"}
# Drafts of one sheet that are drawn again before giving up.
_DRAWN: Final = 100_000


@dataclass(frozen=True, slots=True)
class ExplainedFinding:
    """One finding that counted.

    Attributes:
        start: First code point of the text as given.
        end: One past the last.
        entity: Kind of identifier.
        score: 0 to 1.
        rule: The detector or rule that reports it.
        words: What stands there; None unless asked for.
    """

    start: int
    end: int
    entity: str
    score: float
    rule: str
    words: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text was denied.

    Attributes:
        id: As it was asked for.
        at: When, ISO 8601, UTC.
        entry: Index of the ledger's entry.
        policy_digest: Of the policies in force then.
        rule: Why, e.g. "identifier", "detector-failed".
        detail: What the rule adds, or "".
        count: Findings in all.
        findings: The first of them.
    """

    id: str
    at: str
    entry: int
    policy_digest: str
    rule: str
    detail: str
    count: int
    findings: tuple[ExplainedFinding, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Where the text of a denial is to be found again.

    Attributes:
        is_terminal: Whether what is shown goes to a terminal and nowhere else.
        sources: Files that were scanned; none for a draft.
        jsonl: Whether each line of them is an input.
        seed: Of the run that the draft belongs to, where that is from before runs were recorded.
    """

    is_terminal: bool
    sources: Sequence[Path] = ()
    jsonl: bool = False
    seed: int = 0


def explain(root: Path, text: str, words: Words | None = None) -> Explanation:
    """The newest denial of a draft or a scanned input.

    Args:
        root: The site.
        text: A draft's id, or the id of an input as `gate scan` prints it.
        words: Where to find the text again, if the words are to be shown. The ledger has that.

    Raises:
        BadInput: Nothing of that id was denied, or its text is not found again.
        Denied: The words are asked for, and they would not go to a terminal.
    """
    if words is not None and not words.is_terminal:
        raise Denied(
            "The words of a finding are shown on a terminal and nowhere else.",
            "Run the command on the site's own terminal, without a pipe or a file behind it.",
        )
    site = open_site(root)
    entry, event = _find_denial(site, text)
    denial = read_denial(event.facts)
    content = None
    if words is not None:
        content = _find_text(site, text, event, words)
        site.ledger.record("finding.shown", {"entry": entry})
    return Explanation(
        text,
        event.at,
        entry,
        event.policy_digest,
        denial.rule,
        denial.detail,
        denial.count,
        tuple(_explained(denial, content)),
    )


def _find_denial(site: Site, text: str) -> tuple[int, Event]:
    names = {"draft": text, "text": text_id(site, text)}
    bodies = read_bodies(site.paths.ledger, site.ledger.head().size)
    for body in reversed(bodies):
        # Nearly every entry is about something else: a cheap look before it is parsed.
        if b".denied" not in body:
            continue
        index, event = decode(body)
        key = _KINDS.get(event.kind)
        if key is not None and event.facts.get(key) == names[key]:
            return index, event
    raise BadInput(
        "The ledger has no denial of that id.",
        "Give a draft's id as the ledger names it, or an input's id as `gate scan` prints it.",
    )


def _explained(denial: Denial, content: str | None) -> Iterator[ExplainedFinding]:
    for hit in denial.findings:
        words = None if content is None else content[hit.start : hit.end]
        yield ExplainedFinding(hit.start, hit.end, hit.entity, hit.score, hit.detector, words)


def _find_text(site: Site, text: str, event: Event, words: Words) -> str:
    found = (
        _drawn(site, text, words)
        if event.kind == "prompt.denied"
        else _scanned(site, text, str(event.facts["content"]), words)
    )
    content = next(found, None)
    if content is None:
        raise BadInput(
            "The text of that denial is not found again, or it was changed.",
            "Name its run's --seed for a draft, the scanned file with --from for an input.",
        )
    return content


def _drawn(site: Site, draft_id: str, words: Words) -> Iterator[str]:
    rounds = rounds_of(site)
    for task in list_tasks(site.paths.labels):
        for sheet, vocabulary, seed in drawings_of(site.paths, task, rounds, [words.seed]):
            stream = drafts(sheet, vocabulary, seed)
            yield from (one.prompt for one in islice(stream, _DRAWN) if one.draft_id == draft_id)


def _scanned(site: Site, input_id: str, content: str, words: Words) -> Iterator[str]:
    if words.sources:
        for one in read_inputs(words.sources, io.BytesIO(), jsonl=words.jsonl):
            if one.id == input_id and content_id(site.keys, one.text) == content:
                yield one.text
