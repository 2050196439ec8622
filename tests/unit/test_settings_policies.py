"""Policies: the site's own copy, digested to the last byte."""

import pytest

from appliance.errors import SiteError
from appliance.settings import policies
from appliance.settings.policies import copy_policies, digest_policies, shipped_policies


@pytest.fixture
def copied(tmp_path):
    copy_policies(tmp_path / "policies")
    return tmp_path / "policies"


def test_the_copy_has_every_rule_and_no_prose(copied):
    """Decisions and threats are for people; rules are what is digested."""
    names = {path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()}

    assert {"phi.toml", "retention.toml", "disclosure.toml", "labels/disease.toml"} <= names
    assert not [name for name in names if name.endswith(".md")]


def test_the_digest_is_of_names_and_bytes(copied):
    """Any change, any new name, any moved byte is another digest."""
    seen = {digest_policies(copied)}
    rule = copied / "phi.toml"
    content = rule.read_bytes()

    rule.write_bytes(content + b"\n")
    seen.add(digest_policies(copied))
    rule.write_bytes(content)
    rule.rename(copied / "phj.toml")
    seen.add(digest_policies(copied))
    (copied / "empty.toml").touch()
    seen.add(digest_policies(copied))

    assert len(seen) == 4


def test_the_digest_does_not_depend_on_the_place(copied, tmp_path):
    copy_policies(tmp_path / "other")

    assert digest_policies(copied) == digest_policies(tmp_path / "other")


def test_bytes_do_not_slip_from_one_file_to_its_neighbour(tmp_path):
    """Lengths are part of the digest: ab and c are not a and bc."""
    for name, contents in (("one", ("ab", "c")), ("two", ("a", "bc"))):
        (tmp_path / name).mkdir()
        for file, content in zip(("x", "y"), contents, strict=True):
            (tmp_path / name / file).write_text(content)

    assert digest_policies(tmp_path / "one") != digest_policies(tmp_path / "two")


def test_a_product_without_its_policies_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(policies, "_SHIPPED", tmp_path)

    with pytest.raises(SiteError, match="policies are missing"):
        shipped_policies()
