"""A site on disk: found, made, refused."""

import stat
from dataclasses import fields

import pytest

from appliance.errors import BadInput, SiteError
from appliance.learning.tuning.recipe import Recipe
from appliance.settings.site import SitePaths, find_site
from appliance.settings.site_file import default_settings, default_site_file, load_site_file
from appliance.workflows.site import check_new, init, open_site
from tests.lib.frozen_clock import FrozenClock


def test_a_new_site_is_private_and_has_its_first_event(tmp_path):
    """Every directory 0700, every key 0600, policies its own, the ledger begun."""
    site = init(tmp_path / "site", "air-gapped", FrozenClock())

    directories = (site.paths.root, *site.paths.directories())
    assert {stat.S_IMODE(path.stat().st_mode) for path in directories} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.paths.keys.iterdir()} == {0o600}
    assert (site.paths.policies / "phi.toml").is_file()
    assert not list(site.paths.policies.rglob("*.md"))
    assert site.ledger.head().size == 1


def test_a_site_opens_as_it_was_made(tmp_path):
    made = init(tmp_path / "site", "cloud-allowed", FrozenClock())

    opened = open_site(tmp_path / "site", FrozenClock())

    assert opened.settings == made.settings
    assert opened.settings.profile == "cloud-allowed"
    assert opened.policy_digest == made.policy_digest
    assert opened.ledger.head() == made.ledger.head()


def test_a_site_is_not_made_twice(tmp_path):
    init(tmp_path / "site", "air-gapped", FrozenClock())

    with pytest.raises(SiteError, match="already"):
        init(tmp_path / "site", "air-gapped", FrozenClock())


def test_a_site_is_not_made_among_other_files(tmp_path):
    (tmp_path / "letter.txt").touch()

    with pytest.raises(SiteError, match="not empty"):
        init(tmp_path, "air-gapped", FrozenClock())


def test_looking_whether_a_site_can_be_made_makes_nothing(tmp_path):
    paths = check_new(tmp_path / "site")

    assert paths.root == tmp_path / "site"
    assert not paths.root.exists()


def test_a_directory_without_settings_is_no_site(tmp_path):
    """The settings are written last: a site that was begun and not finished does not open."""
    init(tmp_path / "site", "air-gapped", FrozenClock())
    (tmp_path / "site/site.toml").unlink()

    with pytest.raises(SiteError, match="no site"):
        find_site(tmp_path / "site")


def test_opening_a_site_never_starts_its_ledger_anew(tmp_path):
    site = init(tmp_path / "site", "air-gapped", FrozenClock())
    for path in site.paths.ledger.iterdir():
        path.unlink()

    with pytest.raises(Exception, match="ledger is gone"):
        open_site(tmp_path / "site", FrozenClock())


def test_every_path_of_a_site_lies_in_it(tmp_path):
    paths = SitePaths(tmp_path)

    for path in (*paths.directories(), paths.settings, paths.labels):
        assert path.is_relative_to(tmp_path)
        assert not path.exists()


@pytest.mark.parametrize("profile", ["air-gapped", "cloud-allowed"])
def test_the_default_settings_are_valid(tmp_path, profile):
    path = tmp_path / "site.toml"
    path.write_text(default_site_file(profile), encoding="utf-8")

    assert load_site_file(path).profile == profile


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("profile = ", "not valid TOML"),
        ("", "profile: missing"),
        ('profile = "open"', "profile"),
        ('profile = "air-gapped"\nversion = 2', "version"),
        ('profile = "air-gapped"\nsecret = "hunter2"', "secret"),
        ('profile = "air-gapped"\n[vllm]\nport = 99999', "vllm.port"),
        ('profile = "air-gapped"\n[learning]\nepochs = 0', "learning.epochs"),
        ('profile = "air-gapped"\n[ray]\nadress = ""', "ray.adress"),
        ('profile = "air-gapped"\n[learning]\ndevice = "tpu"', "learning.device"),
        ('profile = "air-gapped"\n[learning]\ncross_fit = 1', "cross_fit and ensemble are 0, or 2"),
        ('profile = "air-gapped"\n[learning]\ndtype = "int8"', "learning.dtype"),
        ('profile = "air-gapped"\n[extraction]\ndtype = "int4"', "extraction.dtype"),
        ('profile = "air-gapped"\n[ray]\nvisible_gpus = "first"', "ray.visible_gpus"),
        (
            'profile = "air-gapped"\n[ray]\nvisible_gpus = "1,2"\n[vllm]\nvisible_gpus = "0,2"',
            "ray and vllm would both use GPU 2",
        ),
    ],
)
def test_settings_that_are_not_known_or_out_of_range_are_named(tmp_path, content, complaint):
    """The key is in the message, the value is not."""
    path = tmp_path / "site.toml"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(BadInput) as refusal:
        load_site_file(path)

    assert complaint in str(refusal.value)
    for value in ("hunter2", "99999", "tpu"):
        assert value not in str(refusal.value)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("content", [b"\xff\xfe", b"profile = \x00"])
def test_settings_that_are_not_text_are_refused(tmp_path, content):
    path = tmp_path / "site.toml"
    path.write_bytes(content)

    with pytest.raises(BadInput):
        load_site_file(path)


def test_settings_that_can_not_be_read_are_refused(tmp_path):
    with pytest.raises(BadInput, match="can't be read"):
        load_site_file(tmp_path)


@pytest.mark.parametrize("profile", ["air-gapped", "cloud-allowed"])
def test_a_site_learns_as_a_recipe_does_by_itself(profile):
    """What a measurement of the bare recipe says holds for a site as it is made."""
    ours, usual = default_settings(profile).learning, Recipe()
    both = {field.name for field in fields(ours)} & {field.name for field in fields(usual)}

    assert len(both) > 15
    for name in both:
        assert getattr(ours, name) == getattr(usual, name), name
