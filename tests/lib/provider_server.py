"""A real HTTP server on loopback that stands at the provider's place and keeps what reaches it."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Script = Callable[[dict[str, Any]], str]


@dataclass
class ProviderServer:
    """Speaks the OpenAI API.

    Attributes:
        script: From a request to the text of the answer.
        answer: In place of a scripted answer, where set: any response at all.
        delay_s: How long it thinks.
        bodies: Every byte of every body that reached it.
        headers: The headers of every request.
    """

    script: Script = lambda body: f" and {len(body['messages'])} more."
    answer: Callable[[Request, bytes], Response | None] | None = None
    delay_s: float = 0.0
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    arrived_at: list[float] = field(default_factory=list)

    scheme: str = "http"

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def saw(self, text: str) -> bool:
        """Whether anything that reached it holds that text."""
        wanted = (text.encode(), json.dumps(text)[1:-1].encode())
        heard = [*self.bodies, *(repr(one).encode() for one in self.headers)]
        return any(one in body for body in heard for one in wanted)

    async def handle(self, request: Request) -> Response:
        """Keeps the request and answers it."""
        raw = await request.body()
        self.bodies.append(raw)
        self.headers.append(dict(request.headers))
        self.paths.append(request.url.path)
        self.arrived_at.append(time.monotonic())
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        special = self.answer(request, raw) if self.answer else None
        return special or completion(self.script(json.loads(raw)), len(raw) // 5)


def completion(text: str, prompt_tokens: int = 20, finish_reason: str = "stop") -> Response:
    """A chat completion that says `text`."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}
    tokens = len(text.split())
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": tokens}
    usage["total_tokens"] = prompt_tokens + tokens
    return JSONResponse(
        {
            "id": "chatcmpl-0",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )


@contextmanager
def running_provider(certificate: Path | None = None, **settings: Any) -> Iterator[ProviderServer]:
    """The server runs on a free port; over TLS, where there is a file with certificate and key."""
    provider = ProviderServer(**settings)
    provider.scheme = "https" if certificate else "http"
    routes = [Route("/{path:path}", provider.handle, methods=["GET", "POST", "PUT"])]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    provider.port = listener.getsockname()[1]
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_config=None,
        lifespan="off",
        ws="none",
        loop="asyncio",
        ssl_certfile=certificate,
        ssl_keyfile=certificate,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def make_certificate(path: Path, address: str = "127.0.0.1") -> Path:
    """A file with a self-signed certificate for that address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "invented provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + secret)
    return path
