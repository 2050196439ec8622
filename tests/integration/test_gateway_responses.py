"""The Responses form of the API: the official client, and the same door behind it."""

import json

import openai
import pytest

from appliance.ledger.files import ENTRIES
from tests.lib.provider_server import completion, running_provider
from tests.lib.running_gateway import MODEL, WordGate, make_site, running_gateway

SECRET = "Zyxwvutia"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture(scope="module")
def provider():
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory, provider):
    return make_site(tmp_path_factory.mktemp("door") / "site", provider.origin)


@pytest.fixture(scope="module")
def gateway(site):
    with running_gateway(site, WordGate(SECRET)) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(provider):
    provider.bodies.clear()
    provider.answer = None


def create(gateway, **fields):
    return gateway.client().responses.create(**({"model": MODEL, "input": "Go on."} | fields))


def refusal(gateway, **fields):
    with pytest.raises(openai.APIStatusError) as caught:
        create(gateway, **fields)
    return caught.value


def test_the_official_client_is_answered(gateway, provider, site):
    """It reads text, status and usage; what was sent is a chat completion that nobody stores."""
    provider.answer = lambda *_: completion("A walk in the park.")
    answer = create(
        gateway,
        instructions="Be brief.",
        input=[
            {"role": "user", "content": "Write about a walk."},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Where?"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "In a park."}]},
        ],
        max_output_tokens=20,
        temperature=0.5,
        user="ward-7",
        metadata={"study": "walks"},
    )

    assert (answer.output_text, answer.status) == ("A walk in the park.", "completed")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    [raw] = provider.bodies
    sent = json.loads(raw)
    assert [message["role"] for message in sent["messages"]] == [
        "developer",
        "user",
        "assistant",
        "user",
    ]
    assert (sent["max_completion_tokens"], sent["store"], sent["stream"]) == (20, False, False)
    assert not provider.saw("ward-7")
    assert not provider.saw("walks")
    assert answer.id in (site.paths.ledger / ENTRIES).read_text()


def test_a_stream_is_the_same_text_in_pieces(gateway, provider):
    """The events that the client knows, numbered, the whole response last."""
    provider.answer = lambda *_: completion("word " * 60)

    events = list(create(gateway, stream=True))

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "word " * 60
    assert len(deltas) > 1
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert events[-1].response.output_text == "word " * 60


def test_an_answer_that_is_cut_says_so(gateway, provider):
    provider.answer = lambda *_: completion("A walk in", finish_reason="length")

    answer = create(gateway)

    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_a_schema_goes_along(gateway, provider):
    form = {"type": "json_schema", "name": "walk", "schema": SCHEMA, "strict": True}

    create(gateway, text={"format": form})

    sent = json.loads(provider.bodies[0])["response_format"]
    assert sent["json_schema"] == {"name": "walk", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize(
    "fields",
    [
        {"input": f"{SECRET} walks."},
        {"input": [{"role": "user", "content": f"{SECRET} walks."}]},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": SECRET}]}]},
        {"instructions": f"Ask {SECRET}."},
        {"user": SECRET},
        {"metadata": {"who": SECRET}},
        {"metadata": {SECRET: "who"}},
        {"text": {"format": {"type": "json_schema", "name": SECRET, "schema": SCHEMA}}},
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": {SECRET: 1}}}},
    ],
)
def test_an_identifier_anywhere_stays_here(gateway, provider, fields):
    refused = refusal(gateway, **fields)

    assert refused.code == "identifier"
    assert SECRET not in refused.response.text
    assert provider.bodies == []


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "web_search"}]},
        {"previous_response_id": "resp_1"},
        {"store": True},
        {"background": True},
        {"reasoning": {"effort": "low"}},
        {"prompt": {"id": "p"}},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": "See https://example.org/x"},
        {"text": {"format": {"type": "text", "name": SECRET}}},
        {"model": "another"},
        {"extra_body": {SECRET: 1}},
        {"input": []},
    ],
)
def test_what_is_not_understood_is_refused(gateway, provider, fields):
    """And not a word of it is repeated."""
    refused = refusal(gateway, **fields)

    assert refused.status_code in (400, 403, 404)
    assert SECRET not in refused.response.text
    assert provider.bodies == []


def test_an_identifier_in_the_reply_is_kept_back(gateway, provider):
    """In pieces as well as whole."""
    provider.answer = lambda *_: completion("word " * 60 + SECRET)

    for stream in (False, True):
        assert refusal(gateway, stream=stream).code == "reply-quarantined"
