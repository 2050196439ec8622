"""The pages that only look: each calls what the command of the same name calls."""

from urllib.parse import quote

from appliance.console.blocks import (
    Bar,
    Block,
    Cell,
    Field,
    Form,
    Link,
    Mark,
    Moment,
    Page,
    Table,
    Text,
)
from appliance.console.visits import File, Visit
from appliance.errors import BadInput
from appliance.records.registry import RecordedEvaluation
from appliance.workflows.access import list_verbs
from appliance.workflows.audit_reports import HTML, JSON, PDF, list_reports, read_report
from appliance.workflows.corpus import list_corpora, show_corpus
from appliance.workflows.ledger import list_entries, prove
from appliance.workflows.overview import look_over
from appliance.workflows.registry import list_adapters, show_adapter
from appliance.workflows.runs import RunState, list_runs
from appliance.workflows.traffic import count_traffic

_PAIRS = ("", "")
_KINDS = {JSON: "application/json", HTML: "text/html", PDF: "application/pdf"}


def status(visit: Visit) -> Page:
    """The site at a glance, and what who asks may do."""
    seen = look_over(visit.root)
    latch: Cell = Mark(f"shut: {seen.latch}", is_good=False) if seen.latch else "open"
    audit: Cell = "none yet"
    if seen.audited_at:
        audit = Mark(
            f"{seen.audit_verdict}, {Moment(seen.audited_at)}", seen.audit_verdict == "pass"
        )
    site: list[tuple[Cell, Cell]] = [
        ("site", str(visit.root)),
        ("profile", seen.profile),
        ("product", seen.version),
        ("ledger", f"{seen.entries} entries, root {seen.root[:16]}"),
        ("policies", seen.policy_digest[:16]),
        ("gateway", "running" if seen.is_gateway_running else "not running"),
        ("its door", latch),
        ("newest audit", audit),
        ("requests that wait", seen.requests),
        ("corpora, adapters, findings, models", " · ".join(str(n) for n in seen.products)),
    ]
    allowed = [
        (one.verb, "yes" if one.is_allowed else "no", "needed" if one.needs_second else "")
        for one in list_verbs(visit.root, visit.who)
    ]
    return Page(
        "Status",
        [
            Table("The site", _PAIRS, site),
            Table("What you may do", ("verb", "allowed", "second person"), allowed),
            Text("`appliance doctor` checks the machine: it is no part of this page."),
        ],
    )


def runs(visit: Visit) -> Page:
    """Long runs and how far they are."""
    rows = [
        (
            run.verb,
            run.name,
            Mark(run.state.value, is_good=True)
            if run.state is not RunState.OPEN
            else run.state.value,
            Bar(run.done, run.total, run.unit),
            Moment(run.at),
        )
        for run in list_runs(visit.root)
    ]
    columns = ("command", "makes", "state", "done", "last written")
    table = Table("How far they are", columns, rows, "No run has left anything to go on with.")
    return Page("Runs", [table], is_live=True)


def corpora(visit: Visit) -> Page:
    """The corpora."""
    rows = [
        (
            Link(card.name, f"/corpora/{quote(card.name)}"),
            card.task,
            sum(card.splits.values()),
            Moment(card.made_at),
            card.parent.partition("@")[0] or ", ".join(card.joined),
        )
        for card in list_corpora(visit.root)
    ]
    columns = ("name", "task", "examples", "made", "revised from")
    return Page("Corpora", [Table("Corpora", columns, rows)])


def corpus(visit: Visit) -> Page:
    """One corpus's card."""
    name = visit.path["name"]
    card = show_corpus(visit.root, name, 0).card
    rows: list[tuple[Cell, Cell]] = [
        ("task", card.task),
        ("made", Moment(card.made_at)),
        ("examples", _counts(card.splits)),
        ("entities", _counts(card.entities)),
        ("relations", _counts(card.relations)),
        ("written by", _counts(card.models)),
        ("varied, composed", f"{card.varied}, {card.composed}"),
        ("drafts, denied by the gate", f"{card.drafts}, {card.denied}"),
        ("answers, accepted", f"{card.completions}, {card.accepted}"),
        ("dropped", _counts(card.dropped)),
        ("vocabulary", card.vocabulary_source),
        ("label sheet", card.sheet_digest),
        ("policies", card.policy_digest),
        ("known gaps", "; ".join(f"{what}: {how}" for what, how in card.gaps.items()) or "none"),
        ("revised from", card.parent or "no other"),
        ("joined of", ", ".join(card.joined) or "no others"),
        ("what people did", _counts(card.revision)),
    ]
    review = Link("Review its examples", f"/corpora/{quote(name)}/review")
    return Page(f"Corpus {name}", [Table("Card", _PAIRS, rows), review])


def adapters(visit: Visit) -> Page:
    """The adapters and how they were judged last."""
    rows = [
        (
            Link(one.card.name, f"/adapters/{quote(one.card.name)}"),
            one.card.task,
            one.standing.value,
            _score(one.evaluations[-1]) if one.evaluations else "never evaluated",
            one.digest[:12],
        )
        for one in list_adapters(visit.root)
    ]
    columns = ("name", "task", "standing", "newest evaluation", "digest")
    return Page("Adapters", [Table("Adapters", columns, rows)])


def adapter(visit: Visit) -> Page:
    """One adapter: what it was made of, and every evaluation of it."""
    found = show_adapter(visit.root, visit.path["name"])
    card = found.card
    rows: list[tuple[Cell, Cell]] = [
        ("standing", f"{found.standing.value} {Moment(found.since)} {found.by}".strip()),
        ("task", card.task),
        ("digest", found.digest),
        ("corpus", Link(card.corpus, f"/corpora/{quote(card.corpus)}")),
        ("base model", f"{card.base} {card.base_digest[:12]}"),
        ("trained", f"{Moment(card.made_at)} {found.trained_by}"),
        ("examples, epochs, rank", f"{card.examples}, {card.epochs}, {card.lora_rank}"),
        ("dev F1 (invented text)", f"{100 * card.dev_f1:.1f}"),
        ("epsilon", "no differential privacy" if card.epsilon is None else f"{card.epsilon:.2f}"),
        ("derived from notes", "yes: it stays on this site" if card.site_only else "no"),
    ]
    scores = [
        (
            Link(str(one.entry), f"/ledger/{one.entry}"),
            Moment(one.at),
            one.actor,
            _score(one),
            one.documents,
            one.gold_digest[:12],
        )
        for one in reversed(found.evaluations)
    ]
    columns = ("entry", "when", "who", "score (95 % interval)", "documents", "gold")
    return Page(
        f"Adapter {card.name}",
        [Table("Card", _PAIRS, rows), Table("Evaluations", columns, scores, "Never evaluated.")],
    )


def traffic(visit: Visit) -> Page:
    """What left and what was kept back."""
    seen = count_traffic(visit.root)
    door: Cell = Mark(f"shut: {seen.latch}", is_good=False) if seen.latch else "open"
    state = [("gateway", "running" if seen.is_serving else "not running"), ("its door", door)]
    departures = [(one.where, one.count, one.amount) for one in seen.departures]
    newest = [
        (
            Link(str(one.entry), f"/ledger/{one.entry}"),
            Moment(one.at),
            one.kind,
            one.rule,
            one.subject,
        )
        for one in seen.newest
    ]
    return Page(
        "Traffic and denials",
        [
            Table("The gateway", _PAIRS, state),
            Table(
                "What was sent or written, since the site was made",
                ("what", "count", "amount"),
                departures,
            ),
            Table("What was kept back", ("what and rule", "count"), list(seen.denials.items())),
            Table("Newest denials", ("entry", "when", "kind", "rule", "of"), newest),
        ],
    )


def audits(visit: Visit) -> Page:
    """The reports of audits; each was checked now."""
    rows: list[tuple[Cell, ...]] = []
    for one in list_reports(visit.root):
        files = {name: f"/audits/{quote(one.name)}/{name}" for name in one.files if name in _KINDS}
        rows.append(
            (
                Link(one.name, files[HTML]) if HTML in files else one.name,
                Moment(one.made_at),
                Mark(one.verdict or f"not good: {one.fault}", one.verdict == "pass"),
                Link("JSON", files[JSON]) if JSON in files else "",
                Link("PDF", files[PDF]) if PDF in files else "",
            )
        )
    columns = ("report", "made", "verdict", "as data", "to print")
    empty = "None yet: `appliance audit run` makes one."
    return Page("Audits", [Table("Signed reports", columns, rows, empty)])


def audit(visit: Visit) -> File:
    """One file of a report, as it was signed."""
    file = visit.path["file"]
    if file not in _KINDS:
        raise BadInput("The report has no such file.", "Those it has, are listed.")
    content = read_report(visit.root, visit.path["name"], file)
    save_as = "" if file == HTML else f"{visit.path['name']}-{file}"
    return File(content, _KINDS[file], save_as)


def ledger(visit: Visit) -> Page:
    """The ledger, newest first."""
    kind = visit.query.get("kind", "")
    found = list_entries(visit.root, below=visit.asked_number("below"), kind=kind)
    rows = [
        (
            Link(str(index), f"/ledger/{index}"),
            Moment(event.at),
            event.kind,
            event.actor,
            " ".join(f"{name}={value}" for name, value in event.facts.items()),
        )
        for index, event in found.entries
    ]
    field = Field("kind", "Kind begins with", value=kind, is_required=False)
    columns = ("entry", "when", "kind", "who", "facts")
    blocks: list[Block] = [
        Form("Look for", "/ledger", "Show", [field], method="get"),
        Table(f"Entries, of {found.size}", columns, rows),
    ]
    if found.older is not None:
        blocks.append(Link("Older", f"/ledger?below={found.older}&kind={quote(kind, safe='')}"))
    return Page("Ledger", blocks)


def entry(visit: Visit) -> Page:
    """One entry with the proof that it is in the ledger."""
    proved = prove(visit.root, int(visit.path["index"]))
    return Page(
        f"Entry {proved.index}",
        [
            Text(proved.entry, "Entry", is_code=True),
            Text(proved.proof, "Proof (C2SP tlog-proof)", is_code=True),
            Text(proved.verifier_key, "Key that checks it", is_code=True),
        ],
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _score(one: RecordedEvaluation) -> str:
    low, high = 100 * one.ci_low, 100 * one.ci_high
    return f"{one.measure} {100 * one.value:.1f} ({low:.1f} to {high:.1f})"
