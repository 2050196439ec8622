"""Whatever happened to an export on its way, it is read or refused, and nothing is said of it."""

import io
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.clinical.intake.formats.known import FORMATS
from appliance.clinical.intake.formats.pdf_worker import extract
from appliance.clinical.intake.formats.reading import Origin, Reading
from appliance.clinical.intake.rejections import Reason, Refusal
from appliance.records.notes import SourceNote
from tests.lib.exports import EXPORTS, Exported
from tests.lib.mutations import mutate

CANARY = "Quillfeather"
NOTE = Exported(
    id=f"{CANARY}-1",
    patient=f"mrn-{CANARY}",
    kind="Letter",
    text=f"{CANARY} has no fever.\nSeen & sent home.",
)
WHOLE = {name: write(NOTE) for name, (_, write) in EXPORTS.items()}


def check(name, content):
    """Read as its format has it; what is shown of the outcome is the reason."""
    suffix = EXPORTS[name][0]
    try:
        entries = list(FORMATS[suffix](io.BytesIO(content), Origin("x/a", Reading())))
    except Refusal as refusal:
        entries = [(None, refusal)]
    for _, entry in entries:
        assert isinstance(entry, SourceNote | Refusal)
        # What is left of a canary may stand in the kind of a note, which is no secret.
        if isinstance(entry, Refusal):
            assert CANARY not in repr((entry, entry.args, entry.__cause__, entry.__context__))
            assert entry.reason is not Reason.FAILED
        else:
            assert CANARY not in repr(entry).replace(entry.kind, "")


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"pdf"}))
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_read_or_refused(name, seed):
    """Forty of each format now; a hundred thousand with `make bench-intake`."""
    check(name, mutate(WHOLE[name], Random(seed)))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_pdf_is_read_or_refused(seed):
    """The part that runs in the other process."""
    outcome, text = extract(mutate(WHOLE["pdf"], Random(seed)))

    assert outcome in {b"t", b"l", b"m"}
    assert isinstance(text, str)


@pytest.mark.parametrize("suffix", sorted(set(FORMATS) - {".pdf"}))
@settings(max_examples=30)
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(suffix, content):
    """Under any name."""
    try:
        for _, entry in FORMATS[suffix](io.BytesIO(content), Origin("x/a", Reading())):
            assert isinstance(entry, SourceNote | Refusal)
    except Refusal:
        pass
