"""The pages that do something: review decisions, approvals, what a release takes."""

import hashlib
from typing import Final
from urllib.parse import quote

from appliance.console.blocks import Block, Field, Form, Moment, Page, Table, Text
from appliance.console.visits import File, Moved, Visit
from appliance.errors import BadInput
from appliance.records.access import Verb
from appliance.records.examples import Example
from appliance.records.identifiers import Digest, ExampleId
from appliance.workflows.access import allow, approve, list_requests, list_verbs
from appliance.workflows.release import KINDS, Signed, count_signed
from appliance.workflows.review import Decisions, Review, look_through, revise
from appliance.workflows.site import open_site

_PER_PAGE: Final = 20
_WORDS: Final = {"accept": True, "reject": False}
_KEEP, _DROP = "keep them", "leave them out"


def review(visit: Visit) -> Page:
    """Some examples of a corpus, to be accepted or rejected."""
    name = visit.path["name"]
    found = look_through(visit.root, name)
    pages = max(1, -(-len(found.examples) // _PER_PAGE))
    number = min(visit.asked_number("page", 1) or 1, pages)
    first = (number - 1) * _PER_PAGE
    decided = visit.session.decisions.get(found.digest, {})
    make = Form(
        "Make a corpus of what was accepted",
        f"/corpora/{quote(name)}/revise",
        "Make it",
        [
            Field("out", "Name of the new corpus"),
            Field("undecided", "Examples without a decision", choices=(_KEEP, _DROP)),
        ],
        {"digest": found.digest},
    )
    return Page(
        f"Review of corpus {name}",
        [make],
        template="review.html.j2",
        more={
            "action": f"/corpora/{quote(name)}/review",
            "digest": found.digest,
            "number": number,
            "pages": pages,
            "count": len(found.examples),
            "decided": len(decided),
            "examples": [
                _shown(one, first + at, decided)
                for at, one in enumerate(found.examples[first : first + _PER_PAGE], 1)
            ],
        },
    )


def decide(visit: Visit) -> Moved:
    """The decisions of one page are in the session."""
    name = visit.path["name"]
    found = look_through(visit.root, name)
    _check_same(found, visit.sent("digest"))
    known = {_key(one.example_id): one.example_id for one in found.examples}
    decided = visit.session.decisions.setdefault(found.digest, {})
    for field, value in visit.form.items():
        if not field.startswith("d-"):
            continue
        example = known.get(field.removeprefix("d-"))
        if example is None or value not in {"", *_WORDS}:
            raise BadInput("The form names no example of the corpus.", "Open the page again.")
        decided.pop(example, None)
        if value:
            decided[example] = _WORDS[value]
    page = visit.sent("next" if visit.form.get("then") == "next" else "page")
    return Moved(f"/corpora/{quote(name)}/review?page={quote(page)}")


def revise_corpus(visit: Visit) -> Moved:
    """There is a new corpus of what was accepted, and the ledger says who decided."""
    name, out, digest = visit.path["name"], visit.sent("out"), visit.sent("digest")
    decisions = Decisions(Digest(digest), dict(visit.session.decisions.get(digest, {})))
    if not decisions.decided:
        raise BadInput("Nothing was decided in this session.", "Accept or reject some first.")
    allow(open_site(visit.root), Verb.REVIEW, f"{name} {out}", visit.who)
    keep = visit.form.get("undecided", _KEEP) != _DROP
    revise(visit.root, name, decisions, out, keep_undecided=keep, by=visit.user)
    visit.session.decisions.pop(digest, None)
    return Moved(f"/corpora/{quote(out)}")


def approvals(visit: Visit) -> Page:
    """What waits for a second person, and what a release takes."""
    waiting = list_requests(visit.root)
    rows = [
        (one.request, one.verb, one.asked_by, Moment(one.at), "yes" if one.is_approved else "no")
        for one in waiting
    ]
    columns = ("request", "what", "asked by", "when", "approved")
    blocks: list[Block] = [Table("Requests that wait", columns, rows, "Nobody waits for anybody.")]
    allowed = {one.verb for one in list_verbs(visit.root, visit.who) if one.is_allowed}
    # Nobody approves their own.
    others = [one for one in waiting if not one.is_approved and one.asked_uid != visit.who.uid]
    if others and Verb.APPROVE in allowed:
        fields = [
            Field("request", "Request", choices=[one.request for one in others]),
            Field("reason", "Why, in a few words"),
        ]
        blocks.append(Form("Approve a request", "/approvals", "Approve it, once", fields))
    if Verb.ASK_RELEASE in allowed:
        fields = [Field("kind", "Kind", choices=KINDS), Field("name", "Name")]
        title, button = "Ask for a release", "Show what people sign"
        blocks.append(Form(title, "/release", button, fields, method="get"))
    return Page("Approvals", blocks)


def approve_request(visit: Visit) -> Moved:
    """The request may be carried out once, by who asked."""
    reason = "-".join(visit.sent("reason").lower().split())
    approve(visit.root, visit.sent("request"), reason, visit.who)
    return Moved("/approvals")


def release(visit: Visit) -> Page:
    """What people are to sign, so that a corpus or adapter may leave."""
    kind, name = visit.query.get("kind", ""), visit.query.get("name", "")
    return _release_page(kind, name, _signed(visit, kind, name))


def check_signatures(visit: Visit) -> Page:
    """The same, with whose signatures of those handed in are good; nothing is kept."""
    kind, name = visit.sent("kind"), visit.sent("name")
    content = visit.form.get("signed", "").replace("\r\n", "\n").encode()
    return _release_page(kind, name, _signed(visit, kind, name, content))


def statement(visit: Visit) -> File:
    """What people are to sign, as a file."""
    kind, name = visit.query.get("kind", ""), visit.query.get("name", "")
    signed = _signed(visit, kind, name)
    return File(signed.statement.text.encode(), "text/plain", f"{kind}-{name}.txt")


def _signed(visit: Visit, kind: str, name: str, *contents: bytes) -> Signed:
    if kind not in KINDS:
        raise BadInput("That is no kind of product.", f"There are: {', '.join(KINDS)}.")
    allow(open_site(visit.root), Verb.ASK_RELEASE, f"{kind} {name}", visit.who)
    return count_signed(visit.root, kind, name, contents)


def _release_page(kind: str, name: str, signed: Signed) -> Page:
    rows = [(one, "signed" if one in signed.by else "not seen") for one in signed.approvers]
    missing = max(signed.needed - len(signed.by), 0)
    hidden = {"kind": kind, "name": name}
    return Page(
        f"Release of {kind} {name}",
        [
            Text(signed.statement.text, "What people sign", is_code=True),
            Form("Take it along", "/release/statement", "Save it", hidden=hidden, method="get"),
            Text(
                "Each approver signs on a machine of their own, with `appliance release sign FILE "
                "--key KEY`. Keys never come here."
            ),
            Table("Who may sign", ("approver", "signature"), rows, "release.toml names nobody."),
            Text(f"{missing} more needed." if missing else "That is enough for `release make`."),
            Form(
                "Check signatures",
                "/release",
                "Check them",
                [Field("signed", "A signed statement", "lines")],
                hidden,
            ),
        ],
    )


def _check_same(found: Review, digest: str) -> None:
    if digest != found.digest:
        raise BadInput("The corpus was changed since the page was made.", "Open the page again.")


def _key(example: ExampleId) -> str:
    """A short name of an example that a form can carry, whatever the id is made of."""
    return hashlib.sha256(example.encode()).hexdigest()[:24]


def _shown(example: Example, number: int, decided: dict[ExampleId, bool]) -> dict[str, object]:
    pieces: list[dict[str, str]] = []
    at = 0
    for span in sorted(example.spans, key=lambda one: one.start):
        if span.start < at:
            continue
        pieces.append({"text": example.text[at : span.start], "label": ""})
        pieces.append({"text": example.text[span.start : span.end], "label": span.label})
        at = span.end
    pieces.append({"text": example.text[at:], "label": ""})
    decision = decided.get(example.example_id)
    words = "" if decision is None else "accept" if decision else "reject"
    relations = ", ".join(
        f"{_words_of(example, one.head)} {one.label} {_words_of(example, one.tail)}"
        for one in example.relations
    )
    about = f"{example.origin.value}, {example.split.value}{'; ' if relations else ''}{relations}"
    return {
        "number": number,
        "key": _key(example.example_id),
        "about": about,
        "pieces": pieces,
        "decision": words,
    }


def _words_of(example: Example, at: int) -> str:
    span = example.spans[at]
    return example.text[span.start : span.end]
