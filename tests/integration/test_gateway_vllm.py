"""The gateway whole: official clients, the site's own gate, and vLLM at the provider's place."""

import asyncio
import json

import openai
import pytest

from appliance.ledger.files import ENTRIES
from appliance.records.examples import Origin
from appliance.records.progress import Silent
from appliance.records.prompts import Route
from appliance.synthesis.backends.vllm.command import SERVED_NAME
from appliance.synthesis.curation.corpus import read_corpus
from appliance.workflows import synthesize as workflow
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import open_site
from appliance.workflows.supply import GatewaySupply
from tests.lib.running_gateway import MODEL, make_site, running_gateway
from tests.lib.shared_models import language_model
from tests.lib.vllm_provider import running_vllm

pytestmark = pytest.mark.slow

ASK = [{"role": "user", "content": "Sentence: The patient had a cough and a"}]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    model = language_model(tmp_path_factory)
    with running_vllm(model, tmp_path_factory.mktemp("vllm")) as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory, endpoint):
    root = tmp_path_factory.mktemp("site") / "site"
    site = make_site(root, f"http://127.0.0.1:{endpoint.port}")
    policies = site.paths.policies
    gateway = policies / "gateway.toml"
    gateway.write_text(gateway.read_text().replace(MODEL, SERVED_NAME))
    routing = policies / "routing.toml"
    routing.write_text(routing.read_text().replace('model = ""', f'model = "{SERVED_NAME}"'))
    (site.paths.keys / "provider-key").write_text(endpoint.api_key)
    return open_site(root)


@pytest.fixture(scope="module")
def gate(site):
    return open_site_gate(site)


@pytest.fixture(scope="module")
def gateway(site, gate):
    with running_gateway(site, gate) as running:
        yield running


def test_official_clients_are_answered_by_a_real_model(gateway):
    """Synchronous, asynchronous and streaming; ready, for its canary is blocked."""
    assert gateway.http().get("/readyz").json() == {"ready": True, "latched": False}
    settings = {"model": SERVED_NAME, "messages": ASK, "max_tokens": 12, "temperature": 0.7}
    outcomes = []

    with gateway.client() as client:
        outcomes.append(client.chat.completions.create(**settings).choices[0].message.content)
        pieces = client.chat.completions.create(**settings, stream=True)
        outcomes.append("".join(piece.choices[0].delta.content or "" for piece in pieces))

    async def many():
        async with gateway.async_client() as client:
            calls = [client.chat.completions.create(**settings) for _ in range(8)]
            return await asyncio.gather(*calls, return_exceptions=True)

    for answer in asyncio.run(many()):
        # What the model says is its own affair: an answer with a name in it is kept back.
        if isinstance(answer, openai.APIStatusError):
            assert answer.code == "reply-quarantined"
        else:
            outcomes.append(answer.choices[0].message.content)
    assert sum(map(bool, outcomes)) >= 3


def test_an_identifier_does_not_reach_the_model(gateway, site):
    """Denied, on record by its rule, and not a word of it anywhere."""
    text = "Zebedee Quillfeather, MRN 00912345, (202) 555-0143"
    with gateway.client() as client, pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(
            model=SERVED_NAME, messages=[{"role": "user", "content": text}]
        )

    assert refused.value.code == "identifier"
    ledger = (site.paths.ledger / ENTRIES).read_text()
    assert "Quillfeather" not in ledger
    assert json.loads(ledger.splitlines()[-1].partition(" ")[2])["kind"] == "egress.denied"


def test_a_corpus_is_made_by_the_provider(gateway, site, gate):
    """Gate, stamp, gateway, gate again, model, gate on the reply, curation."""
    del gateway
    order = workflow.Order("disease", 6, "cloud", "chatgpt", budget_usd=5.0)
    prepared = workflow.prepare(site, order)
    supplies = {Route.CHATGPT: GatewaySupply(site, prepared.gateway, SERVED_NAME)}

    done = workflow.synthesize_with(site, gate, supplies, order, prepared, Silent())

    card, examples = read_corpus(done.directory)
    assert sum(example.origin is Origin.WRITTEN for example in examples) == card.accepted == 6
    assert set(card.routes) == {"chatgpt"}
