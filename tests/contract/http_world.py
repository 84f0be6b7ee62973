"""A host without an app: a facade that answers by hand, behind a real HttpServer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from funcjson.bindings.http_trigger import BINDING as HTTP
from funcjson.errors import FuncJsonError, HandlerError, Problem
from funcjson.http_options import HttpServerOptions
from funcjson.http_server import HttpServer
from funcjson.model import (
    Binding,
    Direction,
    Function,
    HttpRequest,
    HttpResponse,
    Language,
    LeftOut,
    TriggerEvent,
)
from funcjson.plan import Plan
from funcjson.settings import Settings, load_settings


def plan(name: str, kind: str = "httpTrigger", **properties: Any) -> Plan:
    disabled = bool(properties.pop("disabled", False))
    trigger = Binding("req", kind, Direction.IN, properties, "/bindings/0")
    function = Function(name, Path(), (trigger,), Language.PYTHON, disabled=disabled)
    return Plan(function, HTTP, (), ())


@dataclass
class App:
    plans: dict[str, Plan]
    settings: Settings
    broken: dict[str, FuncJsonError] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    streams: frozenset[str] = frozenset()
    left_out: tuple[LeftOut, ...] = ()


OK = HttpResponse(200, (("Content-Type", "text/plain; charset=utf-8"),), b"ok")


@dataclass
class Facade:
    """Answers with what a test puts into `answer`, and keeps all requests."""

    ready: bool = True
    answer: HttpResponse = OK
    error: Exception | None = None
    requests: list[tuple[str, HttpRequest]] = field(default_factory=list)
    fired: list[tuple[str, TriggerEvent]] = field(default_factory=list)
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    @property
    def last(self) -> HttpRequest:
        return self.requests[-1][1]

    def headers(self) -> dict[str, str]:
        return {name.lower(): text for name, text in self.last.headers}

    async def invoke(self, function: str, event: TriggerEvent) -> HttpResponse:
        assert event.request is not None
        self.requests.append((function, event.request))
        self.happened.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.answer

    async def fire(self, function: str, event: TriggerEvent) -> None:
        self.fired.append((function, event))
        self.happened.set()
        if self.error is not None:
            raise self.error

    async def webhook(self, name: str, request: HttpRequest) -> HttpResponse | None:
        self.requests.append((name, request))
        return HttpResponse(202) if name == "signalr" else None


def handler_error() -> HandlerError:
    return HandlerError(Problem("FJ0501", "boom"))


@dataclass
class World:
    server: HttpServer
    facade: Facade
    client: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **options: Any) -> tuple[Any, bytes]:
        async with self.client.request(method, path, allow_redirects=False, **options) as answer:
            return answer, await answer.read()


@asynccontextmanager
async def world(
    *plans: Plan,
    root: Path = Path("/nonexistent"),
    environ: dict[str, str] | None = None,
    host_json: str | None = None,
    **options: Any,
) -> AsyncIterator[World]:
    """A server with these functions, on a free port."""
    if host_json is not None:
        (root / "host.json").write_text(host_json, "utf-8")
    loaded = App(
        {one.function.name.lower(): one for one in plans or (plan("f"),)},
        load_settings(root, environ or {}),
    )
    facade = Facade()
    server = HttpServer(facade, HttpServerOptions(port=0, app_root=root, **options))
    server.use_routes(loaded)
    port = await server.start()
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar) as client:
            yield World(server, facade, client)
    finally:
        await server.stop()
