"""Files are whole or not there; directories are finished or not; both are checked."""

import errno
import json
import os
import stat

import pytest

from appliance.artifacts.manifest import (
    MANIFEST,
    digest_file,
    is_finished,
    read_manifest,
    write_manifest,
)
from appliance.artifacts.writing import disk_errors, write_atomically
from appliance.errors import BadInput, ManifestMismatch, NoSpace


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.parquet").write_bytes(b"abc")
    (tmp_path / "deep/b.json").write_bytes(b"{}")
    (tmp_path / ".hidden").write_bytes(b"x")
    write_manifest(tmp_path, "corpus")
    return tmp_path


def test_a_file_appears_whole_and_private(tmp_path):
    path = tmp_path / "card.json"

    write_atomically(path, b"one")
    write_atomically(path, b"two")

    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "expected"),
    [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EACCES, BadInput)],
)
def test_a_disk_that_refuses_leaves_the_old_file(tmp_path, monkeypatch, code, expected):
    path = tmp_path / "card.json"
    write_atomically(path, b"one")

    def refuse(_handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(expected):
        write_atomically(path, b"two")

    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "card.json"
    write_atomically(path, b"one")

    def interrupt(_handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"two")

    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="can't be written"):
        write_atomically(tmp_path / "nowhere/card.json", b"")


def test_the_disk_errors_are_the_products_own(tmp_path):
    with pytest.raises(NoSpace, match="what was finished is kept"), disk_errors(tmp_path):
        raise OSError(errno.ENOSPC, "full")


def test_a_finished_directory_reads_back(corpus):
    manifest = read_manifest(corpus, "corpus")

    assert set(manifest.files) == {"a.parquet", "deep/b.json"}
    assert manifest.files["a.parquet"].size == 3
    assert manifest.files["a.parquet"].sha256 == digest_file(corpus / "a.parquet")
    assert is_finished(corpus)


def test_the_digest_is_of_the_content_and_the_kind(corpus):
    before = read_manifest(corpus, "corpus").digest

    assert write_manifest(corpus, "corpus").digest == before
    assert write_manifest(corpus, "adapter").digest != before
    (corpus / "a.parquet").write_bytes(b"abd")
    assert write_manifest(corpus, "corpus").digest != before


def test_a_directory_without_a_manifest_was_never_finished(tmp_path):
    assert not is_finished(tmp_path)
    with pytest.raises(ManifestMismatch, match="never finished"):
        read_manifest(tmp_path, "corpus")


def _truncate(corpus):
    (corpus / "a.parquet").write_bytes(b"ab")


def _flip(corpus):
    (corpus / "a.parquet").write_bytes(b"abd")


def _remove(corpus):
    (corpus / "deep/b.json").unlink()


def _link(corpus):
    (corpus / "a.parquet").rename(corpus / "elsewhere")
    (corpus / "a.parquet").symlink_to(corpus / "elsewhere")


@pytest.mark.parametrize("harm", [_truncate, _flip, _remove, _link])
def test_a_file_that_is_not_what_was_written_is_named(corpus, harm):
    harm(corpus)

    with pytest.raises(ManifestMismatch, match=r"a\.parquet|b\.json"):
        read_manifest(corpus, "corpus")
    assert read_manifest(corpus, "corpus", check=False).kind == "corpus"


def test_a_manifest_of_another_kind_is_refused(corpus):
    with pytest.raises(ManifestMismatch, match="not that of a model"):
        read_manifest(corpus, "model")


def test_a_manifest_that_was_edited_is_refused(corpus):
    """Changing a file and its line in the manifest is not enough."""
    raw = json.loads((corpus / MANIFEST).read_bytes())
    (corpus / "a.parquet").write_bytes(b"abd")
    raw["files"]["a.parquet"]["sha256"] = digest_file(corpus / "a.parquet")
    (corpus / MANIFEST).write_text(json.dumps(raw), encoding="utf-8")

    with pytest.raises(ManifestMismatch):
        read_manifest(corpus, "corpus")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"files": {"a": 1}}'])
def test_a_manifest_that_can_not_be_read_is_refused(corpus, content):
    (corpus / MANIFEST).write_bytes(content)

    with pytest.raises(ManifestMismatch, match="unreadable"):
        read_manifest(corpus, "corpus")
