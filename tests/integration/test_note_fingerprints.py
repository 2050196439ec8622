"""Import and erasure keep the gate's fingerprints in step with the vault."""

import pytest

from appliance.errors import BadInput, DetectorFailed
from appliance.gate.overlap.detector import NoteOverlap
from appliance.gate.overlap.fingerprints import FILE, Fingerprints
from appliance.records.notes import SourceNote, SourcePatient
from appliance.records.progress import Silent
from appliance.settings.keys import FileKeys, Purpose
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.notes import erase
from appliance.workflows.patients import register
from appliance.workflows.site import init, open_site

TEXTS = {
    "a": "the gulls had warned him and he asked them to feed the three goats before the storm",
    "b": "she teaches the cello to the children of the bakers in the upper town every friday",
    "c": "he mends the clocks of four villages and walks to each of them over the frozen lake",
}


@pytest.fixture
def site(tmp_path):
    init(tmp_path / "site", "air-gapped")
    return open_site(tmp_path / "site")


def note(name, patient="p1"):
    return SourceNote(f"note-{name}", patient, "letter", "2024-01-02", f"Told that {TEXTS[name]}.")


def known(site):
    detector = NoteOverlap.load(
        site.paths.vault / FILE, FileKeys(site.paths.keys).key(Purpose.PATIENT_INDEX)
    )
    return {name for name, text in TEXTS.items() if detector.detect([text])[0]}


def test_the_gate_knows_what_was_imported_and_forgets_what_was_erased(site):
    """Imports extend, erasure shrinks, and both with and without a patient's id."""
    import_stream(site, [note("a", "p1")], Silent())
    import_stream(site, [note("b", "p2"), note("c", None)], Silent())
    assert known(site) == {"a", "b", "c"}

    erase(site.paths.root, "p1")

    assert known(site) == {"b", "c"}


def test_an_import_that_fails_leaves_the_gate_knowing_what_came(site):
    """Whatever ends the stream, the notes before it are known."""

    def stream():
        yield note("a")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        import_stream(site, stream(), Silent())

    assert known(site) == {"a"}


def test_the_import_after_a_kill_fingerprints_everything(site):
    """The marker of a killed import shuts the gate; the next one reads the vault anew."""
    import_stream(site, [note("a")], Silent())
    key = FileKeys(site.paths.keys).key(Purpose.PATIENT_INDEX)
    Fingerprints(site.paths.vault / FILE, key).begin()
    with pytest.raises(DetectorFailed):
        known(site)

    import_stream(site, [note("b", "p2")], Silent())

    assert known(site) == {"a", "b"}


def test_a_vault_from_before_is_fingerprinted_by_the_next_command(site):
    """Notes sealed without fingerprints are taken in with the next import of either kind."""
    with opened_vault(site) as vault:
        vault.seal([note("a"), note("c", None)])
    with pytest.raises(DetectorFailed):
        known(site)

    register(site, [SourcePatient("p9", ())], Silent())

    assert known(site) == {"a", "c"}


def test_two_imports_at_once_are_refused(site):
    """The second would write over what the first has seen."""

    def stream():
        yield note("a")
        with pytest.raises(BadInput):
            import_stream(site, [note("b")], Silent())
        yield note("c", None)

    import_stream(site, stream(), Silent())

    assert known(site) == {"a", "c"}
