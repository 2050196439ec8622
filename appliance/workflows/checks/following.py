"""Checks that could not be made for what another check tells: one cause, told once.

A check that was made keeps its outcome. One that ended with an error follows from another where it
reads a directory that is missing or shut and its errors are of that one, or ended with an error
that the other tells too. Damage that was found is no error of a directory that is not there.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from appliance.workflows.checks.outcome import Outcome, Status, skipped

DIRECTORIES: Final = "SITE002"
KEYS: Final = "SITE004"
LEDGER: Final = "SITE007"
# Who tells of it first: without its key no ledger can be read.
_TELLERS: Final = (KEYS, LEDGER)

_ENTRIES: Final = frozenset({"SITE006", LEDGER, "SITE008", "BACK001", "BACK002", "BACK003"})
_VAULT: Final = frozenset({"SITE010", "SITE017", "SITE026", "SITE032"})
_GATEWAY: Final = frozenset({"SITE018", "SITE019", "SITE020", "SITE021", "SITE022"})
_READERS: Final = {
    "keys": frozenset({"SITE003", KEYS, "SITE034", "CLUS001", "CLUS003", "SITE019", "SITE020"})
    | _ENTRIES
    | _VAULT,
    "ledger": frozenset({"SITE003"}) | _ENTRIES,
    "vault": frozenset({"SITE003", "BACK001", "BACK002"}) | _VAULT,
    "policies": frozenset({"SITE005", "SITE006", "SITE013", "SITE014", "SITE015", "SITE026"})
    | frozenset({"BACK001", "BACK002", "SITE032"})
    | _GATEWAY,
    "journal": frozenset({"SITE003", "SITE014", "SITE024"}),
    "gateway": frozenset({"SITE024"}),
    "run": frozenset({"SITE014", "SITE021", "SITE022", "SITE023", "SITE031", "CLUS004"}),
    "models": frozenset({"SITE011"}),
    "corpora": frozenset({"SITE012"}),
    "adapters": frozenset({"SITE012"}),
    "findings": frozenset({"SITE012"}),
}
"""Which checks read a directory of the site."""

_KEY: Final = re.compile(r"The [a-z-]+ key ")
# That one of these is gone with all that was in it is told as its damage.
_GONE_IS_DAMAGE: Final = frozenset({"ledger", "vault"})


def name_causes(
    outcomes: Iterable[tuple[str, Outcome]], lost: frozenset[str]
) -> Iterator[tuple[str, Outcome]]:
    """The outcomes by check, in their order; of those that follow from another it says from which.

    Args:
        outcomes: Id of a check, and what it came to.
        lost: Names of the site's directories that are missing or can't be entered.
    """
    found = dict(outcomes)
    if found[DIRECTORIES].status is not Status.FAIL:
        lost = frozenset()
    told = {cause: teller for teller in reversed(_TELLERS) for cause in found[teller].causes}
    for check_id, outcome in found.items():
        teller = _find_teller(check_id, outcome, lost, told)
        is_news = teller in {"", check_id}
        yield check_id, outcome if is_news else _follow(teller)


def _follow(teller: str) -> Outcome:
    return replace(skipped(f"Not checked: {teller} failed."), follows=teller)


def _find_teller(
    check_id: str, outcome: Outcome, lost: frozenset[str], told: dict[str, str]
) -> str:
    if outcome.status is not Status.ERROR and not outcome.causes:
        return ""
    if _is_of_lost(check_id, outcome, lost):
        return DIRECTORIES
    tellers = [told.get(cause, "") for cause in outcome.causes]
    return tellers[0] if tellers and all(tellers) else ""


def _is_of_lost(check_id: str, outcome: Outcome, lost: frozenset[str]) -> bool:
    names = {name for name in lost if check_id in _READERS.get(name, frozenset())}
    if outcome.is_damage:
        names &= _GONE_IS_DAMAGE
    return bool(names) and all(
        any(_is_of(name, cause) for name in names) for cause in outcome.causes
    )


def _is_of(name: str, cause: str) -> bool:
    if name == "keys" and _KEY.match(cause):
        return True
    return re.search(rf"/{name}\b|\b{name}/", cause) is not None
