"""Who may do what: asked before anything is done, answered by the site's rules, and on record."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.locks import held_in_turn
from appliance.errors import BadInput, Forbidden
from appliance.records.access import AccessRules, Identity, Verb, is_allowed
from appliance.records.events import Fact
from appliance.settings.keys import Purpose, pseudonym
from appliance.settings.roles import current_identity, load_roles
from appliance.workflows.site import Site, find_entries, open_site

_ASKED: Final = "access.asked"
_APPROVED: Final = "access.approved"
_USED: Final = "access.used"
_LOCK: Final = "approvals.lock"

Weigh = Callable[[int, Verb], int]
"""How many refusals of a user for a verb the next entry stands for; 0 for no entry now."""


def each(uid: int, verb: Verb) -> int:
    """Every refusal has an entry of its own."""
    del uid, verb
    return 1


@dataclass(frozen=True, slots=True)
class Approval:
    """A request that a second person has approved."""

    request: str
    verb: str
    asked_by: str
    approved_by: str


def allow(
    site: Site,
    verb: Verb,
    subject: str = "",
    who: Identity | None = None,
    *,
    with_second: bool = True,
    notes: int = 1,
    weigh: Weigh = each,
) -> None:
    """It may be done now, by who runs this; else nothing is done, and the ledger says so.

    Where the rules want a second person, the first call asks, and is refused with the request's
    number; once that is approved the same call goes through, once.

    Args:
        site: The site.
        verb: What is to be done.
        subject: To what, in a form that is the same when it is asked again; it may name a patient.
        who: Who asks; None for who runs this.
        with_second: Whether the second person is asked for too; not where nothing is done yet.
        notes: Of how many notes the text is shown, where it is: of many only with a second person.
        weigh: Where a stranger can ask again and again: says which refusals are entered.

    Raises:
        Forbidden: Not allowed, or not yet.
        BadInput: The rules are broken: nothing is allowed.
    """
    rules, who = load_roles(site.paths.policies), who or current_identity()
    _check_role(site, rules, who, verb, weigh)
    is_bulk = verb is Verb.SHOW_TEXT and 0 < rules.bulk < notes
    if with_second and rules.by_roles and (is_bulk or verb in rules.two_persons):
        # From reading to recording: two at once would both find the one approval.
        with held_in_turn(site.paths.run / _LOCK):
            _check_second_person(site, rules, who, _request(site, who, verb, subject), verb)


def approve(
    root: Path, request: str, reason: str, who: Identity | None = None, *, dry_run: bool = False
) -> Approval:
    """The request may be carried out, once, by the person who asked; a dry run only looks.

    Raises:
        Forbidden: Who approves may not, or is the person who asked.
        BadInput: There is no such open request, or it is approved already.
    """
    site = open_site(root)
    rules, who = load_roles(site.paths.policies), who or current_identity()
    _check_role(site, rules, who, Verb.APPROVE)
    with nullcontext() if dry_run else held_in_turn(site.paths.run / _LOCK):
        facts = _check_open(site, rules, who, request)
        if not dry_run:
            site.ledger.record(
                _APPROVED,
                {"request": request, "verb": facts["verb"], "uid": who.uid, "reason": reason},
            )
    return Approval(request, facts["verb"], str(facts["user"]), who.user or str(who.uid))


def _check_open(site: Site, rules: AccessRules, who: Identity, request: str) -> dict[str, Any]:
    """What was asked for, by somebody else, and neither approved nor carried out since."""
    asked: list[dict[str, Any]] = []
    approved: list[dict[str, Any]] = []
    for one in _events(site, request):
        if one["kind"] == _ASKED:
            asked.append(one)
        elif one["kind"] == _APPROVED:
            approved.append(one)
        elif one["kind"] == _USED:
            asked.clear()
            approved.clear()
    if not asked:
        raise BadInput(
            "Nobody has asked for that.", "Give the number that the refused command printed."
        )
    facts: dict[str, Any] = asked[-1]["facts"]
    if facts["uid"] == who.uid:
        site.ledger.record("access.refused", {"verb": Verb.APPROVE, "uid": who.uid})
        raise Forbidden("Nobody approves their own request.", "Ask somebody else who may approve.")
    if any(_is_fresh(site, rules, one) for one in approved):
        raise BadInput(
            "That is approved already, and was not carried out yet.",
            "Whoever asked can run the command again; after that it has to be asked for anew.",
        )
    return facts


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that waits for a second person, or for its own to go on.

    Attributes:
        request: Its number.
        verb: What is to be done.
        asked_by: Name or number of the user.
        asked_uid: The number.
        at: When, ISO 8601, UTC.
        is_approved: Whether it may be carried out now, if its time is not over.
    """

    request: str
    verb: str
    asked_by: str
    asked_uid: int
    at: str
    is_approved: bool


def list_requests(root: Path) -> tuple[OpenRequest, ...]:
    """What was asked for and not carried out yet, oldest first."""
    site = open_site(root)
    waiting: dict[str, OpenRequest] = {}
    for entry in find_entries(site, *(f'"kind":"{kind}"' for kind in (_ASKED, _APPROVED, _USED))):
        facts = entry["facts"]
        request = str(facts["request"])
        if entry["kind"] == _USED:
            waiting.pop(request, None)
        elif entry["kind"] == _APPROVED and request in waiting:
            waiting[request] = replace(waiting[request], is_approved=True)
        elif entry["kind"] == _ASKED:
            waiting[request] = OpenRequest(
                request,
                str(facts["verb"]),
                str(facts["user"]),
                int(facts["uid"]),
                str(entry["at"]),
                is_approved=False,
            )
    return tuple(waiting.values())


@dataclass(frozen=True, slots=True)
class VerbView:
    """One verb, for who asks."""

    verb: str
    is_allowed: bool
    needs_second: bool


def list_verbs(root: Path, who: Identity | None = None) -> tuple[VerbView, ...]:
    """Every verb, whether who runs this may do it, and whether it needs a second person.

    Raises:
        BadInput: The rules are broken.
    """
    site = open_site(root)
    rules, who = load_roles(site.paths.policies), who or current_identity()
    owner = site.paths.root.stat().st_uid
    return tuple(
        VerbView(
            verb, is_allowed(rules, who, owner, verb), rules.by_roles and verb in rules.two_persons
        )
        for verb in Verb
    )


def _check_role(
    site: Site, rules: AccessRules, who: Identity, verb: Verb, weigh: Weigh = each
) -> None:
    if is_allowed(rules, who, site.paths.root.stat().st_uid, verb):
        return
    count = weigh(who.uid, verb)
    if count:
        facts: dict[str, Fact] = {"verb": verb, "uid": who.uid}
        site.ledger.record("access.refused", facts | ({"count": count} if count > 1 else {}))
    raise Forbidden(
        f"{who.user or who.uid} may not do {verb} here.",
        "Somebody who may can do it, or policies/roles.toml is to be changed, under review.",
    )


def _check_second_person(
    site: Site, rules: AccessRules, who: Identity, request: str, verb: Verb
) -> None:
    events = _events(site, request)
    unused: list[dict[str, Any]] = []
    for one in events:
        if one["kind"] == _APPROVED and one["facts"]["uid"] != who.uid:
            unused.append(one)
        elif one["kind"] == _USED:
            # One use of a request uses up all that was approved of it until then.
            unused.clear()
    if any(_is_fresh(site, rules, one) for one in unused):
        # Before anything is done: killed after this, it has to be asked for again.
        site.ledger.record(_USED, {"request": request, "verb": verb, "uid": who.uid})
        return
    facts: dict[str, Fact] = {"request": request, "verb": verb, "uid": who.uid}
    facts["user"] = who.user or str(who.uid)
    site.ledger.record(_ASKED, facts)
    raise Forbidden(
        f"{verb} needs a second person.",
        f"Somebody else who may: `appliance access approve {request} --reason R`; then again.",
    )


def _is_fresh(site: Site, rules: AccessRules, event: dict[str, Any]) -> bool:
    age = site.clock.now() - datetime.fromisoformat(str(event["at"]))
    return age <= timedelta(days=rules.days)


def _request(site: Site, who: Identity, verb: Verb, subject: str) -> str:
    """The number of a request: of this person, for this, under these policies."""
    content = json.dumps([who.uid, verb, subject, site.policy_digest])
    # Keyed: a subject can be a patient's number, and all numbers can be tried.
    return pseudonym(site.keys.key(Purpose.PSEUDONYM), "request", content)


def _events(site: Site, request: str) -> list[dict[str, Any]]:
    return list(find_entries(site, f'"request":"{request}"'))
