"""The gateway as `appliance gateway serve` makes it, in a thread of the test."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai

from appliance.gateway.inspecting import Inspector
from appliance.records.egress import NO_KEY
from appliance.records.identifiers import Digest
from appliance.records.verdicts import Decision, Hit, Verdict
from appliance.settings.gateway import OWN_CALLER
from appliance.workflows import gateway as workflow
from appliance.workflows.scan import open_site_gate
from appliance.workflows.site import Site, init, open_site
from tests.lib.served import served

MODEL = "model-a"
KEY = "sk-invented-provider-key-0000"
CANARY = "Quillfeather"


class WordGate:
    """A gate without detectors, for tests of what stands around it: denies texts with a word.

    The readiness canary holds the default word, so that a gateway with this gate is ready.
    """

    def __init__(self, *words: str) -> None:
        self.words = (CANARY, *words)
        self.seen: list[str] = []

    def inspect_many(self, texts: Sequence[str], *, only_decide: bool = False) -> list[Verdict]:
        """The verdict on each text, in order."""
        del only_decide
        self.seen.extend(texts)
        return [self._rule(text) for text in texts]

    def _rule(self, text: str) -> Verdict:
        hits = tuple(
            Hit(at, at + len(word), "PERSON", 1.0, "words")
            for word in self.words
            if (at := text.find(word)) >= 0
        )
        if hits:
            return Verdict(Decision.DENY, hits, (), "identifier", Digest("0" * 64))
        return Verdict(Decision.ALLOW, (), (), "no-hit", Digest("0" * 64))


def make_site(
    root: Path, origin: str, extra: str = "", name: str = "tester", **caller: Any
) -> Site:
    """A cloud-allowed site whose gateway leads to `origin` and lists one model.

    Args:
        root: Where.
        origin: The provider's.
        extra: More lines for gateway.toml.
        name: Of the one caller.
        caller: Settings of the one caller, the test's own user, that differ from the defaults.
    """
    site = init(root, "cloud-allowed")
    settings: dict[str, Any] = {
        "users": ["@gateway"],
        "clearance": "not-required",
        "requests_per_minute": 100_000,
        "tokens_per_day": 1_000_000_000,
        "usd_per_day": 1000.0,
    } | caller
    path = site.paths.policies / workflow.POLICY
    shipped = path.read_text().split("[models]")[0]
    lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
    path.write_text(
        shipped.replace("https://api.openai.com", origin)
        + f"[models.{MODEL}]\nusd_per_million_input_tokens = 1.0\n"
        + "usd_per_million_output_tokens = 4.0\nmax_output_tokens = 256\n"
        + f"[callers.{name}]\n"
        + "\n".join(lines)
        + f"\n{extra}\n"
    )
    key = site.paths.keys / "provider-key"
    key.write_text(KEY)
    key.chmod(0o600)
    return open_site(root)


def cloud_site(root: Path, origin: str, model: str = MODEL, **cloud: Any) -> Site:
    """A site that may send, with the clearance key of `StampingGate`.

    Args:
        root: Where.
        origin: The provider's.
        model: Of routing.toml's [cloud].
        cloud: Other settings there.
    """
    site = make_site(root, origin, name=OWN_CALLER, clearance="required")
    path = site.paths.policies / "routing.toml"
    settings = {"model": model} | cloud
    lines = path.read_text().splitlines()
    for name, value in settings.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
        lines[at] = f"{name} = {json.dumps(value)}"
    path.write_text("\n".join(lines) + "\n")
    (site.paths.keys / "clearance.key").write_bytes(bytes(range(32)))
    return open_site(root)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


class Handle:
    """A gateway that runs.

    Attributes:
        at: Socket path, or base address.
    """

    def __init__(self, at: str) -> None:
        self.at = at

    @property
    def _uds(self) -> str | None:
        return None if self.at.startswith("http") else self.at

    @property
    def base_url(self) -> str:
        """For clients."""
        return "http://gateway" if self._uds else self.at

    def http(self) -> httpx2.Client:
        """A plain client of it."""
        transport = httpx2.HTTPTransport(uds=self._uds) if self._uds else None
        return httpx2.Client(base_url=self.base_url, transport=transport, timeout=120)

    def client(self, key: str = NO_KEY, **settings: Any) -> openai.OpenAI:
        """The official client, pointed at it."""
        transport = httpx2.HTTPTransport(uds=self._uds) if self._uds else None
        http = openai.DefaultHttpxClient(transport=transport, trust_env=False)
        return openai.OpenAI(
            base_url=f"{self.base_url}/v1",
            api_key=key,
            http_client=http,
            **({"max_retries": 0} | settings),
        )

    def async_client(self, key: str = NO_KEY, **settings: Any) -> openai.AsyncOpenAI:
        """The official asynchronous client, pointed at it."""
        transport = httpx2.AsyncHTTPTransport(uds=self._uds) if self._uds else None
        http = openai.DefaultAsyncHttpxClient(transport=transport, trust_env=False)
        return openai.AsyncOpenAI(
            base_url=f"{self.base_url}/v1",
            api_key=key,
            http_client=http,
            **({"max_retries": 0} | settings),
        )


@contextmanager
def running_gateway(
    site: Site,
    gate: Inspector | None = None,
    *,
    port: int | None = None,
    open_gate: Callable[[Site], Inspector] = open_site_gate,
) -> Iterator[Handle]:
    """The site's gateway listens, on its socket or a port.

    Args:
        site: The site.
        gate: Inspects, from the start to the end.
        port: On loopback, in place of the socket.
        open_gate: Opens the gate at the start and after each change, where none is given.
    """

    def give(opened: Site) -> Inspector:
        return gate or open_gate(opened)

    def serve(announce: Callable[[workflow.Listening], None], stop: threading.Event) -> None:
        workflow.serve(site.paths.root, announce, port=port, gate=give, stop=stop)

    with served(serve) as told:
        yield Handle(told.at)


def run_async(job: Any) -> Any:
    """The coroutine's result."""
    return asyncio.run(job)
