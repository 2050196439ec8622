"""`gateway.toml` and the secrets beside it: strict, and closed where anything is unclear."""

import pytest

from appliance.errors import BadInput, KeyMismatch, SiteError
from appliance.settings.gateway import ModelRule, load_gateway_policy
from appliance.settings.policies import shipped_policies
from appliance.settings.secrets import read_provider_key

SHIPPED = (shipped_policies() / "gateway.toml").read_text()
ORIGIN = 'origin = "https://api.openai.com"'
KEY = "sk-an-invented-key-of-ours"


def load(tmp_path, text):
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return load_gateway_policy(path)


def test_the_shipped_policy_sends_nothing_until_somebody_lists_a_model(tmp_path):
    """No model, so no price; our own generator needs the gate's stamp."""
    policy = load(tmp_path, SHIPPED)

    assert policy.models == {}
    assert [rule.needs_clearance for rule in policy.callers.values()] == [True]


@pytest.mark.parametrize(
    "origin",
    [
        "http://api.example.org",
        "http://localhost:80",
        "https://",
        "https://user:word@api.example.org",
        "https://api.example.org/v1",
        "https://api.example.org?x=1",
        "https://api.example.org:99999",
        "ftp://127.0.0.1",
        "api.example.org",
        "",
    ],
)
def test_an_origin_that_is_not_safe_is_refused(tmp_path, origin):
    """TLS, or this very machine by its number; a scheme, a host and a port, and nothing else."""
    with pytest.raises(BadInput, match="origin"):
        load(tmp_path, SHIPPED.replace(ORIGIN, f'origin = "{origin}"'))


@pytest.mark.parametrize("origin", ["https://api.example.org", "http://127.0.0.1:8000/"])
def test_a_safe_origin_is_taken(tmp_path, origin):
    policy = load(tmp_path, SHIPPED.replace(ORIGIN, f'origin = "{origin}"'))

    assert policy.origin == origin.removesuffix("/")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("[limits]", "[limits]\nunknown = 1"),
        ('clearance = "required"', 'clearance = "perhaps"'),
        ("usd_per_day = 20.0", "usd_per_day = -1.0"),
        ("[callers.appliance]", '[callers."Mrs Smith"]'),
        ("[models]", "[models.m]\nusd_per_million_input_tokens = 1.0"),
        ("[models]", "models = "),
    ],
)
def test_a_policy_that_is_not_understood_refuses(tmp_path, old, new):
    """Unsure means no."""
    assert old in SHIPPED
    with pytest.raises(BadInput):
        load(tmp_path, SHIPPED.replace(old, new, 1))


def test_costs_are_rounded_up():
    """A millionth of a dollar more than it was, never less."""
    rule = ModelRule("m", 0.4, 1.6, 100)

    assert rule.microusd(1, 0) == 1
    assert rule.microusd(1000, 1000) == 2000
    assert rule.microusd(0, 0) == 0


def test_the_key_comes_from_a_file_or_systemd(tmp_path, monkeypatch):
    """The credential directory goes first; the value of a variable is never a key."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(SiteError):
        read_provider_key(tmp_path)
    path = tmp_path / "provider-key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    assert read_provider_key(tmp_path) == KEY
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "provider-key").write_text("another-invented-key")
    (credentials / "provider-key").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    assert read_provider_key(tmp_path) == "another-invented-key"


@pytest.mark.parametrize("content", ["", "short", "two words of a key that is long", "k" * 600])
def test_what_can_not_be_a_key_is_refused_without_being_told(tmp_path, monkeypatch, content):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "provider-key"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(KeyMismatch) as caught:
        read_provider_key(tmp_path)

    assert not content or content not in str(caught.value)
