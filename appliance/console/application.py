"""The console as an ASGI application: a session for every page, every form from one of ours."""

import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from appliance.console import rendering
from appliance.console.blocks import Field, Form, Link, Page, Text
from appliance.console.doors import DOORS, MENU
from appliance.console.guarding import SHUT_IN, Shield, check_csrf, check_origin, read_form
from appliance.console.peers import find_uid
from appliance.console.refusals import Refusals
from appliance.console.sessions import TOKEN_S, WINDOW_S, Session, Sessions, TooMany
from appliance.console.visits import Answer, Door, File, Moved, Visit, name_of
from appliance.errors import (
    ApplianceError,
    BadInput,
    Forbidden,
    PrivacyError,
    SiteError,
)
from appliance.records.access import Identity, Verb
from appliance.records.events import Fact
from appliance.settings.roles import identity_of
from appliance.workflows.access import allow, list_verbs
from appliance.workflows.site import open_site

Endpoint = Callable[[Request], Awaitable[Response]]
_PEER: Final = "uid:"
_SEE_OTHER: Final = 303
_STATUS: Final = ((PrivacyError, 403), (BadInput, 400), (SiteError, 503))
# For these it is enough to look; the others are asked for again, with what they are done to.
_LOOKS: Final = frozenset({Verb.CONSOLE, Verb.TRAFFIC, Verb.AUDITS, Verb.LEDGER})


class Console:
    """One site's console.

    Args:
        root: The site.
        sessions: Who is signed in.
        refusals: Who was refused what.
        address: Where browsers find it.
        hosts: Names and addresses of the machine.
        is_tls: Whether browsers come by TLS.
    """

    def __init__(
        self,
        root: Path,
        sessions: Sessions,
        refusals: Refusals,
        *,
        address: str,
        hosts: frozenset[str],
        is_tls: bool,
    ) -> None:
        self._root = root
        self._sessions = sessions
        self._refusals = refusals
        self._address = address
        self._hosts = hosts
        self._is_tls = is_tls
        # The prefix keeps other machines of the domain from setting it; browsers want TLS for it.
        self._cookie = "__Host-appliance-console" if is_tls else "appliance-console"

    def application(self) -> ASGIApp:
        """Everything, behind its shield."""
        routes = [
            Route("/login", self._safely(self._show_login), methods=["GET"]),
            Route("/login", self._safely(self._log_in), methods=["POST"]),
            Route("/logout", self._safely(self._log_out), methods=["POST"]),
            Route("/token", self._safely(self._issue), methods=["POST"]),
            Route("/livez", self._safely(_live), methods=["GET"]),
            Route("/static/{name}", self._safely(_asset), methods=["GET"]),
            *(self._route(door) for door in DOORS),
        ]
        problems = {404: self._not_found, 405: self._not_found}
        inside = Starlette(routes=routes, exception_handlers=problems)
        return Shield(inside, hosts=self._hosts, is_tls=self._is_tls)

    def _route(self, door: Door) -> Route:
        async def visit(request: Request) -> Response:
            session = self._find(request)
            if session is None and not door.changes:
                return RedirectResponse("/login", _SEE_OTHER)
            if session is None:
                raise Forbidden("You are not signed in any more.", "Sign in and do it again.")
            form = await self._read(request, session) if door.changes else {}
            came = Visit(self._root, session, request.path_params, dict(request.query_params), form)
            return await run_in_threadpool(self._let_in, door, came)

        methods = ["POST"] if door.changes else ["GET"]
        return Route(door.path, self._safely(visit), methods=methods)

    def _let_in(self, door: Door, visit: Visit) -> Response:
        site = open_site(self._root)
        is_look = door.verb in _LOOKS
        allow(site, door.verb, door.path, visit.who, with_second=is_look, weigh=self._weigh)
        return self._respond(door.answer(visit), visit.session, f"/{door.path.split('/')[1]}")

    def _respond(self, answer: Answer, session: Session, here: str = "") -> Response:
        if isinstance(answer, Moved):
            return RedirectResponse(answer.to, _SEE_OTHER)
        if isinstance(answer, File):
            headers = {"content-security-policy": SHUT_IN}
            if answer.save_as:
                headers["content-disposition"] = f'attachment; filename="{answer.save_as}"'
            return Response(answer.content, 200, headers, answer.kind)
        return _html(
            rendering.render(
                answer,
                user=name_of(session.who),
                csrf=session.csrf,
                menu=self._menu(session.who),
                here=here,
            )
        )

    def _menu(self, who: Identity) -> tuple[Link, ...]:
        allowed = {one.verb for one in list_verbs(self._root, who) if one.is_allowed}
        return tuple(link for verb, link in MENU if verb in allowed)

    async def _read(self, request: Request, session: Session) -> dict[str, str]:
        check_origin(request)
        form = await read_form(request)
        check_csrf(session.csrf, form)
        return form

    def _find(self, request: Request) -> Session | None:
        is_person = request.query_params.get("live") != "1"
        session = self._sessions.find(request.cookies.get(self._cookie, ""), is_person=is_person)
        return session if session is not None and self._is_theirs(request, session) else None

    def _is_theirs(self, request: Request, session: Session) -> bool:
        """Beyond this machine a certificate says who comes; within it the kernel."""
        return self._is_tls or find_uid(request) == session.who.uid

    async def _show_login(self, request: Request) -> Response:
        if self._find(request) is not None:
            return RedirectResponse("/", _SEE_OTHER)
        return _html(rendering.render(_LOGIN))

    async def _log_in(self, request: Request) -> Response:
        check_origin(request)
        token = (await read_form(request)).get("token", "").strip()
        try:
            cookie, session = self._sessions.begin(token)
        except (Forbidden, TooMany):
            count = self._refusals.count("anybody", "token")
            if count:
                facts: Mapping[str, Fact] = {"why": "token", "count": count}
                await run_in_threadpool(self._record, "console.refused", facts)
            raise
        who = session.who
        if not self._is_theirs(request, session):
            self._sessions.end(cookie)
            raise Forbidden(
                "The browser is run by another user than the token.",
                "Run `appliance console token` as the user that runs the browser.",
            )
        await run_in_threadpool(self._record, "console.signed-in", _named(who))
        response = RedirectResponse("/", _SEE_OTHER)
        response.set_cookie(
            self._cookie, cookie, path="/", secure=self._is_tls, httponly=True, samesite="strict"
        )
        return response

    async def _log_out(self, request: Request) -> Response:
        session = self._find(request)
        if session is not None:
            await self._read(request, session)
            self._sessions.end(request.cookies.get(self._cookie, ""))
            await run_in_threadpool(self._record, "console.signed-out", _named(session.who))
        response = RedirectResponse("/login", _SEE_OTHER)
        response.delete_cookie(
            self._cookie, path="/", secure=self._is_tls, httponly=True, samesite="strict"
        )
        return response

    async def _issue(self, request: Request) -> Response:
        """A token for whoever asks by the UNIX socket: the kernel says who that is."""
        check_origin(request)
        client = request.client.host if request.client else ""
        if not client.startswith(_PEER):
            raise Forbidden(
                "Tokens are given out at the console's socket only.",
                "Run `appliance console token` on the machine itself.",
            )
        # Before anything is read: anybody on the machine may be asking.
        self._refusals.check(client)
        who = await run_in_threadpool(identity_of, int(client.removeprefix(_PEER)))
        site = await run_in_threadpool(open_site, self._root)
        await run_in_threadpool(allow, site, Verb.CONSOLE, "token", who, weigh=self._weigh)
        token = self._sessions.issue(who)
        return JSONResponse({"token": token, "address": self._address, "seconds": int(TOKEN_S)})

    def _weigh(self, uid: int, verb: Verb) -> int:
        return self._refusals.count(f"{_PEER}{uid}", verb)

    def _record(self, kind: str, facts: Mapping[str, Fact]) -> None:
        open_site(self._root).ledger.record(kind, facts)

    def _safely(self, endpoint: Endpoint) -> Endpoint:
        """Errors of the tree say what they say anywhere; of all others, only where they were."""

        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except TooMany:
                page = Text("Too many were refused of late. Try again in a minute.")
                response = self._problem(request, [page], 429)
                response.headers["retry-after"] = str(int(WINDOW_S))
                return response
            except ApplianceError as error:
                status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
                words = [Text(part) for part in (error.what, error.next_step) if part]
                return self._problem(request, words, status)
            except Exception as error:  # noqa: BLE001 - a library's message may hold anything
                return self._problem(request, [Text(_locate(error))], 500)

        return guarded

    async def _not_found(self, request: Request, error: Exception) -> Response:
        status = int(getattr(error, "status_code", 404))
        words = Text("There is no such page, or that can't be done there.")
        return self._problem(request, [words], status)

    def _problem(self, request: Request, words: list[Text], status: int) -> Response:
        if request.url.path == "/token":
            return JSONResponse({"problem": " ".join(one.text for one in words)}, status)
        back = Link("Back to the beginning", "/")
        page = Page("That did not work", [*words, back])
        return _html(rendering.render(page), status)


_LOGIN: Final = Page(
    "Sign in",
    [
        Text("Run `appliance console token` on this machine, in your own name, and paste it here."),
        Form("Token", "/login", "Sign in", [Field("token", "Token", "password")]),
    ],
)


def _named(who: Identity) -> dict[str, Fact]:
    return {"uid": who.uid, "user": name_of(who)}


async def _live(request: Request) -> Response:
    del request
    return JSONResponse({"live": True})


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in rendering.ASSETS:
        raise BadInput("There is no such file.", "Open a page of the console.")
    return Response(rendering.read_asset(name), 200, None, rendering.ASSETS[name])


def _html(content: str, status: int = 200) -> Response:
    return Response(content, status, None, "text/html")


def _locate(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"A bug: {type(error).__name__} at {place}. Report this line; it holds no text."
