"""Adapters that write text, if there are any, and the beginnings of canaries to try them with."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from appliance.audits.extraction import Beginning, Writer
from appliance.learning.basemodels.store import ModelStore
from appliance.learning.inference.continuing import Continuer, base_of_writer
from appliance.records.events import Event
from appliance.settings.keys import Purpose
from appliance.workflows.canaries import PLANTED, derive_canaries, parts_of
from appliance.workflows.site import Site


def make_writers(site: Site) -> list[Writer]:
    """Each adapter of a language model in the site, whoever put it there; none is trained here."""
    found = [
        (directory, base)
        for directory in sorted(site.paths.adapters.glob("[!.]*"))
        if (base := base_of_writer(directory)) is not None
    ]
    return [
        Writer(directory.name, partial(_open, site, directory, base)) for directory, base in found
    ]


def make_beginnings(site: Site, events: Sequence[Event]) -> list[Beginning]:
    """Two of each canary that is planted, and of as many that never were."""
    days = [
        event.at[:10]
        for event in events
        if event.kind == PLANTED
        for _ in range(_number(event.facts.get("count")))
    ]
    canaries = derive_canaries(site.keys.key(Purpose.PSEUDONYM), 2 * len(days))
    beginnings = []
    for number, canary in enumerate(canaries):
        text = ""
        for begun, secret in parts_of(canary, days[number % len(days)]):
            text += begun
            if secret:
                beginnings.append(Beginning(text, secret, is_planted=number < len(days)))
            text += secret
    return beginnings


def _number(value: object) -> int:
    # A line that was tampered with may hold anything.
    return max(0, value) if isinstance(value, int) else 0


def _open(site: Site, adapter: Path, base: str) -> Callable[[Beginning, bool], str]:
    path = ModelStore(site.paths.models).resolve(base).path
    model = Continuer.load(adapter, path, device=site.settings.learning.device)
    return lambda one, is_on: model.go_on(one.text, one.secret, with_adapter=is_on)
