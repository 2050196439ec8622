"""Keeping the gate's fingerprints of notes in step with the vault."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final

from appliance.clinical.vault.store import Vault
from appliance.gate.overlap.fingerprints import FILE, Fingerprints
from appliance.records.identifiers import NoteId
from appliance.records.notes import SourceNote
from appliance.settings.keys import Purpose
from appliance.workflows.site import Site

_REASON: Final = "note-fingerprints"
_BATCH: Final = 256
_CHARACTERS: Final = 1 << 20


def fingerprints_of(site: Site) -> Fingerprints:
    """The site's file, for extending and shrinking."""
    return Fingerprints(site.paths.vault / FILE, site.keys.key(Purpose.PATIENT_INDEX))


@contextmanager
def fingerprinted(
    site: Site, vault: Vault, notes: Iterable[SourceNote]
) -> Iterator[Iterator[SourceNote]]:
    """The same notes; when the block ends, however it does, the gate knows all that came by.

    Where an import before was cut off, every note of the vault is fingerprinted anew.

    Raises:
        BadInput: Another process imports or erases notes.
    """
    prints = fingerprints_of(site)
    with prints.alone():
        anew = not prints.is_whole
        prints.begin()
        if anew:
            _add_all(vault, prints)
        try:
            yield _seen(vault, prints, notes)
        finally:
            prints.finish(anew=anew)


def ensure_fingerprints(site: Site, vault: Vault) -> None:
    """The gate knows every note of the vault, be it none."""
    if not fingerprints_of(site).is_whole:
        with fingerprinted(site, vault, ()):
            pass


def forget_patient(site: Site, vault: Vault, patient_id: str) -> None:
    """What only this patient's notes left is gone from the gate's fingerprints.

    Raises:
        BadInput: Another process imports or erases notes.
    """
    ensure_fingerprints(site, vault)
    prints = fingerprints_of(site)
    with prints.alone():
        prints.forget([patient_id])


def forget_but_present(site: Site, vault: Vault, owners: AbstractSet[str]) -> None:
    """Of these patients' and notes' texts the gate knows those that are in the vault, as they are.

    The gate does not open meanwhile: of a patient it would know too little for a moment.

    Raises:
        BadInput: Another process imports or erases notes.
    """
    ensure_fingerprints(site, vault)
    prints = fingerprints_of(site)
    with prints.alone():
        prints.begin()
        prints.forget(owners)
        notes = [note for note, patient in vault.owners().items() if (patient or note) in owners]
        _add(vault, prints, notes)
        prints.finish()


def _seen(vault: Vault, prints: Fingerprints, notes: Iterable[SourceNote]) -> Iterator[SourceNote]:
    # Before a note is sealed: what is in the vault is known to the gate in any case.
    for some in _batched(notes):
        prints.add([(_owner(vault, note), note.text) for note in some if note.text])
        yield from some


def _batched(notes: Iterable[SourceNote]) -> Iterator[list[SourceNote]]:
    """Some at a time, also before what breaks the stream; few where they are long."""
    some: list[SourceNote] = []
    characters = 0
    try:
        for note in notes:
            some.append(note)
            characters += len(note.text)
            if len(some) >= _BATCH or characters >= _CHARACTERS:
                yield some
                some, characters = [], 0
    except Exception:
        yield some
        raise
    yield some


def _owner(vault: Vault, note: SourceNote) -> str:
    patient = note.patient_source_id
    return vault.note_id_of(note.source_id) if patient is None else vault.patient_id_of(patient)


def _add_all(vault: Vault, prints: Fingerprints) -> None:
    _add(vault, prints, vault.note_ids())


def _add(vault: Vault, prints: Fingerprints, ids: Sequence[NoteId]) -> None:
    for start in range(0, len(ids), _BATCH):
        notes = vault.read_identified(ids[start : start + _BATCH], _REASON)
        prints.add([(note.patient_id or note.note_id, note.text) for note in notes])
