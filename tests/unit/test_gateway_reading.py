"""What the gateway reads: strictly, and every string of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.gateway.decoding import decode
from appliance.gateway.inspecting import views
from appliance.gateway.reading import read_request
from appliance.gateway.refusals import Refused, Rule, to_response
from appliance.settings.gateway import ModelRule
from tests.lib.phi_payloads import ENCODINGS

MODELS = {"m-1": ModelRule("m-1", 1.0, 4.0, 100)}
HELLO = [{"role": "user", "content": "Hello."}]


def body(**fields):
    return json.dumps({"model": "m-1", "messages": HELLO} | fields).encode()


def refusal(raw):
    with pytest.raises(Refused) as caught:
        read_request(raw, MODELS)
    return caught.value


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tool_choice": "none"},
        {"functions": []},
        {"web_search_options": {}},
        {"modalities": ["audio"]},
        {"audio": {"voice": "x"}},
        {"base_url": "http://127.0.0.1"},
        {"api_key": "sk-x"},
        {"extra_headers": {}},
        {"logit_bias": {"1": 1}},
        {"prediction": {"type": "content", "content": "x"}},
        {"service_tier": "auto"},
        {"messages": [{"role": "user", "content": "x", "file_id": "f"}]},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": []}]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_field_that_is_not_known_is_refused(fields):
    """Nothing is passed on that was not understood."""
    assert refusal(body(**fields)).rule is Rule.FIELD


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True},
        {"n": 9},
        {"max_tokens": 101},
        {"max_completion_tokens": 10**9},
        {"temperature": 3},
        {"temperature": "0.5"},
        {"stream": "yes"},
        {"user": "x" * 513},
        {"metadata": {"k": 1}},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_a_value_that_is_not_allowed_is_refused(fields):
    """Files, images, audio, tools, storage at the provider, and numbers out of range."""
    assert refusal(body(**fields)).rule in {Rule.VALUE, Rule.FIELD}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"model": "m-1", "model": "m-1", "messages": []}',
        b'{"model": "m-1", "temperature": NaN}',
        b'{"user": "\xff"}',
        b'{"user": "\\ud800"}',
        b"[" * 100_000,
        b'{"metadata":' * 40 + b"1" + b"}" * 40,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_two_parsers_could_read_differently_is_refused(raw):
    """One object, in UTF-8, every key once, no number that is none."""
    assert refusal(raw).rule is Rule.UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.org/a",
        "ftp://x",
        "WWW.example.org",
        "data:image/png;base64,AA",
        "mailto:a",
    ],
)
@pytest.mark.parametrize("place", ["content", "user", "metadata"])
def test_an_address_is_refused_wherever_it_stands(text, place):
    """The provider is not asked to fetch anything."""
    fields = {
        "content": {"messages": [{"role": "user", "content": text}]},
        "user": {"user": text},
        "metadata": {"metadata": {"k": text}},
    }[place]

    assert refusal(body(**fields)).rule is Rule.URL


def test_a_model_that_is_not_listed_is_refused():
    """Its price is not known."""
    assert refusal(body(model="m-2")).rule is Rule.MODEL


def test_a_refusal_names_no_word_of_the_sender():
    """Not even the name of an unknown field, which is the sender's own."""
    refused = refusal(body(Quillfeather=1, messages=[{"role": "user", "content": "x", "Quill": 1}]))

    assert "Quill" not in f"{refused} {refused!r} {refused.param} {refused.__context__!r}"


@given(
    secret=st.text("abcdefghij", min_size=12, max_size=20),
    place=st.sampled_from(("key", "message", "content", "schema", "model", "raw", "list")),
)
def test_no_refusal_repeats_what_it_refuses(secret, place):
    """Whatever is wrong with a request, its words are in no error and no error behind that."""
    schema = {"name": "x" * 99, "schema": {secret: {secret: 1}}}
    raws = {
        "key": body(**{secret: 1}),
        "message": body(messages=[{"role": secret, "content": secret}]),
        "content": body(messages=[{"role": "user", "content": [{"type": secret}]}]),
        "schema": body(response_format={"type": "json_schema", "json_schema": schema}),
        "model": body(model=secret),
        "raw": secret.encode(),
        "list": body(stop=[secret] * 9),
    }

    refused = refusal(raws[place])

    told = f"{refused} {refused!r} {refused.param} {to_response(refused).body!r}"
    assert secret not in told
    assert refused.__context__ is None
    assert refused.__cause__ is None


def test_every_string_is_found():
    """Contents, parts, names, user, metadata and schema, keys and long numbers included."""
    schema = {"type": "object", "properties": {"k1": {"type": "s1", "model": "s2", "pin": 1234567}}}
    raw = body(
        messages=[
            {"role": "system", "content": [{"type": "text", "text": "c1"}], "name": "n1"},
            {"role": "user", "content": "c2"},
        ],
        user="u1",
        metadata={"k2": "m1", "role": "m2", "user": "m3"},
        stop=["t1", "t2"],
        seed=987654321,
        response_format={"type": "json_schema", "json_schema": {"name": "f1", "schema": schema}},
    )

    asked = read_request(raw, MODELS)

    wanted = {"c1", "n1", "c2", "u1", "k2", "m1", "role", "m2", "user", "m3", "t1", "t2", "f1"}
    wanted |= {"987654321", "k1", "s1", "s2", "model", "pin", "1234567"}
    assert wanted <= set(asked.texts)


def test_user_and_metadata_stay_here():
    """They are inspected, and the provider does not need them."""
    asked = read_request(body(user="u1", metadata={"k": "v"}), MODELS)

    sent = json.loads(asked.body)
    assert set(sent) == {"model", "messages", "max_completion_tokens", "store", "stream"}
    assert sent["store"] is sent["stream"] is False


def test_what_is_sent_has_a_bound():
    """Without one in the request, the policy's is sent."""
    asked = read_request(body(n=3), MODELS)

    assert json.loads(asked.body)["max_completion_tokens"] == 100
    assert asked.max_output_tokens == 300


def test_pieces_are_whole_again_in_one_view():
    """An identifier cut over messages is found when they are run together."""
    assert views(("one",)) == ("one",)
    assert views(("", "Zebe", "dee Q.")) == ("Zebe", "dee Q.", "Zebedee Q.", "Zebe dee Q.")


@pytest.mark.parametrize("name", sorted(ENCODINGS))
@pytest.mark.parametrize("secret", ["00912345", "Ada Lovelace", "(202) 555-0143", "a@b.example"])
def test_what_is_encoded_is_read_decoded(name, secret):
    """Once or twice, alone or inside a sentence."""
    encode = ENCODINGS[name]

    assert decode(encode(secret)) == secret
    assert decode(f"Who is {encode(secret)}?") == f"Who is {secret}?"
    assert decode(encode(encode(secret))) == secret


@pytest.mark.parametrize(
    "text",
    [
        "Immunosuppression after transplantation, 100% oxygen, 5%-10% of cases; A&E; AT&T.",
        "HER2-positive, p.Val600Glu, CD4/CD8, c.35delG, TNF-alpha/interleukin-6 pathway",
        "gastroesophageal-reflux Hypercholesterolaemia ELECTROCARDIOGRAPHY",
        "1234 5678 90",
    ],
)
def test_plain_medicine_is_not_decoded(text):
    """Words, percentages and symbols of genes stay what they are."""
    assert decode(text) == text
