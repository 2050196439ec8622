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


def put(path, text):
    """The file is there, whole: whoever looks sees it as it was or as it is."""
    # In the site's own directory, which nobody watches.
    part = path.parents[1] / f"{path.name}.part"
    part.write_text(text)
    part.replace(path)


class Held:
    """Opens the gate of words, unless it is held: then once it is let."""

    def __init__(self):
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, site):
        assert self.go_on.wait(300)
        return open_word_gate(site)


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


def wait_until(condition, seconds=120.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("name", ["patients.index", "notes.fingerprints"])
def test_a_changed_index_shuts_the_door_until_it_is_loaded(site, provider, name):
    """Not one request is inspected by the gate of before, and nobody has to start anything."""
    opening = Held()
    with running_gateway(site, open_gate=opening) as gateway:
        assert is_ready(gateway)
        assert ask(gateway, ABOUT_HER) == "answered"

        opening.go_on.clear()
        put(site.paths.vault / name, NEWCOMER)

        # At once: the very next request.
        assert ask(gateway, ABOUT_HER) == "policies-changed"
        assert not is_ready(gateway)
        opening.go_on.set()
        assert wait_until(lambda: is_ready(gateway))
        known = name == "patients.index"
        assert ask(gateway, ABOUT_HER) == ("identifier" if known else "answered")
        assert ask(gateway) == "answered"

    assert len(provider.bodies) == (2 if known else 3)
    assert kinds(site).count("gateway.renewed") == 1


def test_a_changed_policy_is_in_force_when_it_is_open_again(site):
    """Callers, models and the digest that the ledger carries are the new ones."""
    opening = Held()
    with running_gateway(site, open_gate=opening) as gateway:
        path = site.paths.policies / "gateway.toml"
        opening.go_on.clear()
        put(path, path.read_text().replace(f"models.{MODEL}", "models.another"))

        assert ask(gateway) == "policies-changed"
        opening.go_on.set()
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
        put(site.paths.vault / "patients.index", "new")
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
            put(index, "broken")
        else:
            put(policy, good + "\nunknown = true\n")
        assert wait_until(lambda: "gateway.not-renewed" in kinds(site))
        time.sleep(0.5)

        assert ask(gateway) == "policies-changed"
        assert not is_ready(gateway)
        assert kinds(site).count("gateway.not-renewed") == 1

        put(index, NEWCOMER)
        put(policy, good)
        assert wait_until(lambda: is_ready(gateway))
        assert ask(gateway, ABOUT_HER) == "identifier"

    assert provider.bodies == []


def test_a_request_that_is_read_while_the_rules_change_is_refused(site, provider):
    """The gate of before had it in hand; its word is not taken."""

    class Changing(WordGate):
        def inspect_many(self, texts, *, only_decide=False):
            if any("walk" in text for text in texts):
                put(site.paths.vault / "patients.index", NEWCOMER)
            return super().inspect_many(texts, only_decide=only_decide)

    with running_gateway(site, Changing()) as gateway:
        assert ask(gateway) == "policies-changed"

    assert provider.bodies == []


def test_who_is_inside_is_served_to_the_end(site, provider):
    """The counts agree, before and after: the door does not latch."""
    leave, answers = threading.Event(), []

    def stay(*_):
        leave.wait(300)

    provider.answer = stay
    with running_gateway(site, open_gate=open_word_gate) as gateway:
        inside = threading.Thread(target=lambda: answers.append(ask(gateway)))
        inside.start()
        assert wait_until(lambda: provider.bodies)
        put(site.paths.vault / "patients.index", NEWCOMER)
        assert wait_until(lambda: is_ready(gateway))
        assert inside.is_alive()
        provider.answer = None
        leave.set()

        assert ask(gateway) == "answered"
        inside.join(120)
        assert ask(gateway) == "answered"

    assert answers == ["answered"]
    assert "gateway.latched" not in kinds(site)
