"""Checks that could not be made for what another check tells: one cause, told once.

A check that was made keeps its outcome. One that ended with an error follows from another where it
reads a directory that is missing or shut, or ended with an error that the other tells too.
"""

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
    readers = frozenset().union(*(_READERS.get(name, frozenset()) for name in lost))
    told = {cause: teller for teller in reversed(_TELLERS) for cause in found[teller].causes}
    for check_id, outcome in found.items():
        teller = _find_teller(check_id, outcome, readers, told)
        is_news = teller in {"", check_id}
        yield check_id, outcome if is_news else _follow(teller)


def _follow(teller: str) -> Outcome:
    return replace(skipped(f"Not checked: {teller} failed."), follows=teller)


def _find_teller(
    check_id: str, outcome: Outcome, readers: frozenset[str], told: dict[str, str]
) -> str:
    if outcome.status is not Status.ERROR and not outcome.causes:
        return ""
    if check_id in readers:
        return DIRECTORIES
    tellers = [told.get(cause, "") for cause in outcome.causes]
    return tellers[0] if tellers and all(tellers) else ""
