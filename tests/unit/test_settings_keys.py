"""Keys: made once, private, one for each purpose, and pseudonyms that reveal nothing."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import KeyMismatch, SiteError
from appliance.settings.keys import KEY_BYTES, FileKeys, Purpose, make_keys, pseudonym

KEY = bytes(range(32))


def test_every_purpose_has_a_key_of_its_own(tmp_path):
    make_keys(tmp_path)
    keys = FileKeys(tmp_path)

    made = {keys.key(purpose) for purpose in Purpose}

    assert len(made) == len(Purpose)
    assert {len(key) for key in made} == {KEY_BYTES}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_keys_that_are_there_stay(tmp_path):
    """Losing a key is losing the vault: nothing overwrites one."""
    make_keys(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    make_keys(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_missing_key_is_told_with_the_next_step(tmp_path):
    with pytest.raises(SiteError, match="vault key") as refusal:
        FileKeys(tmp_path).key(Purpose.VAULT)

    assert "backup" in refusal.value.next_step


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_not_used(tmp_path, mode):
    make_keys(tmp_path)
    (tmp_path / "vault.key").chmod(mode)

    with pytest.raises(KeyMismatch, match="readable by others"):
        FileKeys(tmp_path).key(Purpose.VAULT)


def test_a_services_credential_goes_before_the_file(tmp_path, monkeypatch):
    """As systemd hands it over; a purpose that it does not hand over comes from the file."""
    make_keys(tmp_path)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "ledger.key").write_bytes(KEY)
    (credentials / "ledger.key").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    keys = FileKeys(tmp_path)

    assert keys.key(Purpose.LEDGER) == KEY
    assert keys.key(Purpose.VAULT) == (tmp_path / "vault.key").read_bytes()


@pytest.mark.parametrize(("mode", "is_used"), [(0o440, True), (0o444, False), (0o460, False)])
def test_a_credential_may_show_the_mask_of_an_access_list_and_no_more(
    tmp_path, monkeypatch, mode, is_used
):
    """Systemd lets the service's user read by such a list; the mask stands where a group would."""
    (tmp_path / "ledger.key").write_bytes(KEY)
    (tmp_path / "ledger.key").chmod(mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    keys = FileKeys(tmp_path / "nowhere")

    if is_used:
        assert keys.key(Purpose.LEDGER) == KEY
        return
    with pytest.raises(KeyMismatch, match="readable by others"):
        keys.key(Purpose.LEDGER)


@pytest.mark.parametrize("size", [0, 31, 33, 4096])
def test_a_key_of_a_wrong_size_is_not_used(tmp_path, size):
    make_keys(tmp_path)
    (tmp_path / "vault.key").write_bytes(bytes(size))

    with pytest.raises(KeyMismatch, match="wrong size"):
        FileKeys(tmp_path).key(Purpose.VAULT)


@given(st.text(), st.text())
def test_pseudonyms_are_equal_only_for_equal_values(one, two):
    pair = pseudonym(KEY, "note", one), pseudonym(KEY, "note", two)

    assert (pair[0] == pair[1]) == (one == two)
    assert len(pair[0]) == 24


def test_a_pseudonym_depends_on_key_and_kind():
    """The same MRN as note and as patient, or at another hospital, is another pseudonym."""
    made = {
        pseudonym(KEY, "note", "12345"),
        pseudonym(KEY, "patient", "12345"),
        pseudonym(bytes(32), "note", "12345"),
    }

    assert len(made) == 3
