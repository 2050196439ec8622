"""Canaries: notes and patients that never were, planted among the real ones and looked for later.

Nothing says in clear which they are: each is derived from the site's key and its number, so that
whoever finds one outside knows that this site's text got out, and nobody can avoid them.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from appliance.errors import BadInput
from appliance.ledger.entry import decode
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import PatientIdentifier, SourceNote, SourcePatient
from appliance.records.progress import Progress
from appliance.settings.keys import Purpose
from appliance.workflows.ingest import import_stream
from appliance.workflows.patients import register
from appliance.workflows.site import Site, open_site

PLANTED: Final = "audit.planted"
KIND: Final = "progress-note"
MOST: Final = 500
_SOURCE: Final = "appliance-canary-"
_STARTS: Final = [
    "bl",
    "br",
    "cl",
    "cr",
    "dr",
    "fl",
    "fr",
    "gl",
    "gr",
    "pl",
    "pr",
    "qu",
    "sk",
    "sl",
    "sm",
    "sn",
    "sp",
    "st",
    "th",
    "tr",
    "tw",
    "v",
    "w",
    "z",
]
_MIDDLES: Final = ["a", "e", "i", "o", "u", "ai", "ea", "oa", "ou"]
_ENDS: Final = [
    "ck",
    "ft",
    "ld",
    "lm",
    "lp",
    "mp",
    "nd",
    "ng",
    "nk",
    "nt",
    "rd",
    "rk",
    "rm",
    "rn",
    "rp",
    "sk",
    "sp",
    "st",
    "th",
    "x",
]
_SYLLABLES: Final = 3


@dataclass(frozen=True, slots=True)
class Canary:
    """Somebody who never was.

    Attributes:
        source_id: In place of an exporting system's id of the patient.
        given: Two words, none of which is a name anywhere.
        family: The same, one word.
        mrn: A medical record number of a form that no hospital gives.
        phrase: Five words that no text holds by chance.
    """

    source_id: str
    given: str = field(repr=False)
    family: str = field(repr=False)
    mrn: str = field(repr=False)
    phrase: str = field(repr=False)

    def needles(self) -> tuple[str, ...]:
        """What must be found nowhere."""
        return (f"{self.given} {self.family}", self.mrn, self.phrase)


@dataclass(frozen=True, slots=True)
class Planting:
    """What was planted: notes and patients of this call, and of all calls together."""

    count: int
    total: int


def derive_canaries(key: bytes, count: int) -> list[Canary]:
    """The first so many canaries of the site whose key that is; the same ones every time."""
    return [_derive(key, number) for number in range(count)]


def plant(root: Path, count: int, progress: Progress, *, dry_run: bool = False) -> Planting:
    """So many more canaries are registered patients with a note each, known to gate and audit.

    They can be taken out again: `appliance notes erase --patient appliance-canary-0001`.

    Raises:
        BadInput: Too many, or none.
        NoSpace: The disk is full.
    """
    site = open_site(root)
    before = _planted(site)
    if count < 1 or before + count > MOST:
        raise BadInput(
            f"A site has 1 to {MOST} canaries; it has {before} already.", "Give another --count."
        )
    if dry_run:
        return Planting(count, before + count)
    canaries = derive_canaries(site.keys.key(Purpose.PSEUDONYM), before + count)[before:]
    # On record first: what is planted and not known would be a real patient to everybody.
    site.ledger.record(PLANTED, {"count": count, "total": before + count})
    import_stream(site, list(_notes(canaries, site.clock.now().date().isoformat())), progress)
    register(site, [_patient(canary) for canary in canaries], progress)
    return Planting(count, before + count)


def _planted(site: Site) -> int:
    mark = f'"kind":"{PLANTED}"'.encode()
    bodies = read_bodies(site.paths.ledger, site.ledger.head().size)
    return sum(int(decode(body)[1].facts["count"]) for body in bodies if mark in body)


def _derive(key: bytes, number: int) -> Canary:
    words = _words(hmac.digest(key, f"appliance canary {number}".encode(), "sha512"))
    given, family, *phrase = (next(words) for _ in range(7))
    digits = int.from_bytes(hmac.digest(key, f"appliance canary mrn {number}".encode(), "sha256"))
    return Canary(
        f"{_SOURCE}{number + 1:04}",
        given.title(),
        family.title(),
        f"QX{digits % 10**9:09}",
        " ".join(phrase),
    )


def _words(noise: bytes) -> Iterator[str]:
    """Words of two syllables and more that can be spoken and stand in no dictionary."""
    value = int.from_bytes(noise)
    while True:
        word = ""
        for _ in range(_SYLLABLES):
            for parts in (_STARTS, _MIDDLES, _ENDS):
                value, at = divmod(value, len(parts))
                word += parts[at]
        yield word


def parts_of(canary: Canary, day: str) -> tuple[tuple[str, str], ...]:
    """The canary's note as beginnings, each with what it goes on with; put together, all of it."""
    return (
        (f"Progress note, {day}\nPatient: {canary.given} {canary.family}, MRN ", canary.mrn),
        ("\nSeen on rounds; ", canary.phrase),
        (" was mentioned once and will be followed up.\nPlan: as before.\n", ""),
    )


def _notes(canaries: list[Canary], day: str) -> Iterator[SourceNote]:
    for canary in canaries:
        text = "".join(begun + secret for begun, secret in parts_of(canary, day))
        yield SourceNote(canary.source_id, canary.source_id, KIND, day, text)


def _patient(canary: Canary) -> SourcePatient:
    name = PatientIdentifier("name", f"{canary.given} {canary.family}")
    return SourcePatient(canary.source_id, (name, PatientIdentifier("mrn", canary.mrn)))
