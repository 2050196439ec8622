"""A gateway whose policies, patients or notes changed: shut at once, open again when it knows."""

import json
import threading
import time

import openai
import pytest

from appliance.errors import DetectorFailed
from appliance.ledger.files import ENTRIES
from tests.lib.provider_server import running_provider
from tests.lib.running_gateway import MODEL, WordGate, make_site, running_gateway

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Write about a walk."}]
NEWCOMER = "Zyxwvutia"
ABOUT_HER = [{"role": "user", "content": f"Write about {NEWCOMER}."}]


@pytest.fixture(scope="module")
def provider():
    with running_provider() as running:
        yield running


@pytest.fixture
def site(tmp_path, provider):
    provider.bodies.clear()
    provider.answer = None
    return make_site(tmp_path / "s", provider.origin)


def open_word_gate(site):
    """A gate that knows the names in the site's index, each a word."""
    index = site.paths.vault / "patients.index"
    return WordGate(*(index.read_text().split() if index.exists() else []))


def kinds(site):
    lines = (site.paths.ledger / ENTRIES).read_text().splitlines()
    return [json.loads(line.partition(" ")[2])["kind"] for line in lines]


def ask(gateway, messages=HELLO):
    """The word answered, or the code of the refusal."""
    try:
        gateway.client().chat.completions.create(model=MODEL, messages=messages)
    except openai.APIStatusError as refused:
        return refused.code
    return "answered"


def is_ready(gateway):
    return gateway.http().get("/readyz").status_code == 200


def wait_until(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("name", ["patients.index", "notes.fingerprints"])
def test_a_changed_index_shuts_the_door_until_it_is_loaded(site, provider, name):
    """Not one request is inspected by the gate of before, and nobody has to start anything."""
    with running_gateway(site, open_gate=open_word_gate) as gateway:
        assert is_ready(gateway)
        assert ask(gateway, ABOUT_HER) == "answered"

        (site.paths.vault / name).write_text(NEWCOMER)

        # At once: the very next request.
        assert ask(gateway, ABOUT_HER) == "policies-changed"
        assert not is_ready(gateway)
        assert wait_until(lambda: is_ready(gateway))
        known = name == "patients.index"
        assert ask(gateway, ABOUT_HER) == ("identifier" if known else "answered")
        assert ask(gateway) == "answered"

    assert len(provider.bodies) == (2 if known else 3)
    assert kinds(site).count("gateway.renewed") == 1


def test_a_changed_policy_is_in_force_when_it_is_open_again(site):
    """Callers, models and the digest that the ledger carries are the new ones."""
    with running_gateway(site, WordGate()) as gateway:
        path = site.paths.policies / "gateway.toml"
        path.write_text(path.read_text().replace(f"models.{MODEL}", "models.another"))

        assert ask(gateway) == "policies-changed"
        assert wait_until(lambda: is_ready(gateway))
        assert ask(gateway) == "model-not-listed"

    lines = (site.paths.ledger / ENTRIES).read_text().splitlines()
    digests = [json.loads(line.partition(" ")[2])["policy"] for line in lines]
    assert len(set(digests[-1:] + digests[:1])) == 2


def test_requests_of_the_minute_are_counted_on(tmp_path, provider):
    """A change does not give a caller its minute back."""
    provider.answer = None
    site = make_site(tmp_path / "few", provider.origin, requests_per_minute=2)
    with running_gateway(site, WordGate()) as gateway:
        assert [ask(gateway) for _ in range(3)] == ["answered", "answered", "busy"]
        (site.paths.vault / "patients.index").write_text("new")
        assert wait_until(lambda: is_ready(gateway) and "gateway.renewed" in kinds(site))

        assert ask(gateway) == "busy"


@pytest.mark.parametrize("harm", ["gate", "policy"])
def test_what_can_not_be_loaded_keeps_the_door_shut(site, provider, harm):
    """It is told once, by the error's name; mended, the door opens by itself."""
    index, policy = site.paths.vault / "patients.index", site.paths.policies / "gateway.toml"
    good = policy.read_text()

    def open_gate(opened):
        if "broken" in (index.read_text() if index.exists() else ""):
            raise DetectorFailed("It does not load.", "Mend it.")
        return open_word_gate(opened)

    with running_gateway(site, open_gate=open_gate) as gateway:
        if harm == "gate":
            index.write_text("broken")
        else:
            policy.write_text(good + "\nunknown = true\n")
        assert wait_until(lambda: "gateway.not-renewed" in kinds(site))
        time.sleep(0.5)

        assert ask(gateway) == "policies-changed"
        assert not is_ready(gateway)
        assert kinds(site).count("gateway.not-renewed") == 1

        index.write_text(NEWCOMER)
        policy.write_text(good)
        assert wait_until(lambda: is_ready(gateway))
        assert ask(gateway, ABOUT_HER) == "identifier"

    assert provider.bodies == []


def test_a_request_that_is_read_while_the_rules_change_is_refused(site, provider):
    """The gate of before had it in hand; its word is not taken."""

    class Slow(WordGate):
        def inspect_many(self, texts, *, only_decide=False):
            if any("walk" in text for text in texts):
                (site.paths.vault / "patients.index").write_text(NEWCOMER)
            return super().inspect_many(texts, only_decide=only_decide)

    with running_gateway(site, Slow()) as gateway:
        assert ask(gateway) == "policies-changed"

    assert provider.bodies == []


def test_who_is_inside_is_served_to_the_end(site, provider):
    """The counts agree, before and after: the door does not latch."""
    provider.answer = lambda *_: time.sleep(3)
    answers = []
    with running_gateway(site, open_gate=open_word_gate) as gateway:
        inside = threading.Thread(target=lambda: answers.append(ask(gateway)))
        inside.start()
        assert wait_until(lambda: provider.bodies)
        (site.paths.vault / "patients.index").write_text(NEWCOMER)
        assert wait_until(lambda: is_ready(gateway))
        assert inside.is_alive()
        provider.answer = None

        assert ask(gateway) == "answered"
        inside.join(20)
        assert ask(gateway) == "answered"

    assert answers == ["answered"]
    assert "gateway.latched" not in kinds(site)
