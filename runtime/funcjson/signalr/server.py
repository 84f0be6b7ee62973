"""The service as a server: clients and REST on one port, timers, start and stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from funcjson.signalr.backplane.base import Backplane
from funcjson.signalr.certificate import load_certificate
from funcjson.signalr.client_access import read_request
from funcjson.signalr.client_endpoint import ClientEndpoint
from funcjson.signalr.cors import cors_headers, preflight_headers
from funcjson.signalr.elsewhere import Elsewhere
from funcjson.signalr.events import ClientEvents
from funcjson.signalr.http_log import http_log
from funcjson.signalr.inspection import Inspection
from funcjson.signalr.limits import Excess, Quotas
from funcjson.signalr.live_trace import LiveTrace
from funcjson.signalr.long_heads import LongHeadServer
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.quota_exchange import QuotaExchange
from funcjson.signalr.request_body import read_body
from funcjson.signalr.rest_api import RestApi
from funcjson.signalr.rest_message import RestRequest, RestResponse
from funcjson.signalr.rest_problem import invalid
from funcjson.signalr.service import SignalRService
from funcjson.signalr.token_check import TokenReader, TokenRefused, audience_rule

log = logging.getLogger("funcjson.signalr.server")
_http_log = http_log("funcjson.signalr.http")

TICK_S = 1.0
SOCKETS_CLOSE_S = 1.0  # how long the end of the service waits for clients that do not agree to it
# What other kinds of the service have and a serverless one has not.
_ABSENT: Mapping[str, tuple[int, str]] = {
    "/server": (
        501,
        "This is a service in serverless mode: app servers (and the Management SDK's transport "
        "'Persistent') cannot connect to it. Use the transport 'Transient'.",
    ),
    "/aspnetclient": (404, "ASP.NET SignalR is not served, only ASP.NET Core SignalR."),
    "/aspnetserver": (404, "ASP.NET SignalR is not served, only ASP.NET Core SignalR."),
}


class SignalRServer:
    """A local SignalR service. `start`, then clients and REST calls are served until `stop`."""

    def __init__(
        self,
        options: ServiceOptions | None = None,
        *,
        events: ClientEvents | None = None,
        backplane: Backplane | None = None,
    ) -> None:
        self.options = options or ServiceOptions()
        self.trace = LiveTrace(self.options.wall)
        self.service = SignalRService(
            self.options, events=events, observer=self.trace, backplane=backplane
        )
        quotas = Quotas(self.options.tier, self.options.wall, self.service.backplane.name)
        self._counts = QuotaExchange(
            quotas, self.service.sessions, self.service.ask_others, self.service.backplane.name
        )
        self._rest = RestApi(self.service, quotas)
        elsewhere = Elsewhere(
            self.service.sessions,
            self.service.ask_others,
            lambda: self.service.backplane.is_alone,
            self.service.absence.arriving,
        )
        self._clients = ClientEndpoint(
            self.service.sessions,
            TokenReader(self.options.keys),
            audience_rule(
                self.options.audience,
                f"{self._scheme}://{self.options.host}",
                self.options.client_endpoint,
            ),
            self._counts,
            elsewhere,
        )
        self.service.node.more["claim"] = elsewhere.give
        self.service.node.more["client"] = self._clients.answer_forwarded
        self.service.node.more["count"] = self._counts.answer
        self._inspection = Inspection(self.service.whole_state, self.trace, self._signed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.ServerRunner | None = None
        self._port = self.options.port

    # Life

    async def start(self) -> None:
        """Listen. Raises OSError when the port cannot be had, OptionsError for bad certificates."""
        context = self._ssl_context()
        server = LongHeadServer(
            self._handle,
            self._refuse_head,
            limits=self.options.limits,
            access_log=None,
            logger=_http_log,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await self._listen(self._runner, context)
            await self.service.start()
        except BaseException:
            await self._runner.cleanup()
            self._runner = None
            raise
        self._spawn(self._keep_time())
        if self._counts.quotas.is_limited:
            self._spawn(self._keep_counting())

    async def _listen(self, runner: web.ServerRunner, context: ssl.SSLContext | None) -> None:
        host, port = self.options.host, self.options.port
        first = "127.0.0.1" if host == "localhost" else host
        await web.TCPSite(runner, first, port, ssl_context=context, backlog=4096).start()
        self._port = int(runner.addresses[0][1])
        if host != "localhost":
            return
        # Clients may look for localhost at ::1 first, and some then never at 127.0.0.1.
        try:
            await web.TCPSite(runner, "::1", self._port, ssl_context=context, backlog=4096).start()
        except OSError as error:
            if port and error.errno == errno.EADDRINUSE:
                raise  # another program would get some of the requests

    async def stop(self) -> None:
        """Tell every client, let upstream hear of the ends, stop listening; idempotent."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in tuple(runner.sites):
            await site.stop()
        self._clients.refuse_new()
        self._inspection.stop()
        await self.service.stop()
        await self._clients.close_sockets(SOCKETS_CLOSE_S)
        await runner.cleanup()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    async def _keep_counting(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self._counts.learn()

    def tick(self) -> None:
        """Look at every timer. The server does it once a second by itself."""
        self.service.sessions.tick()
        self._clients.tick()

    def _ssl_context(self) -> ssl.SSLContext | None:
        if not self.options.certfile:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        load_certificate(context, self.options.certfile, self.options.keyfile)
        return context

    # Where it is

    @property
    def _scheme(self) -> str:
        return "https" if self.options.certfile else "http"

    @property
    def port(self) -> int:
        """The port in use once started."""
        return self._port

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        host = self.options.host
        if host in ("127.0.0.1", "0.0.0.0", "::", "::1"):  # noqa: S104 - compared, not bound
            host = "localhost"
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def connection_string(self) -> str:
        """What functions put into their settings. It holds the key."""
        client = self.options.client_endpoint
        extra = f"ClientEndpoint={client};" if client else ""
        return f"Endpoint={self.url};AccessKey={self.options.keys[0]};Version=1.0;{extra}"

    def _signed(self, token: str) -> bool:
        """Whether a token is signed with one of the keys; nothing else of it is looked at."""
        try:
            TokenReader(self.options.keys).read(token)
        except TokenRefused:
            return False
        return True

    def state(self) -> dict[str, Any]:
        """Hubs with their connections, users and groups, of this node."""
        return self.service.state()

    # Requests

    async def handle_rest(self, request: RestRequest) -> RestResponse:
        """A REST request that came without a socket; answered as over HTTP."""
        return await self._rest.handle(request)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0].lower()
        allowed = self.options.cors_origins
        origin = request.headers.get("Origin")
        if request.method == "OPTIONS":
            lowered = {name.lower(): value for name, value in request.headers.items()}
            if path.startswith("/client"):
                # The browser ends here, and tells its page nothing.
                self._clients.refused_page(read_request("OPTIONS", request.raw_path, lowered), {})
            return web.Response(status=204, headers=preflight_headers(origin, lowered, allowed))
        headers = cors_headers(origin, allowed)
        try:
            return await self._route(request, path, headers)
        except ConnectionError:
            raise  # the client has gone
        except web.RequestPayloadError:
            return _unreadable(request, headers)
        except Exception:
            # The seam where one request must not take the service down.
            said = request.raw_path.partition("?")[0]
            log.exception("a request failed inside the service: %s %s", request.method, said)
            return web.Response(status=500, headers=headers)

    async def _route(
        self, request: web.BaseRequest, path: str, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        first = f"/{path.split('/')[1]}" if path.startswith("/") else ""
        if first == "/client":
            return await self._clients.handle(request, headers)
        if first == "/api":
            return await self._answer_rest(request, headers)
        if first == "/_lss":
            return await self._inspection.handle(request)
        if first in _ABSENT:
            status, text = _ABSENT[first]
            return web.Response(status=status, text=text, headers=headers)
        if path == "/":
            return web.Response(text="The local SignalR service is running.\n", headers=headers)
        return web.Response(status=404, text=_elsewhere_fix(path), headers=headers)

    async def _answer_rest(
        self, request: web.BaseRequest, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        lowered = {name.lower(): value for name, value in request.headers.items()}
        body = await read_body(request, self.options.max_post_bytes if self.options.limits else 0)
        answer = await self._rest.handle(RestRequest(request.method, path, query, lowered, body))
        return _http(answer, headers)

    def _refuse_head(self, excess: Excess) -> web.Response:
        """The answer to a request of which nothing but the length is known."""
        return _http(self._rest.refuse_unread(excess), {})


def _elsewhere_fix(path: str) -> str:
    if path.rstrip("/").endswith("/negotiate"):
        return (
            "This is the SignalR service. Give the client the URL of the functions (withUrl, such as "
            "http://localhost:7071/api): their negotiate sends it here.\n"
        )
    return "This is the SignalR service: it has /client, /api (see /api/openapi.json) and /_lss/state.\n"


def _http(answer: RestResponse, headers: Mapping[str, str]) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body)
    response.headers.clear()
    response.headers.update({**answer.headers, **headers})
    return response


def _unreadable(request: web.BaseRequest, headers: Mapping[str, str]) -> web.Response:
    """400: the body is not what Content-Encoding or Transfer-Encoding says."""
    fault = invalid(
        "The body cannot be read: it is not encoded as its headers say.",
        "leave Content-Encoding out, or send a body of that encoding",
        "Content-Encoding",
    )
    request.content.feed_eof()  # else aiohttp looks for the rest of it, and logs a traceback
    response = _http(fault.response(), headers)
    response.force_close()
    return response


@asynccontextmanager
async def serve(
    options: ServiceOptions | None = None, *, events: ClientEvents | None = None
) -> AsyncIterator[SignalRServer]:
    """A running service for the length of a `with` block, as tests want it."""
    server = SignalRServer(options, events=events)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
