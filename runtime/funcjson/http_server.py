"""The host's HTTP side: takes requests, finds the function, hands over, writes the answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from funcjson import http_admin
from funcjson.app_offline import offline_page
from funcjson.bindings.http_trigger import entry_of
from funcjson.cors import IN_SETTINGS, CorsPolicy, make_policy, refusal
from funcjson.errors import FuncJsonError, Location, Problem, Severity, render
from funcjson.fired_events import fired_event
from funcjson.http_admin import LoadedApp
from funcjson.http_principal import PrincipalGuard
from funcjson.http_routes import NotFound, RouteMatch, RouteTable, build_table
from funcjson.http_stream import StreamedBody, StreamedResponse
from funcjson.http_wire import (
    BodyTooLarge,
    failed,
    header_text,
    origin_form,
    presented_key,
    read_body,
    response_of,
    text_response,
)
from funcjson.identity import Shape
from funcjson.keys import KeyRing, load_keys
from funcjson.listening import DEFAULT_ADDRESS, DEFAULT_PORT, open_sockets
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest, HttpResponse, TriggerEvent
from funcjson.personas import load_personas
from funcjson.settings import Settings
from funcjson.signalr.http_log import http_log
from funcjson.turned_away import TurnedAwayList

log = logging.getLogger("funcjson.host")

MAX_BODY = 104_857_600  # bytes, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT's default
DEFAULT_LEVEL = "function"  # the host's own, when a trigger names none

Pairs = tuple[tuple[str, str], ...]
Inspect = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
INSPECTOR = "/_/"


class HostFacade(Protocol):
    """What the HTTP side needs of the host. Routes come by `HttpServer.use_routes`."""

    @property
    def ready(self) -> bool:
        """Whether functions can run; until then every URL answers 503."""

    async def invoke(self, function: str, event: TriggerEvent) -> HttpResponse:
        """Run an HTTP function; raises FuncJsonError, already logged."""

    async def fire(self, function: str, event: TriggerEvent) -> Any:
        """Run a function that has no HTTP caller; raises FuncJsonError, already logged."""

    async def webhook(self, name: str, request: HttpRequest) -> HttpResponse | None:
        """A request to /runtime/webhooks/NAME; None when nothing listens there."""


@dataclass(frozen=True, slots=True)
class HttpServerOptions:
    """How to listen and whom to believe. `port` 0 chooses a free one.

    `azure` reproduces Azure's own behaviour where it differs. `session_key` signs the login's
    cookies, and is made for this run when empty. `max_body` is in bytes. `auth_shape` None: that of
    Static Web Apps when the app, or the folder above it, has a staticwebapp.config.json.
    """

    address: str = DEFAULT_ADDRESS
    port: int = DEFAULT_PORT
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False
    cors_at: Location = IN_SETTINGS
    auth: bool = False
    persona: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    app_root: Path = field(default_factory=Path)
    azure: bool = False
    auth_shape: Shape | None = None
    session_key: bytes = field(default=b"", repr=False)
    max_body: int = MAX_BODY


class HttpServer:
    """Listens from `start` to `stop`; `use_routes` says which functions there are."""

    def __init__(self, facade: HostFacade, options: HttpServerOptions) -> None:
        self._facade = facade
        self._options = options
        self._app: LoadedApp | None = None
        self._table = RouteTable()
        self._disabled = RouteTable()
        self._levels: Mapping[str, str] = {}
        self._keys: KeyRing | None = None
        self._custom_headers: Pairs = ()
        self._policy, problems = make_policy(
            options.cors_origins,
            options.cors_credentials,
            azure=options.azure,
            where=options.cors_at,
        )
        _tell(problems)
        self._session_key = options.session_key or secrets.token_bytes(32)
        self._persona_problems: tuple[Problem, ...] = ()
        self._login = self._make_login()
        self._guard = PrincipalGuard(options.address, options.trusted_proxies)
        self._streams: frozenset[str] = frozenset()
        self._passes: frozenset[str] = frozenset()
        self._max_body = options.max_body
        self._running = 0
        self._limit = -1
        self._slots: asyncio.Semaphore | None = None
        self._refused_origins: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.ServerRunner | None = None
        self._port = options.port
        self._instance_id = uuid.uuid4().hex
        self._started_at = time.monotonic()
        self._inspect: Inspect | None = None
        self.turned_away = TurnedAwayList()

    # Life

    async def start(self, sockets: Sequence[socket.socket] = ()) -> int:
        """Serve on these sockets, or listen first; gives the port.

        Raises AppLoadError when the port cannot be had.
        """
        sockets = sockets or open_sockets(self._options.address, self._options.port)
        server = web.Server(
            self._handle,
            access_log=None,
            logger=http_log("funcjson.http"),
            # The handler gets the body as it was sent.
            auto_decompress=False,
            # Kestrel's limit is for all headers together.
            max_field_size=32768,
        )
        # aiohttp waits for running requests twice as long: Ctrl-C is meant at once.
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        for one in sockets:
            await web.SockSite(self._runner, one).start()
        self._port = int(sockets[0].getsockname()[1])
        return self._port

    async def stop(self) -> None:
        """Stop listening, let running requests end for a moment; idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        """The port in use once started."""
        return self._port

    @property
    def url(self) -> str:
        """Where a person on this machine finds the host, without a slash at the end."""
        address = self._options.address
        if address in ("127.0.0.1", "0.0.0.0", "::", "::1"):  # noqa: S104 compared, not bound
            address = "localhost"
        return f"http://{f'[{address}]' if ':' in address else address}:{self._port}"

    @property
    def policy(self) -> CorsPolicy:
        """Which pages of other origins may call."""
        return self._policy

    @property
    def login(self) -> LoginTwin:
        """Who can be signed in as."""
        return self._login

    def use_inspector(self, inspect: Inspect) -> None:
        """Let `inspect` answer every URL below /_/, whatever routes the app has."""
        self._inspect = inspect

    @property
    def routes(self) -> RouteTable:
        return self._table

    @property
    def keys(self) -> KeyRing | None:
        """The keys that are enforced, None without `auth`."""
        return self._keys

    def use_routes(self, app: LoadedApp) -> tuple[Problem, ...]:
        """Serve this version of the app from the next request on.

        Gives what is wrong with the routes.
        """
        options = self._options
        functions = [plan.function for plan in app.plans.values()]
        http = [f for f in functions if f.trigger.type.lower() == "httptrigger"]
        prefix = app.settings.host.route_prefix
        table, problems = build_table((entry_of(f) for f in http if not f.disabled), prefix)
        disabled, _ = build_table((entry_of(f) for f in http if f.disabled), prefix)
        self._levels = {
            f.name: str(f.trigger.properties.get("authLevel") or DEFAULT_LEVEL) for f in http
        }
        if options.auth:
            self._keys = load_keys(options.app_root, [f.name for f in functions])
        self._custom_headers = tuple(app.settings.host.custom_headers.items())
        self._limit = app.settings.host.max_outstanding_requests
        most = app.settings.host.max_concurrent_requests
        self._slots = asyncio.Semaphore(most) if most > 0 else None
        self._login = self._make_login()
        self._streams = app.streams
        # A body that expressions read, or that a retry sends again, is needed whole.
        self._passes = frozenset(
            plan.function.name
            for plan in app.plans.values()
            if plan.function.name in app.streams
            and plan.function.retry is None
            and not plan.reads_body
        )
        self._max_body = _size_limit(app.settings) or options.max_body
        self._app, self._table, self._disabled = app, table, disabled
        return problems

    def _make_login(self) -> LoginTwin:
        options = self._options
        personas, problems = load_personas(options.app_root)
        if problems != self._persona_problems:
            _tell(problems)
        self._persona_problems = problems
        return LoginTwin(
            personas,
            self._session_key,
            time.time,
            shape=options.auth_shape or _shape_of(options.app_root),
            default=options.persona,
            trusts_origin=self._trusts_origin,
        )

    def _trusts_origin(self, origin: str) -> bool:
        return CorsPolicy().allows(origin) or self._policy.allows(origin)

    # A request

    async def _handle(
        self, request: web.BaseRequest, *, of_page: bool = False
    ) -> web.StreamResponse:
        # The path that every request takes: written for speed, measured by tests/benchmarks.
        headers = request.headers
        if "Origin" in headers and not of_page:
            return await self._answer_page(request, headers["Origin"])
        sink: StreamedResponse | None = None
        source: StreamedBody | None = None
        try:
            target = request.raw_path
            path, _, query = target.partition("?")
            if path[:1] != "/":
                path = origin_form(path)
            if path[:3] == INSPECTOR and self._inspect is not None:
                return await self._inspect(request)
            if path[1:6].lower() in _RESERVED:
                special = await self._answer_special(request, path, query)
                if special is not None:
                    return response_of(special)
            if not self._facade.ready:
                return response_of(self._not_running())
            found = self._table.match(request.method, path)
            if isinstance(found, NotFound):
                return response_of(self._nothing_there(request, path, found))
            function = found.function
            if self._keys is not None and not self._keys.allows(
                self._levels[function], function, presented_key(request, query)
            ):
                self.turned_away.add(request.method, path, 401, _needs_key(function))
                return response_of(_UNAUTHORIZED)
            if 0 < self._limit <= self._running:
                return response_of(_TOO_MANY)
            body = b""
            content = request.content
            if not content.at_eof():
                if function in self._passes and not content.is_eof():
                    source = StreamedBody(request, self._max_body)
                else:
                    body = await read_body(request, self._max_body)
            asked = HttpRequest(
                request.method,
                f"http://{headers.get('Host', '')}{target}",
                self._guard.pairs(headers, self._login, request),
                query,
                found.params,
                body,
            )
            self._running += 1
            try:
                if function in self._streams:
                    sink = self._sink(request)
                event = TriggerEvent("httpTrigger", asked, sink=sink, source=source)
                if self._slots is None:
                    answer = await self._facade.invoke(function, event)
                else:
                    async with self._slots:
                        answer = await self._facade.invoke(function, event)
            finally:
                self._running -= 1
            if sink is not None and (begun := sink.let_go()) is not None:
                return begun
            if source is not None and source.too_large is not None:
                raise source.too_large
            return response_of(answer, self._custom_headers)
        except BodyTooLarge as error:
            return _too_large(error)
        except FuncJsonError as error:
            # Whoever raised it has logged it.
            if sink is not None and sink.response is not None:
                sink.break_off()
                return sink.let_go() or response_of(failed(error))
            if source is not None and source.too_large is not None:
                return _too_large(source.too_large)
            return response_of(failed(error))
        except Exception:
            # The seam where one request must not take the host down.
            log.exception("A request failed inside the host: %s %s", request.method, request.path)
            return response_of(HttpResponse(500, (("x-funcjson-error", "FJ0199"),)))
        finally:
            if source is not None:
                source.let_go()
            if sink is not None:
                sink.let_go()

    def _not_running(self) -> HttpResponse:
        page = offline_page(self._options.app_root)
        if page is None:
            return _NOT_RUNNING
        return HttpResponse(503, (("Content-Type", "text/html"),), page)

    def _sink(self, request: web.BaseRequest) -> StreamedResponse:
        origin = request.headers.get("Origin")

        def finish(response: web.StreamResponse) -> None:
            if origin is not None:
                self._let_page_read(response, origin)

        return StreamedResponse(request, self._custom_headers, finish)

    def _nothing_there(self, request: web.BaseRequest, path: str, found: NotFound) -> HttpResponse:
        app = self._app
        if path == INSPECTOR[:-1] and self._inspect is not None:
            return HttpResponse(308, (("Location", INSPECTOR),))
        if path == "/" and app is not None and request.method in ("GET", "HEAD"):
            if (app.settings.get("AzureWebJobsDisableHomepage") or "").lower() in ("true", "1"):
                return HttpResponse(204)
            who = self._login.who(request.headers.get("Cookie", ""))
            return http_admin.home_page(app, who.name if who else None)
        hint = found.hint
        disabled = self._disabled.match(request.method, path)
        if isinstance(disabled, RouteMatch):
            hint = f"{disabled.function} is disabled"
        elif app is not None and (problem := _problem_of(app, path)) is not None:
            hint = f"{problem.function} did not load: {problem.what}"
        if path != "/favicon.ico":
            self.turned_away.add(request.method, path, 404, hint)
        # Every browser asks for the icon by itself.
        level = logging.DEBUG if path == "/favicon.ico" else logging.INFO
        log.log(level, "404 for %s %s: %s", request.method, path, hint)
        return HttpResponse(404, (("x-funcjson-hint", header_text(hint)),))

    # A request of a page on another origin

    async def _answer_page(self, request: web.BaseRequest, origin: str) -> web.StreamResponse:
        headers = request.headers
        policy = self._policy
        allowed = policy.allows(origin)
        same = origin.rpartition("//")[2].lower() == headers.get("Host", "").lower()
        wanted = headers.get("Access-Control-Request-Method")
        path = request.raw_path.partition("?")[0]
        if path[:3] == INSPECTOR and self._inspect is not None:
            # It looks at the origin itself, and no page of another one may read it.
            return await self._handle(request, of_page=True)
        if not allowed and not same:
            self._refused(origin)
        if request.method == "OPTIONS" and wanted is not None:
            # Without a policy of its own, an app may answer preflights itself.
            ours = policy.configured or (allowed and not self._table.lists("OPTIONS", path))
            if ours:
                asked = headers.get("Access-Control-Request-Headers", "")
                extra = policy.preflight(origin, wanted, asked) if allowed else ()
                if not allowed:
                    self.turned_away.add("OPTIONS", path, 204, refusal(policy, origin), origin)
                return response_of(HttpResponse(204, extra))
        if not allowed and not same and path[:6].lower() == "/.auth" and request.method == "POST":
            # A page elsewhere may not sign the user in or out.
            return response_of(text_response(403, b"this origin may not sign anybody in\n"))
        response = await self._handle(request, of_page=True)
        if not allowed and not same:
            self.turned_away.add(request.method, path, 0, refusal(policy, origin), origin)
        if not response.prepared:
            self._let_page_read(response, origin)
        return response

    def _let_page_read(self, response: web.StreamResponse, origin: str) -> None:
        policy = self._policy
        if not policy.allows(origin):
            return
        if policy.configured or "Access-Control-Allow-Origin" not in response.headers:
            for name, value in policy.headers(origin):
                if name == "Vary" and "Vary" in response.headers:
                    value = f"{response.headers['Vary']}, {value}"
                response.headers[name] = value

    def _refused(self, origin: str) -> None:
        """Say once of each origin why its page gets nothing."""
        if origin not in self._refused_origins and len(self._refused_origins) < 1000:
            self._refused_origins.add(origin)
            log.warning("%s", refusal(self._policy, origin))

    # What the host keeps for itself

    async def _answer_special(
        self, request: web.BaseRequest, path: str, query: str
    ) -> HttpResponse | None:
        """/admin, /runtime/webhooks and /.auth; None for a URL that functions may have."""
        first, _, rest = path.strip("/").partition("/")
        match first.lower():
            case ".auth":
                return self._login.answer(await self._plain_request(request, query))
            case "admin":
                return await self._admin(request, rest.lower(), query)
            case "runtime" if rest.lower().startswith("webhooks/"):
                return await self._webhook(request, rest.split("/")[1], query)
        return None

    async def _plain_request(self, request: web.BaseRequest, query: str) -> HttpRequest:
        return HttpRequest(
            request.method,
            f"http://{request.headers.get('Host', '')}{request.raw_path}",
            tuple(request.headers.items()),
            query,
            {},
            await read_body(request, self._max_body),
        )

    async def _webhook(
        self, request: web.BaseRequest, name: str, query: str
    ) -> HttpResponse | None:
        if not self._facade.ready:
            return self._not_running()
        if self._keys is not None and not self._keys.opens_webhook(
            name, presented_key(request, query)
        ):
            return _UNAUTHORIZED
        answer = await self._facade.webhook(name, await self._plain_request(request, query))
        return answer if answer is not None else HttpResponse(404)

    async def _admin(self, request: web.BaseRequest, rest: str, query: str) -> HttpResponse:
        parts = [part for part in rest.split("/") if part]
        app = self._app if self._facade.ready else None
        if parts == ["host", "ping"]:
            return HttpResponse(200) if app is not None else self._not_running()
        if self._keys is not None and not self._keys.opens_admin(presented_key(request, query)):
            return _UNAUTHORIZED
        match request.method, parts:
            case "GET" | "HEAD", ["host", "status"]:
                is_offline = offline_page(self._options.app_root) is not None
                return http_admin.host_status(
                    app, self._instance_id, time.monotonic() - self._started_at, is_offline
                )
            case _, ["functions", *_] if app is None:
                return self._not_running()
            case "GET" | "HEAD", ["functions"]:
                assert app is not None
                return http_admin.function_list(app, self.url)
            case "GET" | "HEAD", ["functions", name]:
                assert app is not None
                return http_admin.one_function(app, name, self.url)
            case "GET" | "HEAD", ["functions", name, "status"]:
                assert app is not None
                return http_admin.function_status(app, name)
            case "POST", ["functions", name]:
                assert app is not None
                return await self._start_function(request, app, name)
        return HttpResponse(404)

    async def _start_function(
        self, request: web.BaseRequest, app: LoadedApp, name: str
    ) -> HttpResponse:
        """Fire and forget: 202, also when the function fails later."""
        plan = app.plans.get(name)
        if plan is None:
            return HttpResponse(404)
        text = http_admin.input_text(await read_body(request, self._max_body))
        if text is None:
            return HttpResponse(400)
        function = plan.function
        event = fired_event(function, text, self.url)
        start: Callable[[str, TriggerEvent], Awaitable[Any]] = (
            self._facade.fire if event.request is None else self._facade.invoke
        )
        run = start(function.name, event)
        task = asyncio.create_task(_to_its_end(run), name=f"admin {function.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return HttpResponse(202)


_RESERVED = frozenset({"admin", "runti", ".auth"})
_UNAUTHORIZED = HttpResponse(401)
_TOO_MANY = HttpResponse(429, (("X-FUNCTION-SCALEOUT", "1"),))
_NOT_RUNNING = text_response(503, b"Function host is not running.")


def _too_large(error: BodyTooLarge) -> web.Response:
    response = response_of(HttpResponse(413, failed(error).headers))
    response.force_close()
    return response


def _size_limit(settings: Settings) -> int | None:
    text = settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or ""
    return int(text) if text.isdecimal() else None


def _needs_key(function: str) -> str:
    return f"'{function}' needs a key, in ?code= or the header x-functions-key"


def _shape_of(root: Path) -> Shape:
    static = any((at / "staticwebapp.config.json").is_file() for at in (root, root.parent))
    return "static-web-apps" if static else "app-service"


async def _to_its_end(run: Awaitable[Any]) -> None:
    try:
        await run
    except FuncJsonError:
        log.debug("a function started through /admin failed; the invocation is in the log")
    except Exception:
        # The seam: nobody awaits this task, and the host goes on.
        log.exception("A function started through /admin failed inside the host")


def _problem_of(app: LoadedApp, path: str) -> Problem | None:
    """Why the function that the end of a path names is not there."""
    name = path.rstrip("/").rpartition("/")[2].lower()
    if name in app.plans:
        return None
    errors = (p for p in app.problems if p.severity is Severity.ERROR)
    return next((p for p in errors if (p.function or "").lower() == name != ""), None)


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
        log.log(level, "%s", render(problem))
