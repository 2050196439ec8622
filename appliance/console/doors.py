"""Every address of the console, what it takes to come in, and the menu."""

from typing import Final

from appliance.console import acting, pages
from appliance.console.blocks import Link
from appliance.console.visits import Door
from appliance.records.access import Verb

DOORS: Final = (
    Door("/", Verb.CONSOLE, pages.status),
    Door("/runs", Verb.CONSOLE, pages.runs),
    Door("/corpora", Verb.CONSOLE, pages.corpora),
    Door("/corpora/{name}", Verb.CONSOLE, pages.corpus),
    Door("/corpora/{name}/review", Verb.REVIEW, acting.review),
    Door("/corpora/{name}/review", Verb.REVIEW, acting.decide, changes=True),
    Door("/corpora/{name}/revise", Verb.REVIEW, acting.revise_corpus, changes=True),
    Door("/adapters", Verb.CONSOLE, pages.adapters),
    Door("/adapters/{name}", Verb.CONSOLE, pages.adapter),
    Door("/traffic", Verb.TRAFFIC, pages.traffic),
    Door("/audits", Verb.AUDITS, pages.audits),
    Door("/audits/{name}/{file}", Verb.AUDITS, pages.audit),
    Door("/approvals", Verb.CONSOLE, acting.approvals),
    Door("/approvals", Verb.APPROVE, acting.approve_request, changes=True),
    Door("/release", Verb.ASK_RELEASE, acting.release),
    Door("/release", Verb.ASK_RELEASE, acting.check_signatures, changes=True),
    Door("/release/statement", Verb.ASK_RELEASE, acting.statement),
    Door("/ledger", Verb.LEDGER, pages.ledger),
    Door("/ledger/{index:int}", Verb.LEDGER, pages.entry),
)

MENU: Final = (
    (Verb.CONSOLE, Link("Status", "/")),
    (Verb.CONSOLE, Link("Runs", "/runs")),
    (Verb.CONSOLE, Link("Corpora", "/corpora")),
    (Verb.CONSOLE, Link("Adapters", "/adapters")),
    (Verb.TRAFFIC, Link("Traffic", "/traffic")),
    (Verb.AUDITS, Link("Audits", "/audits")),
    (Verb.CONSOLE, Link("Approvals", "/approvals")),
    (Verb.LEDGER, Link("Ledger", "/ledger")),
)
