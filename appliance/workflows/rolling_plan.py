"""What rolling restarts have left undone, in a file that every host of the cluster reads.

A command keeps its own hosts: another one that comes between takes nothing from it, and a host that
is still at its work finds itself there when that ends. Beside the commands stands what hosts of an
older release read, address to number of a life.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from appliance.artifacts.locks import held_alone, held_in_turn
from appliance.artifacts.writing import write_atomically
from appliance.errors import IntegrityError

_PLAN: Final = "cluster-restart.json"
_LOCK: Final = "cluster-restart.lock"
_TURN: Final = "cluster-restart.turn"
# What was left undone longer ago was another occasion.
_COUNTS_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Command:
    """One `cluster restart`, and what it set out to do.

    Attributes:
        asked: The addresses that it named, sorted; none for all. None where an older release wrote.
        begun: When it was first given.
        hosts: Address to the number of the life that is to end, in their order.
    """

    asked: tuple[str, ...] | None
    begun: datetime
    hosts: Mapping[str, str]


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """No other rolling restart is under way at the site.

    Raises:
        BadInput: One is.
    """
    what = "Another `cluster restart` is under way at this site."
    with held_alone(run / _LOCK, what, "Wait until it has ended, and run this again."):
        yield


def find(run: Path, wanted: Sequence[str], now: datetime) -> Command | None:
    """The same command, left undone less than a day ago."""
    for one in _read(run):
        is_same = one.asked == _key(wanted) or set(one.hosts) == set(wanted)
        if now - one.begun < _COUNTS_FOR and (is_same or (one.asked is None and not wanted)):
            return replace(one, asked=_key(wanted))
    return None


def begin(wanted: Sequence[str], hosts: Mapping[str, str], now: datetime) -> Command:
    """A new command, which nobody has been told of yet."""
    return Command(_key(wanted), now, hosts)


def keep(run: Path, command: Command, now: datetime) -> None:
    """Hosts of the command that are drained start again; those of others still do, for a day."""
    with held_in_turn(run / _TURN):
        others = [
            one
            for one in _read(run)
            if now - one.begun < _COUNTS_FOR
            and one.asked != command.asked
            and one.hosts != command.hosts
        ]
        _write(run, [*others, command])


def strike(run: Path, command: Command) -> None:
    """The command is done; what others left undone stays."""
    with held_in_turn(run / _TURN):
        _write(run, [one for one in _read(run) if one.asked != command.asked])


def strike_host(run: Path, host: str) -> None:
    """No command has the host started again."""
    with held_in_turn(run / _TURN):
        found = _read(run)
        if any(host in one.hosts for one in found):
            left = [replace(one, hosts=_without(one.hosts, host)) for one in found]
            _write(run, [one for one in left if one.hosts])


def is_planned(run: Path, host: str, node_id: str) -> bool:
    """Whether some command has that life of the host end, and another begin."""
    return any(one.hosts.get(host) == node_id for one in _read(run))


def _key(wanted: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(wanted)))


def _without(hosts: Mapping[str, str], host: str) -> dict[str, str]:
    return {address: life for address, life in hosts.items() if address != host}


def _read(run: Path) -> list[Command]:
    path = run / _PLAN
    try:
        raw = json.loads(path.read_bytes())
        return [_parse(one) for one in raw.get("commands", [raw])]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"{path} is damaged.", "Remove it, and restart the hosts from the first on."
        ) from None


def _parse(raw: Mapping[str, Any]) -> Command:
    asked = raw.get("asked")
    return Command(
        None if asked is None else tuple(str(one) for one in asked),
        datetime.fromisoformat(raw["begun"]),
        {str(host): str(life) for host, life in raw["hosts"].items()},
    )


def _write(run: Path, commands: Sequence[Command]) -> None:
    if not commands:
        (run / _PLAN).unlink(missing_ok=True)
        return
    ordered = sorted(commands, key=lambda one: one.begun)
    # Of two lives of a host the later counts there: the earlier is over.
    lives = {host: life for one in ordered for host, life in one.hosts.items()}
    content = {"version": 1, "begun": ordered[-1].begun.isoformat(), "hosts": lives}
    content["commands"] = [
        {"asked": one.asked, "begun": one.begun.isoformat(), "hosts": dict(one.hosts)}
        for one in ordered
    ]
    write_atomically(run / _PLAN, json.dumps(content).encode())
