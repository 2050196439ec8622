"""Who asks, for what, and whether it is allowed."""

from dataclasses import dataclass
from enum import StrEnum


class Duty(StrEnum):
    """What somebody is there for; one person can have several."""

    INSTALLER = "installer"
    OPERATOR = "operator"
    RESEARCHER = "researcher"
    AUDITOR = "auditor"
    PRIVACY_OFFICER = "privacy-officer"


class Verb(StrEnum):
    """What is done with patients' data, or seen on the console."""

    IMPORT = "notes.import"
    REJECTED = "notes.rejected"
    COUNT = "notes.count"
    SHOW = "notes.show"
    SHOW_TEXT = "notes.show-text"
    SEARCH = "notes.search"
    ERASE = "notes.erase"
    LEARN = "notes.learn"
    REGISTER = "patients.import"
    EXTRACT = "findings.extract"
    EXPORT = "findings.export"
    EXPORT_TEXT = "findings.export-text"
    COUNT_FINDINGS = "findings.count"
    REVIEW_FINDINGS = "findings.review"
    APPROVE = "access.approve"
    ROTATE = "keys.rotate"
    BACKUP = "site.backup"
    ADMIT = "cluster.admit"
    REVIEW = "corpus.review"
    ASK_RELEASE = "release.ask"
    CONSOLE = "console.open"
    TRAFFIC = "console.traffic"
    AUDITS = "console.audits"
    LEDGER = "console.ledger"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as the operating system knows them.

    Attributes:
        uid: Number of the user.
        user: Name of the user; None where the system knows none.
        groups: Names of the user's groups.
    """

    uid: int
    user: str | None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has a duty: names of users and groups."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessRules:
    """A site's rules.

    Attributes:
        by_roles: Whether the tables count; else only the site's owner may do anything.
        holders: Duty to who has it.
        verbs: Verb to the duties that may do it.
        two_persons: Verbs that a second person has to approve.
        days: For how long an approval counts.
        bulk: Text of more notes than these at once needs a second person; 0 where it never does.
    """

    by_roles: bool
    holders: dict[Duty, Holders]
    verbs: dict[Verb, frozenset[Duty]]
    two_persons: frozenset[Verb]
    days: int
    bulk: int = 0


def is_allowed(rules: AccessRules, who: Identity, owner_uid: int, verb: Verb) -> bool:
    """Whether somebody may do something; what the rules don't say is no.

    Args:
        rules: The site's.
        who: Who asks.
        owner_uid: To whom the site's directory belongs.
        verb: What is to be done.
    """
    if not rules.by_roles:
        return who.uid == owner_uid
    return any(_holds(rules.holders.get(duty), who) for duty in rules.verbs.get(verb, frozenset()))


def _holds(holders: Holders | None, who: Identity) -> bool:
    if holders is None or not who.user:
        return False
    return who.user in holders.users or bool(who.groups & holders.groups)
