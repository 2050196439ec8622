"""Checks of the gate at work, and of what Ray leaves where notes were read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from appliance.cluster.directories import left_sessions
from appliance.records.canary import CANARY
from appliance.records.events import Fact
from appliance.records.verdicts import Decision
from appliance.settings.site import PATIENT_INDEX
from appliance.workflows.checks.devices import medium_of
from appliance.workflows.checks.outcome import Check, Outcome, judge, skipped
from appliance.workflows.checks.site import SiteView

_PROC, _SYS = Path("/proc"), Path("/sys")
# Where a Ray that nobody told otherwise writes.
_ELSEWHERE: Final = Path("/tmp/ray")  # noqa: S108 - looked for, not used


class _Unheard:
    """A recorder for a look: the text is invented, and nothing is sent."""

    def record(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """Keep nothing; the doctor changes nothing."""
        del kind, facts
        return 0


def _spilled(site: SiteView) -> Outcome:
    directory = site.paths.run / "ray"
    left = [path.name for path in left_sessions(directory)]
    strays = _ELSEWHERE.is_dir() and _ELSEWHERE.lstat().st_uid == site.owner
    inside = directory.resolve().is_relative_to(site.paths.root.resolve())
    medium = medium_of(directory if directory.exists() else site.paths.run, _PROC, _SYS)
    kept = {True: "encrypted", False: "not encrypted", None: "who knows whether encrypted"}
    return judge(
        f"{directory} ({medium.name}, {kept[medium.is_encrypted]}); {len(left)} session(s) of "
        f"ended runs{'' if inside else '; it leads out of the site'}"
        f"{f'; {_ELSEWHERE} is of this user, too' if strays else ''}.",
        "The next run removes sessions of ended ones. Where it leads out of the site, put a "
        "directory in place of the link. /tmp/ray is of a Ray started by hand: end and remove it.",
        fails=not inside,
        warns=bool(left) or strays,
    )


def _canary(site: SiteView) -> Outcome:
    from appliance.gate.opening import NO_PATIENTS, open_gate

    index = site.paths.vault / PATIENT_INDEX
    gate = open_gate(site.paths.policies, index, site.keys, site.clock, _Unheard())
    verdict = gate.inspect(CANARY)
    if verdict.decision is Decision.DENY and verdict.reason == NO_PATIENTS:
        return judge(
            "The policy asks for patients and none is known: the gate lets nothing pass, unread.",
            "Import the patients: `appliance patients import`.",
            warns=True,
        )
    kinds = sorted({hit.entity for hit in verdict.hits})
    return judge(
        f"The gate, opened as for every prompt, found {', '.join(kinds) or 'nothing'}.",
        "Send nothing. Install the product again, compare policies/phi.toml with the one shipped.",
        fails=verdict.decision is not Decision.DENY or not kinds,
    )


def _not_asked(_: SiteView) -> Outcome:
    return skipped("Opening the gate takes seconds: `appliance doctor --gate` does it.")


SPILL_CHECKS: Final = (Check("SITE031", "What Ray writes stays in the site", _spilled),)


def gate_check(*, is_asked: bool) -> Check[SiteView]:
    """The check that opens the gate, or one in its place that says how to have it."""
    return Check(
        "SITE032", "An invented patient is stopped by the gate", _canary if is_asked else _not_asked
    )
