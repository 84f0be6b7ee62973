"""The host's HTTP side: takes requests, finds the function, hands over, writes the answer."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from aiohttp import web

from funcjson import http_admin
from funcjson.cors import CorsPolicy, make_policy, refusal
from funcjson.errors import FuncJsonError, Problem, Severity, not_loaded, render
from funcjson.http_absent import problem_of
from funcjson.http_admin import LoadedApp
from funcjson.http_endpoints import HostEndpoints, not_running, unauthorized
from funcjson.http_options import HostFacade, HttpServerOptions
from funcjson.http_principal import PrincipalGuard
from funcjson.http_routes import NotFound, RouteMatch, RouteTable
from funcjson.http_served import Served, served_of
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
from funcjson.identity import Persona
from funcjson.keys import KeyRing
from funcjson.listening import is_loopback, open_sockets
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest, HttpResponse, TriggerEvent
from funcjson.personas import load_personas
from funcjson.session_key import SessionKey
from funcjson.signalr.http_log import http_log
from funcjson.signalr.loopback import is_own_host
from funcjson.static_web_app import shape_of
from funcjson.turned_away import TurnedAwayList

HINT_HEADER = "x-funcjson-hint"
log = logging.getLogger("funcjson.host")

Inspect = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
INSPECTOR = "/_/"


class HttpServer:
    """Listens from `start` to `stop`; `use_routes` says which functions there are."""

    def __init__(self, facade: HostFacade, options: HttpServerOptions) -> None:
        self._facade = facade
        self._options = options
        self._served = Served(max_body=options.max_body)
        self._policy, problems = make_policy(
            options.cors_origins,
            options.cors_credentials,
            azure=options.azure,
            where=options.cors_at,
        )
        _tell(problems)
        self._session_key = SessionKey(options.app_root)
        self._personas: Mapping[str, Persona] = {}
        self._persona_problems: tuple[Problem, ...] = ()
        self._login = self._make_login()
        self._guard = PrincipalGuard(options.address, options.trusted_proxies)
        self._running = 0
        self._endpoints = HostEndpoints(facade, options.app_root, lambda: self.url)
        self._refused_origins: set[str] = set()
        self._runner: web.ServerRunner | None = None
        self._port = options.port
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
        await self._endpoints.stop()

    @property
    def port(self) -> int:
        """The port in use once started."""
        return self._port

    @property
    def url(self) -> str:
        """Where a person on this machine finds the host, without a slash at the end."""
        address = self._options.address
        if address in ("127.0.0.1", "0.0.0.0", "::", "::1"):  # noqa: S104 - compared, not bound
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
        return self._served.table

    @property
    def keys(self) -> KeyRing | None:
        """The keys that are enforced, None without `auth`."""
        return self._served.keys.current() if self._served.keys is not None else None

    def use_routes(self, app: LoadedApp) -> None:
        """Serve this version of the app from the next request on. What is wrong with its routes was told when it was loaded."""
        self._served = served_of(app, self._options, self._served.keys)
        self._login = self._make_login()

    def _make_login(self) -> LoginTwin:
        options = self._options
        personas, problems = load_personas(options.app_root)
        if problems != self._persona_problems:
            _tell(problems)
            if personas is None and self._personas:
                log.warning("The personas from before go on until the file can be read")
        self._persona_problems = problems
        if personas is not None:
            self._personas = personas
        return LoginTwin(
            self._personas,
            self._session_key.value,
            time.time,
            shape=options.auth_shape or shape_of(options.app_root),
            default=options.persona,
            trusts_origin=self._trusts_origin,
            trusts_host=self._trusts_host,
            signs_in=self._session_key.used,
        )

    def _trusts_origin(self, origin: str) -> bool:
        return CorsPolicy().allows(origin) or self._policy.allows(origin)

    def _trusts_host(self, host: str) -> bool:
        """On loopback, a foreign name that leads here is a trick."""
        return (
            not is_loopback(self._options.address)
            or is_own_host(host)
            or any(self._policy.allows(f"{scheme}://{host}") for scheme in ("http", "https"))
        )

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
        served = self._served
        try:
            target = request.raw_path
            path, _, query = target.partition("?")
            if path[:1] != "/":
                path = origin_form(path)
            if path[:3] == INSPECTOR and self._inspect is not None:
                return await self._inspect(request)
            if path[1:6].lower() in _RESERVED:
                special = await self._endpoints.answer(request, path, query, served, self._login)
                if special is not None:
                    return response_of(special)
            if not self._facade.ready:
                return response_of(not_running(self._options.app_root))
            found = served.table.match(request.method, path)
            if isinstance(found, NotFound):
                return response_of(self._nothing_there(request, path, found))
            function = found.function
            if served.keys is not None and not served.keys.current().allows(
                served.levels[function], function, presented_key(request, query)
            ):
                self.turned_away.add(request.method, path, 401, _needs_key(function))
                return response_of(unauthorized(request, _needs_key(function)))
            if 0 < served.limit <= self._running:
                return response_of(_TOO_MANY)
            body = b""
            content = request.content
            if not content.at_eof():
                if function in served.passes and not content.is_eof():
                    source = StreamedBody(request, served.max_body)
                else:
                    body = await read_body(request, served.max_body)
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
                if function in served.streams:
                    sink = self._sink(request)
                event = TriggerEvent("httpTrigger", asked, sink=sink, source=source)
                if served.slots is None:
                    answer = await self._facade.invoke(function, event)
                else:
                    async with served.slots:
                        answer = await self._facade.invoke(function, event)
            finally:
                self._running -= 1
            if sink is not None and (begun := sink.let_go()) is not None:
                return begun
            if source is not None and source.too_large is not None:
                raise source.too_large
            return response_of(answer, self._served.custom_headers)
        except BodyTooLarge as error:
            return self._too_large(request, path, error)
        except FuncJsonError as error:
            # Whoever raised it has logged it.
            if sink is not None and sink.response is not None:
                sink.break_off()
                return sink.let_go() or response_of(failed(error))
            if source is not None and source.too_large is not None:
                return self._too_large(request, path, source.too_large)
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

    def _too_large(
        self, request: web.BaseRequest, path: str, error: BodyTooLarge
    ) -> web.StreamResponse:
        (problem,) = error.problems
        why = f"{problem.what}: {problem.why}; {problem.fix}"
        self.turned_away.add(request.method, path, 413, why)
        log.warning("413 for %s %s: %s", request.method, path, why)
        response = response_of(HttpResponse(413, failed(error).headers))
        response.force_close()
        return response

    def _sink(self, request: web.BaseRequest) -> StreamedResponse:
        origin = request.headers.get("Origin")

        def finish(response: web.StreamResponse) -> None:
            if origin is not None:
                self._let_page_read(response, origin)

        return StreamedResponse(request, self._served.custom_headers, finish)

    def _nothing_there(self, request: web.BaseRequest, path: str, found: NotFound) -> HttpResponse:
        served = self._served
        app = served.app
        if path == INSPECTOR[:-1] and self._inspect is not None:
            return HttpResponse(308, (("Location", INSPECTOR),))
        if path == "/" and app is not None and request.method in ("GET", "HEAD"):
            if (app.settings.get("AzureWebJobsDisableHomepage") or "").lower() in ("true", "1"):
                return HttpResponse(204)
            who = self._login.who("; ".join(request.headers.getall("Cookie", ())))
            return http_admin.home_page(app, who.name if who else None)
        hint = found.hint
        disabled = served.disabled.match(request.method, path)
        if isinstance(disabled, RouteMatch):
            hint = f"{disabled.function} is disabled"
        elif app is not None and (problem := problem_of(app, path)) is not None:
            hint = not_loaded(problem)
        if path != "/favicon.ico":
            self.turned_away.add(request.method, path, 404, hint)
        # Every browser asks for the icon by itself.
        level = logging.DEBUG if path == "/favicon.ico" else logging.INFO
        log.log(level, "404 for %s %s: %s", request.method, path, hint)
        return HttpResponse(404, ((HINT_HEADER, header_text(hint)),))

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
            ours = policy.configured or (allowed and not self._served.table.lists("OPTIONS", path))
            if ours:
                asked = headers.get("Access-Control-Request-Headers", "")
                extra = policy.preflight(origin, wanted, asked) if allowed else ()
                if not allowed:
                    why = f"{refusal(policy, origin)}. The browser does not send its {wanted}, and no function runs"
                    self.turned_away.add("OPTIONS", path, 204, why, origin)
                return response_of(HttpResponse(204, extra))
            if not allowed and not same and not self._served.table.lists("OPTIONS", path):
                why = (
                    f"{refusal(policy, origin)}. The browser asked with OPTIONS first, so it does not send "
                    f"its {wanted}, and no function runs"
                )
                self.turned_away.add("OPTIONS", path, 404, why, origin)
                return response_of(HttpResponse(404, ((HINT_HEADER, header_text(why)),)))
        own = allowed or self._is_own(origin, same)
        if not own and path[:6].lower() == "/.auth" and request.method == "POST":
            # A page elsewhere may not sign the user in or out.
            return response_of(text_response(403, _MAY_NOT_SIGN_IN))
        if path[:6].lower() == "/admin" and not own:
            # It starts functions, which needs no answer that the page could read.
            return response_of(text_response(403, b"this origin may not call /admin\n"))
        response = await self._handle(request, of_page=True)
        if not allowed and not same:
            self.turned_away.add(request.method, path, 0, refusal(policy, origin), origin)
        if not response.prepared:
            self._let_page_read(response, origin)
        return response

    def _is_own(self, origin: str, same: bool) -> bool:
        """Whether a page came from this host."""
        return same and (
            self._trusts_origin(origin) or self._trusts_host(origin.rpartition("//")[2])
        )

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


_RESERVED = frozenset({"admin", "runti", ".auth"})
_MAY_NOT_SIGN_IN = (
    b"this origin may not sign anybody in; --cors, or CORS in local.settings.json, lets it\n"
)
_TOO_MANY = HttpResponse(429, (("X-FUNCTION-SCALEOUT", "1"),))


def _needs_key(function: str) -> str:
    return f"'{function}' needs a key, in ?code= or the header x-functions-key"


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
        log.log(level, "%s", render(problem))
