"""The official clients at the gateway, whose provider is a real server on loopback."""

import asyncio
import json
import socket
import threading
from contextlib import suppress
from itertools import islice

import openai
import pytest

from appliance.errors import BadInput, Denied, KeyMismatch, SiteError
from appliance.ledger.files import ENTRIES
from appliance.workflows import gateway as workflow
from appliance.workflows.site import init
from tests.lib.provider_server import completion, make_certificate, running_provider
from tests.lib.running_gateway import CANARY, KEY, MODEL, WordGate, make_site, running_gateway

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Write about a walk."}]
SECRET = "Zyxwvutia"


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
    provider.headers.clear()
    provider.answer = None


def ledger_of(site):
    lines = (site.paths.ledger / ENTRIES).read_text().splitlines()
    return [json.loads(line.partition(" ")[2]) for line in lines]


def refusal(call):
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    return caught.value


def test_the_official_client_is_answered(gateway, provider):
    """Synchronous, over the UNIX socket; the key that leaves is the gateway's."""
    answer = gateway.client().chat.completions.create(model=MODEL, messages=HELLO, user="ward-7")

    assert answer.choices[0].message.content == " and 1 more."
    assert answer.usage.total_tokens > 0
    [headers] = provider.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert not [name for name in headers if "stainless" in name or "appliance" in name]
    assert not provider.saw("ward-7")


def test_the_asynchronous_client_is_answered(gateway):
    """Many at once."""

    async def ask():
        async with gateway.async_client() as client:
            calls = [client.chat.completions.create(model=MODEL, messages=HELLO) for _ in range(20)]
            return await asyncio.gather(*calls)

    answers = asyncio.run(ask())

    assert len({answer.id for answer in answers}) == 20


def test_a_stream_is_the_same_text_in_pieces(gateway, provider):
    """The reply is whole before its first piece is passed on; the provider streams nothing."""
    provider.answer = lambda *_: completion("word " * 60)
    client = gateway.client()

    pieces = list(
        client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )

    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == "word " * 60
    assert len(pieces) > 5
    assert pieces[-1].usage.completion_tokens == 60
    assert json.loads(provider.bodies[0])["stream"] is False


def test_a_stream_with_an_identifier_passes_nothing_on(gateway, provider):
    """Not even its first word."""
    provider.answer = lambda *_: completion("word " * 60 + SECRET)

    refused = refusal(
        lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    )

    assert refused.code == "reply-quarantined"
    assert "word" not in refused.response.text


def test_models_are_the_policys(gateway):
    """Listed without asking the provider."""
    assert [model.id for model in gateway.client().models.list()] == [MODEL]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"messages": [{"role": "user", "content": f"{SECRET} walks."}]}, "identifier"),
        ({"messages": HELLO, "user": SECRET}, "identifier"),
        ({"messages": HELLO, "metadata": {SECRET: "x"}}, "identifier"),
        ({"messages": [HELLO[0] | {"name": SECRET}]}, "identifier"),
        ({"messages": HELLO, "stop": [SECRET]}, "identifier"),
        ({"messages": [HELLO[0] | {"content": SECRET[at]} for at in range(9)]}, "identifier"),
        ({"messages": HELLO, "tools": []}, "field-not-allowed"),
        ({"messages": HELLO, "model": "model-b"}, "model-not-listed"),
        ({"messages": [{"role": "user", "content": "http://a.example"}]}, "url-in-text"),
        ({"messages": [{"role": "user", "content": "x" * 300_000}]}, "too-large"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_refused_never_leaves(gateway, provider, fields, code):
    """The client gets a rule; the provider gets nothing."""
    client = gateway.client()

    refused = refusal(
        lambda: client.post("/chat/completions", body={"model": MODEL} | fields, cast_to=object)
    )

    assert refused.code == code
    assert SECRET not in str(refused)
    assert provider.bodies == []


@pytest.mark.parametrize(
    "headers",
    [
        {"OpenAI-Organization": "org-1"},
        {"OpenAI-Project": "p"},
        {"X-Forwarded-Host": "elsewhere.example"},
        {"Cookie": "a=b"},
        {"Host": "elsewhere.example"},
        {"Idempotency-Key": "k"},
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "gzip"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_header_that_could_steer_is_refused(gateway, provider, headers):
    """Neither host nor key nor anything unknown is taken from a caller."""
    answer = gateway.http().post(
        "/v1/chat/completions", json={"model": MODEL, "messages": HELLO}, headers=headers
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "header-not-allowed"
    assert provider.bodies == []


def test_a_key_of_the_callers_own_is_refused(gateway, provider):
    """Data can't be carried out under somebody else's account."""
    client = gateway.client("sk-the-attackers-own-key")

    refused = refusal(lambda: client.chat.completions.create(model=MODEL, messages=HELLO))

    assert refused.code == "unknown-caller"
    assert provider.bodies == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/files"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/chat/completions"),
        ("CONNECT", "/"),
        ("GET", "/"),
    ],
)
def test_nothing_else_is_offered(gateway, provider, method, path):
    """Two paths, and the rest is a clear no."""
    answer = gateway.http().request(method, path)

    assert answer.status_code in {404, 405}
    assert provider.bodies == []


def test_the_intent_is_on_record_before_a_byte_leaves(gateway, provider, site):
    """The provider's server, when asked, finds the request in the ledger already."""
    found = []

    def look(*_):
        found.append(ledger_of(site)[-1])

    provider.answer = look
    answer = gateway.client().chat.completions.create(model=MODEL, messages=HELLO)

    assert found[0]["kind"] == "egress.intended"
    assert found[0]["facts"]["request"] == answer.id
    last = ledger_of(site)[-1]
    assert last["kind"] == "egress.answered"
    assert last["facts"]["microusd"] > 0


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        (302, {"location": "http://127.0.0.1:1/"}, "provider-refused"),
        (401, {}, "provider-refused"),
        (500, {}, "provider-failed"),
        (429, {"retry-after": "7"}, "provider-limit"),
    ],
)
def test_the_providers_failures_are_told_by_rule(gateway, provider, status, headers, code):
    """No redirect is followed, no word of the provider's is repeated, Retry-After is."""
    from starlette.responses import Response

    provider.answer = lambda *_: Response(SECRET, status, headers)

    refused = refusal(lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO))

    assert refused.code == code
    assert SECRET not in refused.response.text
    assert len(provider.bodies) == 1
    if status == 429:
        assert refused.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    "reply",
    [b"", b"{}", b"not json", b'{"choices": []}', b'{"choices":[{"message":{"content":"x"}}]}'],
)
def test_a_reply_that_is_not_understood_is_not_passed_on(gateway, provider, reply):
    """A completion has choices and counts, or it is none."""
    from starlette.responses import Response

    provider.answer = lambda *_: Response(reply, 200)

    refused = refusal(lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO))

    assert refused.code == "provider-failed"


def test_an_identifier_in_a_reply_is_an_incident(gateway, provider, site):
    """The caller gets an error, the ledger an event, the quarantine a sealed copy."""
    provider.answer = lambda *_: completion(f"It was {SECRET}.")

    refused = refusal(lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO))

    assert refused.code == "reply-quarantined"
    last = ledger_of(site)[-1]
    assert last["kind"] == "egress.incident"
    sealed = (site.paths.gateway / "quarantine" / last["facts"]["request"]).read_bytes()
    assert SECRET.encode() not in sealed
    assert "appliance_gateway_incidents_total" in gateway.http().get("/metrics").text
    root, request = site.paths.root, last["facts"]["request"]
    assert workflow.show_incident(root, request, "incident-review") == (f"It was {SECRET}.",)
    assert ledger_of(site)[-1]["facts"] == {"request": request, "reason": "incident-review"}
    with pytest.raises(BadInput, match="quarantine"):
        workflow.show_incident(root, f"chatcmpl-{'0' * 24}", "incident-review")
    with pytest.raises(BadInput, match="no request"):
        workflow.show_incident(root, "../../keys/ledger.key", "incident-review")


def test_live_and_ready(gateway):
    """Ready means that a canary was blocked."""
    http = gateway.http()

    assert http.get("/livez").status_code == 200
    assert http.get("/readyz").json() == {"ready": True, "latched": False}


def test_no_text_is_in_ledger_metrics_or_log(gateway, provider, site, caplog, capfd):
    """Prompts and replies, allowed or denied, leave no word anywhere."""
    caplog.set_level(0)
    allowed, denied, said = "Plinthworthy", f"Marrowgate {SECRET}", "Ortolanic"
    provider.answer = lambda *_: completion(said)
    client = gateway.client()
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": allowed}])
    refusal(
        lambda: client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": denied}]
        )
    )

    ours = [record.getMessage() for record in caplog.records if "openai" not in record.name]
    heard = "".join(ours) + "".join(capfd.readouterr()) + gateway.http().get("/metrics").text
    heard += json.dumps(ledger_of(site))
    for word in (allowed, "Marrowgate", SECRET, said, KEY):
        assert word not in heard


def test_a_canary_that_is_not_blocked_means_not_ready(tmp_path, provider):
    """A gate that lets everything through is noticed."""
    gate = WordGate()
    gate.words = ()
    with running_gateway(make_site(tmp_path / "s", provider.origin), gate) as gateway:
        answer = gateway.http().get("/readyz")

    assert answer.status_code == 503
    assert not provider.saw(CANARY)


def test_a_gate_that_fails_denies(tmp_path, provider):
    """Whatever the detectors raise, nothing leaves, and no word of it is told."""

    class Broken(WordGate):
        def inspect_many(self, texts, *, only_decide=False):
            del only_decide
            raise ValueError(f"{SECRET} {texts}")

    with running_gateway(make_site(tmp_path / "s", provider.origin), Broken()) as gateway:
        refused = refusal(
            lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO)
        )

    assert refused.status_code == 500
    assert SECRET not in refused.response.text
    assert provider.bodies == []


def test_a_ledger_that_can_not_write_denies(tmp_path, provider, monkeypatch):
    """No record, no sending."""
    from appliance.errors import NoSpace

    site = make_site(tmp_path / "s", provider.origin)
    with running_gateway(site, WordGate()) as gateway:

        def full(*_):
            raise NoSpace("No space left.")

        monkeypatch.setattr("appliance.ledger.files.append_durably", full)
        refused = refusal(
            lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO)
        )

    assert refused.code == "not-recorded"
    assert provider.bodies == []


def test_counts_that_do_not_agree_shut_the_door(tmp_path, provider, monkeypatch):
    """A request sent twice by a faulty transport latches the door until somebody opens it."""
    from appliance.gateway import provider as way_out

    site = make_site(tmp_path / "s", provider.origin)
    honest = way_out.CountingTransport.handle_async_request

    async def twice(self, request):
        await (await honest(self, request)).aclose()
        return await honest(self, request)

    with running_gateway(site, WordGate()) as gateway:
        client = gateway.client()
        monkeypatch.setattr(way_out.CountingTransport, "handle_async_request", twice)
        first = refusal(lambda: client.chat.completions.create(model=MODEL, messages=HELLO))
        monkeypatch.setattr(way_out.CountingTransport, "handle_async_request", honest)
        second = refusal(lambda: client.chat.completions.create(model=MODEL, messages=HELLO))
        seen = len(provider.bodies)

        assert (first.code, second.code) == ("latched", "latched")
        assert gateway.http().get("/readyz").json() == {"ready": False, "latched": True}
        opened = workflow.open_door(site.paths.root, "counted-by-hand")

        assert opened == workflow.Opened(was_shut=True, rule="sent-without-record")
        client.chat.completions.create(model=MODEL, messages=HELLO)
        assert len(provider.bodies) == seen + 1
    kinds = [entry["kind"] for entry in ledger_of(site)]
    assert kinds.count("gateway.latched") == kinds.count("gateway.opened") == 1


def test_a_latch_outlives_a_restart(tmp_path, provider):
    """Starting again is not opening."""
    site = make_site(tmp_path / "s", provider.origin)
    (site.paths.run / "gateway.latch").write_text("{}")

    with running_gateway(site, WordGate()) as gateway:
        refused = refusal(
            lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO)
        )

    assert refused.code == "latched"
    with pytest.raises(BadInput, match="reason"):
        workflow.open_door(site.paths.root, "Because I say so")


def test_quotas_are_kept_across_a_restart(tmp_path, provider):
    """Tokens of the day are spent once, however often the gateway starts."""
    site = make_site(tmp_path / "s", provider.origin, tokens_per_day=700)
    provider.answer = lambda *_: completion("word " * 100, 200)
    for _ in range(2):
        with running_gateway(site, WordGate()) as gateway:
            last = gateway.http().post(
                "/v1/chat/completions",
                json={"model": MODEL, "messages": HELLO, "max_tokens": 100},
            )

    assert last.status_code == 200
    with running_gateway(site, WordGate()) as gateway:
        refused = refusal(
            lambda: gateway.client().chat.completions.create(
                model=MODEL, messages=HELLO, max_tokens=100
            )
        )
    assert refused.code == "quota-spent"
    assert len(provider.bodies) == 2


def test_more_than_the_minutes_requests_wait(tmp_path, provider):
    """The caller is told for how long."""
    site = make_site(tmp_path / "s", provider.origin, requests_per_minute=2)
    with running_gateway(site, WordGate()) as gateway:
        client = gateway.client()
        for _ in range(2):
            client.chat.completions.create(model=MODEL, messages=HELLO)
        refused = refusal(lambda: client.chat.completions.create(model=MODEL, messages=HELLO))

    assert refused.status_code == 429
    assert 0 < float(refused.response.headers["retry-after"]) <= 60


def test_too_many_at_once_are_turned_away(tmp_path, provider):
    """Those inside are few, those waiting too."""
    limits = "[limits]\nmax_in_flight = 1\nmax_waiting = 1"
    site = make_site(tmp_path / "s", provider.origin)
    path = site.paths.policies / "gateway.toml"
    path.write_text(
        path.read_text()
        .replace("max_in_flight = 16", "max_in_flight = 1")
        .replace("max_waiting = 64", "max_waiting = 1")
    )
    assert limits.splitlines()[1] in path.read_text()
    all_came = threading.Event()

    def wait(*_):
        all_came.wait(60)

    provider.answer = wait

    async def many():
        async with gateway.async_client() as client:
            calls = [client.chat.completions.create(model=MODEL, messages=HELLO) for _ in range(6)]
            asking = [asyncio.create_task(call) for call in calls]
            for turned_away in islice(asyncio.as_completed(asking), 4):
                with suppress(openai.RateLimitError):
                    await turned_away
            all_came.set()
            return await asyncio.gather(*asking, return_exceptions=True)

    with running_gateway(site, WordGate()) as gateway:
        outcomes = asyncio.run(many())
    busy = [one for one in outcomes if isinstance(one, openai.RateLimitError)]
    assert len(busy) == 4
    assert len(provider.bodies) == 2


def test_a_provider_that_does_not_answer_is_given_up(tmp_path, provider):
    """The request ends in time; what it could have cost stays reserved as spent."""
    site = make_site(tmp_path / "s", provider.origin, tokens_per_day=500)
    path = site.paths.policies / "gateway.toml"
    path.write_text(
        path.read_text().replace("request_timeout_s = 120.0", "request_timeout_s = 0.3")
    )
    provider.delay_s = 0.8
    try:
        with running_gateway(site, WordGate()) as gateway:
            client = gateway.client()
            slow = refusal(lambda: client.chat.completions.create(model=MODEL, messages=HELLO))
            spent = refusal(lambda: client.chat.completions.create(model=MODEL, messages=HELLO))
    finally:
        provider.delay_s = 0.0

    assert slow.code == "too-slow"
    assert spent.code == "quota-spent"


def test_on_a_port_a_token_says_who_calls(tmp_path, provider):
    """Without the kernel's word, and without a token, nobody is served."""
    site = make_site(tmp_path / "s", provider.origin, token=True, users=[])
    (site.paths.keys / "callers").mkdir(mode=0o700)
    token = site.paths.keys / "callers" / "tester"
    token.write_text("a-long-invented-token")
    token.chmod(0o600)

    with running_gateway(site, WordGate(), port=0) as gateway:
        right = gateway.client("a-long-invented-token")
        answer = right.chat.completions.create(model=MODEL, messages=HELLO)
        for key in ("appliance", "another-long-invented-token"):
            wrong = gateway.client(key)
            call = lambda client=wrong: client.chat.completions.create(  # noqa: E731
                model=MODEL, messages=HELLO
            )
            assert refusal(call).status_code == 401
        assert gateway.at.startswith("http://127.0.0.1:")

    assert answer.choices
    token.chmod(0o644)
    with (
        pytest.raises(KeyMismatch, match="readable by others"),
        running_gateway(site, WordGate(), port=0),
    ):
        pass


def test_another_user_of_the_machine_is_not_served(tmp_path, provider):
    """The kernel says who is at the other end, whatever that one says."""
    site = make_site(tmp_path / "s", provider.origin, users=["nobody"])

    with running_gateway(site, WordGate()) as gateway:
        refused = refusal(
            lambda: gateway.client().chat.completions.create(model=MODEL, messages=HELLO)
        )

    assert refused.code == "unknown-caller"


def test_an_air_gapped_site_has_no_gateway(tmp_path):
    """Whatever its gateway.toml says."""
    site = init(tmp_path / "s", "air-gapped")

    with pytest.raises(Denied, match="air-gapped"):
        workflow.serve(site.paths.root, lambda _: None)


def test_there_is_one_gateway_and_it_needs_its_key(tmp_path, provider):
    """Two could not reconcile each other's counts; without a key there is none."""
    site = make_site(tmp_path / "s", provider.origin)
    with running_gateway(site, WordGate()), pytest.raises(BadInput, match="Another gateway"):
        workflow.serve(site.paths.root, lambda _: None)
    key = site.paths.keys / "provider-key"
    key.chmod(0o640)
    with pytest.raises(KeyMismatch, match="readable by others"):
        workflow.serve(site.paths.root, lambda _: None)
    key.unlink()

    with pytest.raises(SiteError, match="provider-key"):
        workflow.serve(site.paths.root, lambda _: None)


def test_bytes_that_are_no_http_do_no_harm(gateway):
    """The next caller is served."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(gateway.at)
        raw.sendall(b"\x00\x01 nonsense\r\n\r\n")
        raw.recv(1024)

    assert gateway.http().get("/livez").status_code == 200


def test_the_provider_must_show_a_certificate_that_the_policy_trusts(tmp_path, monkeypatch):
    """An authority that the policy names is trusted; a stranger's, or another host's, is not."""
    right = make_certificate(tmp_path / "right.pem")
    other = make_certificate(tmp_path / "other.pem", "127.0.0.9")
    # Whatever the environment says.
    monkeypatch.setenv("SSL_CERT_FILE", str(right))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    outcomes = []
    for number, (shown, trusted) in enumerate(((right, right), (right, ""), (other, other))):
        with running_provider(certificate=shown) as secure:
            site = make_site(tmp_path / f"s{number}", secure.origin)
            path = site.paths.policies / "gateway.toml"
            path.write_text(path.read_text().replace('ca_file = ""', f'ca_file = "{trusted}"'))
            with running_gateway(site, WordGate()) as gateway:
                answer = gateway.http().post(
                    "/v1/chat/completions", json={"model": MODEL, "messages": HELLO}
                )
            outcomes.append((answer.status_code, len(secure.bodies)))

    assert outcomes == [(200, 1), (502, 0), (502, 0)]
