"""A backup's file: what went in comes out, and whatever is wrong with it is told."""

import errno
import io
import json
import tarfile
from contextlib import contextmanager

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.artifacts.writing import disk_errors
from appliance.backups import writing
from appliance.backups.format import (
    FORMAT,
    HEADER,
    KEYS,
    LATCH,
    LONGEST_SMALL,
    MANIFEST,
    Header,
    check_name,
    decode_header,
    encode_header,
)
from appliance.backups.keys import (
    fingerprint,
    make_identity,
    read_identities,
    read_recipients,
    wrap_keys,
)
from appliance.backups.reading import open_backup
from appliance.backups.writing import Item, write_backup
from appliance.errors import BadInput, KeyMismatch, ManifestMismatch, NoSpace
from appliance.gateway import counting

SITE_KEYS = {"vault.key": b"v" * 32, "callers/ward-7": b"token"}
HEADER_OF = Header(
    format=FORMAT,
    product="0.1.0",
    made_at="2026-11-27T12:00:00+00:00",
    ledger="appliance-ledger/0123456789abcdef",
    begun=3,
    entries=4,
    root="0" * 64,
    fingerprint=fingerprint(SITE_KEYS),
    policy_digest="1" * 64,
    counts={"notes": 2},
    models={},
)
FILES = {"site.toml": b"version = 1\n", "vault/vault.db": b"\x00\xff" * 700, "reports/empty": b""}


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    words, public = make_identity()
    path = tmp_path_factory.mktemp("keys") / "identity.txt"
    path.write_text(f"# public key: {public}\n{words}\n")
    path.chmod(0o600)
    return path, public


def _write(path, public, files=None, header=HEADER_OF, keys=SITE_KEYS):
    readers = read_recipients([public])
    files = FILES if files is None else files
    items = [Item.of_bytes(name, content) for name, content in files.items()]
    return write_backup(path, header, wrap_keys(keys, readers), items, readers, lambda _: None)


def _read(path, identity):
    found = {}

    @contextmanager
    def place(name):
        buffer = io.BytesIO()
        yield buffer
        found[name] = buffer.getvalue()

    with open_backup(path, read_identities(identity)) as backup:
        backup.read(place, lambda _: None)
        return backup, found


def test_what_went_in_comes_out(tmp_path, identity):
    path, public = identity

    written = _write(tmp_path / "b.age", public)
    backup, found = _read(tmp_path / "b.age", path)

    assert found == FILES
    assert backup.keys == SITE_KEYS
    assert backup.header == HEADER_OF
    assert written.size == (tmp_path / "b.age").stat().st_size
    assert written.files == len(FILES)


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.from_regex(r"vault/[a-zA-Z0-9é_ -]{1,120}", fullmatch=True), st.binary(max_size=2000)
    )
)
def test_any_files_come_out_as_they_went_in(tmp_path_factory, identity, files):
    """Of any size and any name below a folder of the site."""
    path, public = identity
    file = tmp_path_factory.mktemp("b") / "b.age"

    _write(file, public, files)

    assert _read(file, path)[1] == files


def test_nothing_of_it_can_be_read_without_the_identity(tmp_path, identity):
    _, public = identity
    _write(tmp_path / "b.age", public, {"vault/x": b"Zebedee Quillfeather " * 100})
    other, _ = make_identity()
    (tmp_path / "other.txt").write_text(other)
    (tmp_path / "other.txt").chmod(0o600)

    assert b"Quillfeather" not in (tmp_path / "b.age").read_bytes()
    assert b"vault" not in (tmp_path / "b.age").read_bytes()
    with pytest.raises(KeyMismatch, match="None of the identities"):
        _read(tmp_path / "b.age", tmp_path / "other.txt")


def test_a_backup_that_was_cut_or_altered_anywhere_is_refused(tmp_path, identity):
    """At every fiftieth byte, and with a byte too many."""
    path, public = identity
    _write(tmp_path / "b.age", public, {"vault/x": bytes(range(256)) * 20})
    whole = (tmp_path / "b.age").read_bytes()
    spoiled = [whole[:size] for size in range(0, len(whole), 50)]
    spoiled += [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 50)
    ]
    spoiled.append(whole + b"\x00")

    for content in spoiled:
        (tmp_path / "c.age").write_bytes(content)
        with pytest.raises((KeyMismatch, ManifestMismatch, BadInput)):
            _read(tmp_path / "c.age", path)


def _pack(path, public, members):
    """A backup that somebody who knows the recipient's public name has put together."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path.write_bytes(pyrage.encrypt(buffer.getvalue(), read_recipients([public])))


def _begin(public, keys=SITE_KEYS):
    wrapped = wrap_keys(keys, read_recipients([public]))
    yield tarfile.TarInfo(HEADER), encode_header(HEADER_OF)
    yield tarfile.TarInfo(KEYS), wrapped


def _link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "vault/../../up",
        "vault",
        "keys/vault.key",
        "run/gateway.lock",
        "vault/./x",
        "vault//x",
        "elsewhere/x",
        "vault\\x",
        "",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path, identity, name):
    path, public = identity

    with pytest.raises(ManifestMismatch, match="leads elsewhere"):
        check_name(name)

    if name:
        _pack(tmp_path / "b.age", public, [*_begin(public), (tarfile.TarInfo(name), b"x")])
        with pytest.raises(ManifestMismatch):
            _read(tmp_path / "b.age", path)


def test_a_link_in_a_backup_is_refused(tmp_path, identity):
    path, public = identity
    _pack(tmp_path / "b.age", public, [*_begin(public), (_link("vault/x", "/etc/passwd"), b"")])

    with pytest.raises(ManifestMismatch, match="no plain file"):
        _read(tmp_path / "b.age", path)


def _sparse(**facts):
    info = tarfile.TarInfo("vault/x")
    info.pax_headers = {f"GNU.sparse.{name}": value for name, value in facts.items()}
    return info


@pytest.mark.parametrize(
    ("facts", "content"),
    [
        ({"map": "0,1", "size": str(1 << 20)}, b"x"),
        ({"size": str(1 << 20), "offset": "0", "numbytes": "1"}, b"x"),
        ({"major": "1", "minor": "0", "realsize": str(1 << 20)}, b"1\n0\n1\n".ljust(512, b"\0")),
    ],
)
def test_a_sparse_file_in_a_backup_is_not_expanded(tmp_path, identity, facts, content):
    """Some bytes of it could be told to stand for any number of them."""
    path, public = identity
    _pack(tmp_path / "b.age", public, [*_begin(public), (_sparse(**facts), content)])

    with pytest.raises(ManifestMismatch, match="no plain file"):
        _read(tmp_path / "b.age", path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, b"V"])
def test_only_plain_files_are_in_a_backup(tmp_path, identity, kind):
    path, public = identity
    info = tarfile.TarInfo("vault/x")
    info.type = kind
    _pack(tmp_path / "b.age", public, [*_begin(public), (info, b"x")])

    with pytest.raises(ManifestMismatch, match="no plain file"):
        _read(tmp_path / "b.age", path)


@pytest.mark.parametrize("facts", [{"map": "x"}, {"size": "x"}])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_header_without_sense_is_no_bug_of_ours(tmp_path, identity, facts, is_first):
    path, public = identity
    before = [] if is_first else list(_begin(public))
    _pack(tmp_path / "b.age", public, [*before, (_sparse(**facts), b"x\n")])

    with pytest.raises(ManifestMismatch, match="not whole"):
        _read(tmp_path / "b.age", path)


def test_headers_of_headers_without_end_are_refused(tmp_path, identity):
    path, public = identity
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    _pack(tmp_path / "b.age", public, [(header, b"") for _ in range(2000)])

    with pytest.raises(ManifestMismatch, match="not whole"):
        _read(tmp_path / "b.age", path)


def test_what_is_held_in_memory_has_an_end(tmp_path, identity, monkeypatch):
    """Nothing longer is read, and nothing longer is written."""
    path, public = identity
    large = (tarfile.TarInfo(HEADER), bytes(LONGEST_SMALL + 1))
    verbose, keys = _begin(public)
    verbose[0].pax_headers = {"comment": "x" * LONGEST_SMALL}
    for members, refusal in (([large], "backup is not whole"), ([verbose, keys], "no plain file")):
        _pack(tmp_path / "b.age", public, members)
        with pytest.raises(ManifestMismatch, match=refusal):
            _read(tmp_path / "b.age", path)
    monkeypatch.setattr(writing, "LONGEST_MANIFEST", 100)

    with pytest.raises(BadInput, match="more files"):
        _write(tmp_path / "c.age", public)

    assert not (tmp_path / "c.age").exists()


@pytest.mark.parametrize("names", [("vault/x",), ("vault/x", "vault/y", "vault/z"), ()])
def test_a_file_too_many_or_too_few_is_refused(tmp_path, identity, names):
    path, public = identity
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    entries = {name: {"size": 0, "sha256": empty} for name in ("vault/x", "vault/y")}
    listing = (tarfile.TarInfo(MANIFEST), json.dumps({"files": entries}).encode())
    files = [(tarfile.TarInfo(name), b"") for name in names]
    _pack(tmp_path / "b.age", public, [*_begin(public), *files, listing])

    with pytest.raises(ManifestMismatch, match="manifest says"):
        _read(tmp_path / "b.age", path)


def test_keys_of_another_site_are_refused(tmp_path, identity):
    path, public = identity
    _pack(tmp_path / "b.age", public, _begin(public, {"vault.key": b"w" * 32}))

    with pytest.raises(KeyMismatch, match="not those that it says"):
        _read(tmp_path / "b.age", path)


def test_a_key_whose_name_leads_elsewhere_is_refused(tmp_path, identity):
    path, public = identity
    _pack(tmp_path / "b.age", public, _begin(public, {"../up": b"w" * 32}))

    with pytest.raises(KeyMismatch):
        _read(tmp_path / "b.age", path)


def test_a_newer_format_says_what_to_use():
    newer = encode_header(HEADER_OF).replace(b'"format": 1', b'"format": 2')

    with pytest.raises(BadInput, match="format 2"):
        decode_header(newer)


class _FullDisk(io.BytesIO):
    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_though_the_library_keeps_it_to_itself(tmp_path, identity, monkeypatch):
    """Of a short backup the library swallows what a write has raised."""

    @contextmanager
    def opened(path):
        with disk_errors(path):
            yield _FullDisk()

    monkeypatch.setattr(writing, "open_atomically", opened)

    with pytest.raises(NoSpace):
        _write(tmp_path / "b.age", identity[1], {})


def test_a_file_that_changes_while_it_is_copied_is_noticed(tmp_path, identity):
    _, public = identity
    (tmp_path / "x").write_bytes(b"abc")
    item = Item("vault/x", 4, tmp_path / "x")
    readers = read_recipients([public])

    with pytest.raises(BadInput, match="changed while it was copied"):
        write_backup(
            tmp_path / "b.age", HEADER_OF, wrap_keys({}, readers), [item], readers, lambda _: None
        )

    assert not (tmp_path / "b.age").exists()


def test_a_latch_is_kept_under_the_gateways_own_name():
    assert f"run/{counting.LATCH}" == LATCH


@pytest.mark.parametrize("names", [[], ["age1nobody"], ["AGE-SECRET-KEY-1"]])
def test_who_can_open_a_backup_must_be_somebody(names):
    with pytest.raises(BadInput):
        read_recipients(names)


def test_an_identity_that_others_can_read_is_not_used(identity):
    path, _ = identity
    path.chmod(0o644)
    try:
        with pytest.raises(KeyMismatch, match="readable by others"):
            read_identities(path)
    finally:
        path.chmod(0o600)


@pytest.mark.parametrize(
    "content", [b"", b"# only words\n", b"AGE-SECRET-KEY-1SECRET\n", b"\xff\xfe"]
)
def test_a_file_without_an_identity_is_refused_and_not_quoted(tmp_path, content):
    path = tmp_path / "identity.txt"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(BadInput) as refusal:
        read_identities(path)

    assert "SECRET-KEY" not in str(refusal.value)
