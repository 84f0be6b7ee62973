"""The inspector's side of HTTP: who may ask, files of the page, JSON, and live updates."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from funcjson.http_wire import BodyTooLarge, read_body
from funcjson.inspector import app_view, sending
from funcjson.inspector.activity import Rows, activity, hubs, service_log
from funcjson.inspector.calling import Caller
from funcjson.inspector.capsule import make_capsule
from funcjson.inspector.documents import document, event_of
from funcjson.inspector.inspected import Facts, Inspected, Refusal
from funcjson.inspector.news import News
from funcjson.inspector.what_if import what_if
from funcjson.signalr.loopback import is_loopback, is_own_host
from funcjson.trace import InvocationTrace

log = logging.getLogger("funcjson.host")

ROOT = "/_/"
API = "/_/api/"
TOKEN_HEADER = "x-funcjson-inspector"  # noqa: S105 - a header's name
_TOKEN_PLACE = "{{token}}"  # noqa: S105 - a place in the page
_MOST_BODY = 2_000_000
_TICK_S = 1.0
_HEARTBEAT_TICKS = 15
_TOGETHER_S = 0.2  # changes that come quickly are told of once
_MOST_STREAMS = 20
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PAGE_FILES = ("style.css", "steps.js", "client.js", "views.js", "panes.js", "app.js", "icon.svg")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOCAL_SOURCES = "http://localhost:* ws://localhost:* http://127.0.0.1:* ws://127.0.0.1:*"
_AZURE_SOURCES = "https://*.service.signalr.net wss://*.service.signalr.net"


def policy(client_endpoint: str) -> str:
    """The page's Content-Security-Policy: itself, and SignalR services, that at `client_endpoint` among them."""
    own = ""
    if client_endpoint:
        parts = urlsplit(client_endpoint)
        own = f" {parts.scheme}://{parts.netloc} {parts.scheme.replace('http', 'ws')}://{parts.netloc}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {_LOCAL_SOURCES} {_AZURE_SOURCES}{own}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


Access = Literal["local", "any"]
Post = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Inspector:
    """Answers everything below /_/. `close` ends the live streams, before the server stops."""

    def __init__(self, host: Inspected, access: Access = "local") -> None:
        self._host = host
        self._access = access
        self._token = secrets.token_urlsafe(24)
        self._facts = Facts()
        self._rows = Rows()
        self._caller = Caller(host)
        self._news = News(host)
        self._closing = False
        self._posts: Mapping[str, Post] = {
            "what-if": self._what_if,
            "send": lambda body: sending.send(host, body),
            "group": lambda body: sending.group(host, body),
            "call": self._caller.call,
            "connect": self._caller.connect,
        }

    async def close(self) -> None:
        """End live streams and what was opened for calls."""
        self._closing = True
        self._news.wake()
        await self._caller.close()

    # A request

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request whose path starts with /_/."""
        why = refused(request, self._access)
        if why:
            return _json({"error": why}, 403)
        path, _, query = request.raw_path.partition("?")
        try:
            if path.startswith(API):
                return await self._api(request, path.removeprefix(API), parse_qs(query))
            if request.method not in ("GET", "HEAD"):
                return _json({"error": "the page is read with GET"}, 405)
            return self._file(path.removeprefix(ROOT))
        except Refusal as error:
            return _json({"error": str(error)}, 400)
        except Exception:
            # The seam where a fault of the page must not take the host down.
            log.exception("The inspector failed: %s %s", request.method, path)
            return _json({"error": "the inspector failed; the host's log says how"}, 500)

    def _file(self, name: str) -> web.Response:
        if name in ("", "index.html"):
            text = page_file("index.html").replace(_TOKEN_PLACE, self._token)
            embedded = self._host.embedded
            services = policy(embedded.endpoint.client_endpoint if embedded else "")
            return _text(text, _TYPES["html"], {"Content-Security-Policy": services})
        if name not in _PAGE_FILES:
            return _json({"error": "the page has no such file"}, 404)
        return _text(page_file(name), _TYPES[name.rpartition(".")[2]])

    async def _api(
        self, request: web.BaseRequest, name: str, query: Mapping[str, list[str]]
    ) -> web.StreamResponse:
        if request.method == "POST":
            given = request.headers.get(TOKEN_HEADER, "")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return _json({"error": "reload the page: the host has been started anew"}, 403)
            act = self._posts.get(name)
            if act is None:
                return _json({"error": "no such action"}, 404)
            if not self._host.ready:
                return _json({"error": "the host is not running"}, 503)
            return _json(await act(await _object(request)))
        if request.method != "GET":
            return _json({"error": "use GET or POST"}, 405)
        if name == "events":
            return await self._events(request)
        if not self._host.ready:
            return _json({"error": "the host is not running"}, 503)
        kind, _, rest = name.partition("/")
        match kind:
            case "app":
                return _json(self._app())
            case "activity":
                return _json(activity(self._host, self._facts.of(self._host.version), self._rows))
            case "invocations":
                return self._invocation(*rest.partition("/")[::2])
            case "hubs":
                return _json(self._hubs())
            case "source":
                line = query.get("line", ["1"])[0]
                number = int(line) if line.isdigit() else 1
                return _json(app_view.source_lines(self._host, query.get("file", [""])[0], number))
        return _json({"error": "no such thing"}, 404)

    # What it tells

    def _app(self) -> dict[str, Any]:
        host = self._host
        version, login = host.version, host.login
        facts = self._facts.of(version)
        return {
            "name": version.settings.app_root.name,
            "url": host.url,
            "service": host.embedded.url if host.embedded else None,
            "functions": app_view.functions(host),
            "problems": [problem.as_json() for problem in version.problems],
            "personas": sorted(login.personas),
            "default": login.default.name if login.default else None,
            "hubs": list(facts.hubs),
            "listeners": [
                {"target": name, "place": place} for name, place in sorted(facts.listeners.items())
            ],
        }

    def _invocation(self, invocation_id: str, what: str) -> web.Response:
        trace = self._host.recorder.find(invocation_id)
        if trace is None:
            return _json({"error": "this invocation is no longer kept"}, 404)
        made = self._document(trace)
        if what == "":
            return _json(made)
        if what != "capsule":
            return _json({"error": "no such thing"}, 404)
        text = make_capsule(made, page_file("style.css"), page_file("steps.js"))
        name = f"{trace.function or 'request'}-{trace.id[:8]}.html"
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name if c.isascii())
        return _text(
            text, _TYPES["html"], {"Content-Disposition": f'attachment; filename="{safe}"'}
        )

    def _document(self, trace: InvocationTrace) -> dict[str, Any]:
        made = document(self._host, trace, self._facts.of(self._host.version))
        made["event"] = _editable(trace)
        return made

    def _hubs(self) -> dict[str, Any]:
        return {
            "local": self._host.embedded is not None,
            "hubs": hubs(self._host),
            "log": service_log(self._host),
        }

    async def _what_if(self, body: Mapping[str, Any]) -> dict[str, Any]:
        trace = await what_if(self._host, body)
        return self._document(trace)

    # Live updates

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Server-sent events that say what changed; the page then asks for it."""
        if len(self._news) >= _MOST_STREAMS:
            return _json({"error": "too many pages are open"}, 503)
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        changed = asyncio.Event()
        self._news.listen(changed)
        try:
            # A page that is gone is no fault.
            with contextlib.suppress(ConnectionError):
                await self._tell(response, changed)
        finally:
            self._news.hush(changed)
        return response

    async def _tell(self, response: web.StreamResponse, changed: asyncio.Event) -> None:
        last: dict[str, str] = {}
        quiet = 0
        while not self._closing:
            stamps = self._news.stamps()
            news = [name for name, stamp in stamps.items() if last.get(name) != stamp]
            last = stamps
            quiet = 0 if news else quiet + 1
            if news:
                await response.write(f"data: {json.dumps(news)}\n\n".encode())
            elif quiet % _HEARTBEAT_TICKS == 0:
                await response.write(b": still here\n\n")
            changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await changed.wait()
                if not self._closing:
                    await asyncio.sleep(_TOGETHER_S)


def refused(request: web.BaseRequest, access: Access) -> str:
    """Why a request may not see the inspector; "" when it may.

    With "local" access: another machine, a proxy, and a name of this machine that somebody else may have
    chosen (DNS rebinding). With any access: pages of other origins.
    """
    headers = request.headers
    host = headers.get("Host", "")
    if access == "local":
        if not is_loopback(request.remote or ""):
            return "the inspector answers this machine only; --inspector any lets others in"
        if "Forwarded" in headers or "X-Forwarded-For" in headers:
            return "the inspector does not answer through a proxy; --inspector any lets it"
        if not is_own_host(host):
            return "open the inspector as localhost"
    origin = headers.get("Origin")
    if origin is not None and origin.rpartition("//")[2].lower() != host.lower():
        return "pages of other origins may not use the inspector"
    site = headers.get("Sec-Fetch-Site", "none")
    opens_page = headers.get("Sec-Fetch-Mode") == "navigate" and request.method == "GET"
    if site not in ("none", "same-origin") and not opens_page:
        return "pages of other origins may not use the inspector"
    return ""


def page_file(name: str) -> str:
    """One file of the page."""
    return (files("funcjson.inspector") / "page" / name).read_text(encoding="utf-8")


def _editable(trace: InvocationTrace) -> str | None:
    """How a what-if starts: "http", "event" for other triggers with a payload, None for none."""
    event = event_of(trace)
    if event is None:
        return None
    if event.request is not None:
        return "http"
    return "event" if event.payload is not None else None


async def _object(request: web.BaseRequest) -> Mapping[str, Any]:
    try:
        content = await read_body(request, _MOST_BODY)
    except BodyTooLarge as error:
        raise Refusal("this is too long") from error
    try:
        value = json.loads(content or b"{}")
    except ValueError as error:
        raise Refusal("the body must be JSON") from error
    if not isinstance(value, dict):
        raise Refusal("the body must be a JSON object")
    return value


def _json(value: Any, status: int = 200) -> web.Response:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return web.Response(text=text, status=status, headers=_HEADERS, content_type="application/json")


def _text(text: str, kind: str, more: Mapping[str, str] | None = None) -> web.Response:
    headers = {**_HEADERS, "Content-Type": kind, **(more or {})}
    return web.Response(body=text.encode(), headers=headers)
