"""The OpenAI API's form of the door, in Starlette: parses, asks the door, answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from appliance.gateway.callers import Callers, check_headers
from appliance.gateway.counting import Counts, Latch
from appliance.gateway.door import Door, Passed
from appliance.gateway.metering import Meters
from appliance.gateway.provider import Provider
from appliance.gateway.readiness import Readiness
from appliance.gateway.refusals import Refused, Rule, to_response
from appliance.gateway.replies import to_completion, to_events
from appliance.gateway.responses import to_chat, to_response_events
from appliance.gateway.responses import to_response as to_response_object
from appliance.records.clock import Clock
from appliance.records.egress import HEADER
from appliance.records.events import Recorder
from appliance.settings.gateway import OWN_CALLER, CallerRule, GatewayPolicy

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the door, and behind it."""

    policy: GatewayPolicy
    callers: Callers
    door: Door
    provider: Provider
    readiness: Readiness
    meters: Meters
    counts: Counts
    latch: Latch
    clock: Clock
    recorder: Recorder


def make_application(now: Callable[[], Front]) -> Starlette:
    """The gateway as an ASGI application.

    Args:
        now: The front for a request that comes now; a request stays with the one it came to.
    """

    async def complete(request: Request) -> Response:
        front = now()
        caller, headers = _admit(front, request)
        raw = await _read_body(front, request)
        passed = await front.door.ask(caller, raw, headers.get(HEADER, ""))
        return _answer(passed, int(front.clock.now().timestamp()))

    async def respond(request: Request) -> Response:
        front = now()
        caller, headers = _admit(front, request)
        chat = to_chat(await _read_body(front, request))
        passed = await front.door.ask(caller, chat, headers.get(HEADER, ""))
        return _answer_response(passed, int(front.clock.now().timestamp()))

    async def inspect(request: Request) -> Response:
        # For attacks of our own: what would pass is asked for, and nothing can be sent this way.
        front = now()
        caller, _ = _admit(front, request)
        if caller.name != OWN_CALLER or not caller.needs_clearance:
            raise Refused(Rule.NOT_OFFERED)
        rule = await front.door.examine(caller, await _read_body(front, request))
        return JSONResponse({"rule": rule.value if rule else ""})

    async def models(request: Request) -> Response:
        front = now()
        _admit(front, request)
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "provider"}
            for name in front.policy.models
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def readyz(request: Request) -> Response:
        del request
        front = now()
        is_shut = front.latch.is_shut()
        is_open = front.door.is_fresh() and not is_shut
        # Asked for last, and so looked at again: what was true before may have changed meanwhile.
        is_ready = is_open and await front.readiness.is_ready() and front.door.is_fresh()
        return JSONResponse({"ready": is_ready, "latched": is_shut}, 200 if is_ready else 503)

    async def metrics(request: Request) -> Response:
        del request
        front = now()
        front.meters.state(front.counts.in_flight, is_latched=front.latch.is_shut())
        return Response(front.meters.expose(), media_type="text/plain; version=0.0.4")

    guard = _Guard(now)
    routes = [
        Route("/v1/chat/completions", guard(complete), methods=["POST"]),
        Route("/v1/responses", guard(respond), methods=["POST"]),
        Route("/v1/inspect", guard(inspect), methods=["POST"]),
        Route("/v1/models", guard(models), methods=["GET"]),
        Route("/livez", guard(_livez), methods=["GET"]),
        Route("/readyz", guard(readyz), methods=["GET"]),
        Route("/metrics", guard(metrics), methods=["GET"]),
        Route("/{path:path}", guard(_not_offered), methods=_METHODS),
    ]
    return Starlette(routes=routes)


async def _livez(request: Request) -> Response:
    del request
    return JSONResponse({"live": True})


async def _not_offered(request: Request) -> Response:
    del request
    raise Refused(Rule.NOT_OFFERED)


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class _Guard:
    """Turns refusals into answers, and everything unforeseen into a refusal without words."""

    def __init__(self, now: Callable[[], Front]) -> None:
        self._now = now

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refused as refused:
                return self._refuse(refused)
            except Exception:  # noqa: BLE001 - a library's error may hold text: it ends here
                return self._refuse(Refused(Rule.BUG))

        return guarded

    def _refuse(self, refused: Refused) -> Response:
        self._now().meters.refused(refused.rule)
        return to_response(refused)


def _admit(front: Front, request: Request) -> tuple[CallerRule, dict[str, str]]:
    headers = check_headers(request.headers.raw)
    client = request.client.host if request.client else ""
    caller = front.callers.identify(client, headers.get("authorization", ""))
    if request.url.query:
        raise Refused(Rule.FIELD, "query")
    return caller, headers


async def _read_body(front: Front, request: Request) -> bytes:
    limits = front.policy.limits
    content = bytearray()
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            async for piece in request.stream():
                content += piece
                if len(content) > limits.body_bytes:
                    raise Refused(Rule.TOO_LARGE)
    except TimeoutError:
        raise Refused(Rule.SLOW) from None
    return bytes(content)


def _answer(passed: Passed, created: int) -> Response:
    model, told = passed.asked.model.name, passed.told
    if not passed.asked.stream:
        return JSONResponse(to_completion(told, passed.request_id, model, created))
    events = to_events(
        told, passed.request_id, model, created, include_usage=passed.asked.include_usage
    )
    return StreamingResponse(_in_pieces(events), media_type="text/event-stream")


def _answer_response(passed: Passed, created: int) -> Response:
    parts = passed.told, passed.request_id, passed.asked.model.name, created
    if not passed.asked.stream:
        return JSONResponse(to_response_object(*parts))
    return StreamingResponse(_in_pieces(to_response_events(*parts)), media_type="text/event-stream")


async def _in_pieces(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event
