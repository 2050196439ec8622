"""Asking the gateway, with the official `openai` client and a transport that seals each body."""

import logging
from dataclasses import dataclass, field, replace
from typing import Final

import httpx2
import openai
from openai.types.chat import ChatCompletion

from appliance.errors import (
    ApplianceError,
    BackendBusy,
    BackendRefused,
    BackendUnavailable,
    ClearanceInvalid,
    Denied,
)
from appliance.gate.clearance import ClearedPrompt
from appliance.records.egress import HEADER, NO_KEY, Passport, seal_body
from appliance.records.prompts import QUARANTINED, Completion, Draft, Route, SamplingParameters

_BASE: Final = "http://gateway"
_AGAIN: Final = "Run the same command again; what was finished is kept."

# OPENAI_LOG=debug in the environment would print whole requests: pinned, whatever it says.
for _name in ("openai", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class GatewayPlace:
    """Where the gateway is.

    Attributes:
        socket: Path of its UNIX socket; "" where it listens on a port.
        base_url: Its address on loopback, where there is no socket.
        token: What says who we are where the kernel can't; the word for "no key" on a socket.
    """

    socket: str = ""
    base_url: str = _BASE
    token: str = field(default=NO_KEY, repr=False)


class SealingTransport(httpx2.AsyncBaseTransport):
    """Ties each stamp to the bytes of the one body that carries it.

    Args:
        inner: What really sends.
        seal_key: See `records.egress`.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, seal_key: bytes) -> None:
        self._inner = inner
        self._seal_key = seal_key

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The gateway's answer to the sealed request."""
        body = await request.aread()
        passport = Passport.decode(request.headers[HEADER])
        seal = seal_body(self._seal_key, passport.nonce, body)
        request.headers[HEADER] = replace(passport, seal=seal).encode()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Connections are closed."""
        await self._inner.aclose()


class ChatGptBackend:
    """The provider's model as a backend; the gateway checks and spends each stamp.

    Nothing is repeated here: a stamp is good for one sending, so whoever wants to ask again has
    the gate inspect the draft again.

    Args:
        place: Where the gateway is.
        model: As the policy lists it.
        instruction: As the policy has it.
        seal_key: See `records.egress`.
        timeout_s: For one request.
    """

    def __init__(
        self, place: GatewayPlace, model: str, instruction: str, seal_key: bytes, timeout_s: float
    ) -> None:
        self._model = model
        self._instruction = instruction
        self._place = place
        self._seal_key = seal_key
        self._timeout_s = timeout_s
        self._client: openai.AsyncOpenAI | None = None

    @property
    def route(self) -> Route:
        """Out, through the gateway."""
        return Route.CHATGPT

    @property
    def model(self) -> str:
        """Name of the model; the provider tells no digest."""
        return self._model

    async def aclose(self) -> None:
        """Connections are closed."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def complete(self, cleared: ClearedPrompt, parameters: SamplingParameters) -> Completion:
        """The model's answer; see `Backend.complete`.

        Raises:
            BackendBusy: The gateway or the provider asks to wait.
            Denied: The gateway's gate found an identifier.
        """
        draft = cleared.draft
        passport = Passport(
            draft.draft_id,
            cleared.policy_digest,
            cleared.expires_at,
            cleared.nonce,
            cleared.stamp,
            b"",
        )
        failure: ApplianceError
        try:
            answer = await self._connected().chat.completions.create(
                model=self._model,
                messages=[
                    {"role": "system", "content": self._instruction},
                    {"role": "user", "content": draft.prompt},
                ],
                temperature=parameters.temperature,
                max_completion_tokens=parameters.max_tokens,
                stop=list(parameters.stop),
                extra_headers={HEADER: passport.encode()},
            )
            return self._to_completion(draft, answer)
        except openai.APIStatusError as error:
            if error.code == QUARANTINED_CODE:
                return self._quarantined(draft)
            failure = _translate(draft, error)
        except openai.OpenAIError:
            failure = BackendUnavailable(
                f"The gateway did not answer draft {draft.draft_id}.",
                "Start it with `appliance gateway serve`, then run the same command again.",
            )
        # Outside the block: the client's errors hold request and reply.
        raise failure

    def _connected(self) -> openai.AsyncOpenAI:
        if self._client is None:
            inner = httpx2.AsyncHTTPTransport(uds=self._place.socket or None, trust_env=False)
            self._client = openai.AsyncOpenAI(
                base_url=f"{self._place.base_url}/v1",
                api_key=self._place.token,
                max_retries=0,
                timeout=self._timeout_s,
                http_client=openai.DefaultAsyncHttpxClient(
                    transport=SealingTransport(inner, self._seal_key),
                    trust_env=False,
                    follow_redirects=False,
                ),
            )
        return self._client

    def _to_completion(self, draft: Draft, answer: ChatCompletion) -> Completion:
        choice, usage = answer.choices[0], answer.usage
        return Completion(
            draft_id=draft.draft_id,
            route=Route.CHATGPT,
            model=self._model,
            text=continue_opening(draft.opening, choice.message.content or ""),
            finish_reason=str(choice.finish_reason),
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )

    def _quarantined(self, draft: Draft) -> Completion:
        return Completion(draft.draft_id, Route.CHATGPT, self._model, "", QUARANTINED, 0, 0)


QUARANTINED_CODE: Final = "reply-quarantined"
_BUSY: Final = frozenset({"busy", "provider-limit", "policies-changed"})
_DENIED: Final = frozenset({"identifier", "not-inspected"})
_DOWN: Final = frozenset({"provider-failed", "too-slow", "not-recorded", "unforeseen"})
_NEXT: Final = {
    "latched": "Run `appliance gateway open` once it is known why the counts did not agree.",
    "unknown-caller": "Add this user to a caller of gateway.toml.",
    "provider-refused": "Check the provider's key, the model's name and the account.",
    "quota-spent": "Wait for tomorrow, or have the caller's quota in gateway.toml reviewed.",
    "model-not-listed": "List the model with its prices in gateway.toml.",
}


def continue_opening(opening: str, text: str) -> str:
    """The answer as a continuation of `opening`: not repeated, and apart from it by a space.

    A model that was taught to chat begins a new sentence where a base model goes on.

    >>> continue_opening("She was given", "She was given aspirin.")
    ' aspirin.'
    >>> continue_opening("She was given", "aspirin.")
    ' aspirin.'
    """
    text = text.strip()
    if opening and text.casefold().startswith(opening.strip().casefold()):
        text = text[len(opening.strip()) :].lstrip()
    return f" {text}" if text[:1].isalnum() else text


def _translate(draft: Draft, error: openai.APIStatusError) -> ApplianceError:
    """The gateway's rule as an error of ours; of its reply only code and Retry-After are read."""
    code = str(error.code or f"http-{error.status_code}")
    what = f"The gateway refuses draft {draft.draft_id}: {code}."
    if code in _BUSY:
        return BackendBusy(what, _AGAIN, _seconds(error.response.headers.get("retry-after")))
    if code == "clearance-invalid":
        return ClearanceInvalid(what, "Let the gate inspect the draft again.")
    if code in _DENIED:
        return Denied(what, "Start the gateway again, so that both gates know the same.")
    if code in _DOWN:
        return BackendUnavailable(what, _AGAIN)
    return BackendRefused(what, _NEXT.get(code, "Compare gateway.toml with routing.toml."))


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
