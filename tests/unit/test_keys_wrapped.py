"""No key in clear on the disk: wrapped by a program that is really run, and read through it."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from appliance.artifacts.locks import held_alone
from appliance.cli.main import run
from appliance.errors import BadInput, KeyMismatch, SiteError
from appliance.ledger.proofs import read_bodies
from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.settings.keys import FileKeys, Purpose
from appliance.workflows.backup_parts import read_keys
from appliance.workflows.checks.outcome import Status
from appliance.workflows.checks.site import SITE_CHECKS, view
from appliance.workflows.ingest import import_stream, opened_vault
from appliance.workflows.keys import rotate, unwrap, wrap
from appliance.workflows.site import init, open_site
from tests.lib.frozen_clock import FrozenClock

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl to wrap keys with")
NOTE = SourceNote("1", "P-1", "letter", "", "The patient has gout.")


def name_programs(site, wrapping, unwrapping):
    said = {"wrap": wrapping, "unwrap": unwrapping}
    lines = [f"{key} = {json.dumps([str(word) for word in words])}" for key, words in said.items()]
    (site.paths.keys / "wrapping.toml").write_text("version = 1\n" + "\n".join(lines) + "\n")


def openssl(secret, *more):
    return OPENSSL, "enc", "-aes-256-cbc", "-pbkdf2", "-iter", "9", "-pass", f"file:{secret}", *more


@pytest.fixture
def site(tmp_path):
    """With a note, and with two programs named."""
    made = init(tmp_path / "site", "air-gapped", FrozenClock())
    import_stream(made, [NOTE], Silent())
    (tmp_path / "secret").write_text("of the hospital's module\n")
    name_programs(made, openssl(tmp_path / "secret"), openssl(tmp_path / "secret", "-d"))
    return made


def held(site):
    return {purpose: FileKeys(site.paths.keys).key(purpose) for purpose in Purpose}


def in_clear(site):
    """Files of the site that hold one of its keys."""
    keys = held(site).values()
    files = [path for path in site.paths.root.rglob("*") if path.is_file()]
    return {path.name for path in files if any(key in path.read_bytes() for key in keys)}


def read_note(root):
    again = open_site(root)
    with opened_vault(again) as vault:
        [note] = vault.read_identified(vault.note_ids(), "check")
    return note.text


def test_wrapped_keys_are_nowhere_in_clear_and_open_everything(site):
    before = held(site)
    assert in_clear(site) == {f"{purpose}.key" for purpose in Purpose}

    done = wrap(site.paths.root)

    assert (done.keys, done.before) == (6, 0)
    assert in_clear(site) == set()
    assert held(site) == before
    assert read_note(site.paths.root) == NOTE.text
    wrapped = list(site.paths.keys.glob("*.wrapped"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in wrapped} == {0o600}
    bodies = read_bodies(site.paths.ledger, open_site(site.paths.root).ledger.head().size)
    kinds = [json.loads(body)["kind"] for body in bodies]
    assert kinds.count("keys.wrapped") == 6
    assert wrap(site.paths.root).keys == 0


def test_they_come_back(site):
    before = held(site)
    wrap(site.paths.root)

    assert unwrap(site.paths.root).keys == 6

    assert held(site) == before
    assert not list(site.paths.keys.glob("*.wrapped"))
    assert in_clear(site) == {f"{purpose}.key" for purpose in Purpose}


def test_a_wrapping_that_was_cut_off_goes_on(site):
    """Killed with a key in both forms: the one in clear counts until it is gone."""
    before = held(site)
    FileKeys(site.paths.keys).wrap(Purpose.LEDGER)
    (site.paths.keys / "vault.key.wrapped").write_bytes(b"of another time")
    (site.paths.keys / "vault.key.wrapped.part").write_bytes(b"half")

    assert held(site) == before
    assert wrap(site.paths.root).keys == 5
    assert held(site) == before
    assert in_clear(site) == set()


def test_a_key_that_was_left_under_way_to_being_gone_goes(site):
    """Killed after its last name was taken from it; and a reader who came too late has none."""
    wrap(site.paths.root)
    left = site.paths.keys / "vault.key.part"
    left.write_bytes(held(site)[Purpose.VAULT])
    [check] = [one for one in SITE_CHECKS if one.check_id == "SITE034"]
    assert check.run(view(site.paths, FrozenClock())).status is Status.WARN

    assert wrap(site.paths.root).keys == 0
    assert not left.exists()
    (site.paths.keys / "vault.key").write_bytes(bytes(32))
    (site.paths.keys / "vault.key").chmod(0o600)
    with pytest.raises(KeyMismatch, match="again"):
        FileKeys(site.paths.keys).key(Purpose.VAULT)


def test_fresh_keys_of_a_wrapped_site_are_wrapped(site):
    wrap(site.paths.root)
    before = held(site)

    rotate(site.paths.root, Silent())

    assert in_clear(site) == set()
    assert held(site)[Purpose.VAULT] != before[Purpose.VAULT]
    assert read_note(site.paths.root) == NOTE.text
    assert not list(site.paths.keys.glob("*next*"))


def test_a_backup_holds_the_keys_themselves(site):
    """The machine whose module wrapped them may be gone."""
    before = read_keys(site.paths.keys)

    wrap(site.paths.root)

    assert read_keys(site.paths.keys) == before


@pytest.mark.parametrize(
    ("wrapping", "unwrapping", "error", "told"),
    [
        (["/bin/cat"], ["/bin/cat"], KeyMismatch, "as it went in"),
        (["/usr/bin/tr", "a-z", "A-Z"], ["/bin/echo", "other"], KeyMismatch, "as it went in"),
        (["/bin/false"], ["/bin/cat"], SiteError, "exit code 1"),
        (["/nowhere/wrap"], ["/bin/cat"], SiteError, "No such file"),
        (["openssl"], ["/bin/cat"], SiteError, "whole path"),
        ([], ["/bin/cat"], BadInput, "wrap"),
    ],
)
def test_programs_that_do_not_give_a_key_back_change_nothing(
    site, wrapping, unwrapping, error, told
):
    """A key that can't be unwrapped is a vault that is lost; `cat` would leave it in clear."""
    before = {path.name: path.read_bytes() for path in site.paths.keys.glob("*.key*")}
    name_programs(site, wrapping, unwrapping)

    with pytest.raises(error, match=told):
        wrap(site.paths.root)

    assert {path.name: path.read_bytes() for path in site.paths.keys.glob("*.key*")} == before


def test_what_a_program_complains_of_is_not_told(site):
    """It may hold what it was given."""
    script = Path(site.paths.root / "loud.sh")
    script.write_text("#!/bin/sh\necho Quillfeather >&2\necho Quillfeather\nexit 7\n")
    script.chmod(0o700)
    name_programs(site, [script], [script])

    with pytest.raises(SiteError, match="exit code 7") as refusal:
        wrap(site.paths.root)

    assert "Quillfeather" not in str(refusal.value)


def test_without_the_hospitals_secret_nothing_opens(site, tmp_path, monkeypatch):
    """A copy of the site alone is of no use."""
    from appliance.settings import keys

    wrap(site.paths.root)
    (tmp_path / "secret").write_text("another\n")
    monkeypatch.setattr(keys, "_unwrapped", {})

    with pytest.raises((SiteError, KeyMismatch)):
        open_site(site.paths.root)


def test_a_program_that_keeps_keys_by_their_names_is_refused(site):
    """The next key of that name would take the place of the one that is in use."""
    store = site.paths.root / "store"
    store.mkdir()
    scripts = []
    for name, body in (("in", "cat > {0}/$1; echo kept"), ("out", "cat >/dev/null; cat {0}/$1")):
        script = store / f"{name}.sh"
        script.write_text(f"#!/bin/sh\n{body.format(store)}\n")
        script.chmod(0o700)
        scripts.append([script, "{name}"])
    name_programs(site, *scripts)

    with pytest.raises(KeyMismatch, match="as it went in"):
        wrap(site.paths.root)

    assert not list(site.paths.keys.glob("*.wrapped"))


def test_keys_are_changed_by_one_process_at_a_time(site):
    """Two would take each other's away."""
    lock = site.paths.run / "keys.lock"
    with held_alone(lock, "held", ""):
        for change in (wrap, unwrap, lambda root: rotate(root, Silent())):
            with pytest.raises(BadInput, match="Another process changes"):
                change(site.paths.root)


def test_a_change_of_keys_under_way_is_ended_first(site):
    FileKeys(site.paths.keys).make_next(Purpose.VAULT)

    with pytest.raises(BadInput, match="keys rotate"):
        wrap(site.paths.root)


def test_the_doctor_finds_a_key_in_clear_beside_the_wrapped(site):
    [check] = [one for one in SITE_CHECKS if one.check_id == "SITE034"]
    outcomes = []
    for step in (lambda: None, lambda: wrap(site.paths.root), lambda: unwrap(site.paths.root)):
        step()
        outcomes.append(check.run(view(site.paths, FrozenClock())).status)

    assert outcomes == [Status.WARN, Status.PASS, Status.WARN]


def test_the_command_line_wraps(site, capfd):
    root = str(site.paths.root)
    asked = [run(["keys", "wrap", "--site", root, "--json", *more]) for more in (["--dry-run"], [])]
    out = capfd.readouterr().out

    assert asked == [0, 0]
    assert '"is_dry_run": true' in out
    assert in_clear(site) == set()
    assert run(["keys", "unwrap", "--site", root]) == 0
    assert "in clear now" in capfd.readouterr().out


@pytest.mark.skipif(not Path("/usr/bin/systemd-creds").exists(), reason="no systemd-creds here")
def test_systemd_seals_keys_to_this_machine(site):
    """As the documentation names it; its key of the host is made where there is none."""
    path = "/usr/bin/systemd-creds"
    name_programs(
        site,
        [path, "encrypt", "--with-key=host", "--name={name}", "-", "-"],
        [path, "decrypt", "--name={name}", "-", "-"],
    )
    before = held(site)
    try:
        wrap(site.paths.root)
    except SiteError as error:
        pytest.skip(f"systemd-creds can't be used by this user here: {error.what}")

    assert held(site) == before
    assert in_clear(site) == set()
    # Sealed by name: what was wrapped as one key does not open as another.
    one, other = (site.paths.keys / f"{name}.key.wrapped" for name in ("vault", "ledger"))
    one.write_bytes(other.read_bytes() + b"\n")
    with pytest.raises(SiteError, match="exit code"):
        FileKeys(site.paths.keys).key(Purpose.VAULT)
