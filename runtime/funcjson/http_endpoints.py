"""URLs that the host keeps for itself: /admin, /runtime/webhooks and /.auth."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from funcjson import http_admin
from funcjson.app_offline import offline_page
from funcjson.errors import FuncJsonError, not_loaded
from funcjson.fired_events import fired_event
from funcjson.http_absent import problem_of
from funcjson.http_admin import LoadedApp
from funcjson.http_options import HostFacade
from funcjson.http_served import Served
from funcjson.http_wire import header_text, presented_key, read_body, text_response
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest, HttpResponse, TriggerEvent

log = logging.getLogger("funcjson.host")

_NOT_RUNNING = text_response(503, b"Function host is not running.")


class HostEndpoints:
    """Answers for the host of the app in `root`; `url` gives its own address. `stop` ends what was fired."""

    def __init__(self, facade: HostFacade, root: Path, url: Callable[[], str]) -> None:
        self._facade = facade
        self._root = root
        self._url = url
        self._tasks: set[asyncio.Task[None]] = set()
        self._instance_id = uuid.uuid4().hex
        self._started_at = time.monotonic()

    async def stop(self) -> None:
        """End the functions that were started here; idempotent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def answer(
        self, request: web.BaseRequest, path: str, query: str, served: Served, login: LoginTwin
    ) -> HttpResponse | None:
        """/admin, /runtime/webhooks and /.auth; None for a URL that functions may have."""
        first, _, rest = path.strip("/").partition("/")
        match first.lower():
            case ".auth":
                return login.answer(await _plain_request(request, query, served.max_body))
            case "admin":
                return await self._admin(request, rest.lower(), query, served)
            case "runtime" if rest.lower().startswith("webhooks/"):
                return await self._webhook(request, rest.split("/")[1], query, served)
        return None

    async def _webhook(
        self, request: web.BaseRequest, name: str, query: str, served: Served
    ) -> HttpResponse | None:
        if not self._facade.ready:
            return not_running(self._root)
        keys = served.keys
        if keys is not None and not keys.current().opens_webhook(
            name, presented_key(request, query)
        ):
            return unauthorized(
                request, f"this URL needs the system key {name}_extension, in ?code="
            )
        answer = await self._facade.webhook(
            name, await _plain_request(request, query, served.max_body)
        )
        return answer if answer is not None else HttpResponse(404)

    async def _admin(
        self, request: web.BaseRequest, rest: str, query: str, served: Served
    ) -> HttpResponse:
        parts = [part for part in rest.split("/") if part]
        app, keys = served.app if self._facade.ready else None, served.keys
        if parts == ["host", "ping"]:
            return HttpResponse(200) if app is not None else not_running(self._root)
        if keys is not None and not keys.current().opens_admin(presented_key(request, query)):
            return unauthorized(
                request, "/admin needs the master key, in the header x-functions-key"
            )
        match request.method, parts:
            case "GET" | "HEAD", ["host", "status"]:
                is_offline = offline_page(self._root) is not None
                return http_admin.host_status(
                    app, self._instance_id, time.monotonic() - self._started_at, is_offline
                )
            case _, ["functions", *_] if app is None:
                return not_running(self._root)
            case "GET" | "HEAD", ["functions"]:
                assert app is not None
                return http_admin.function_list(app, self._url())
            case "GET" | "HEAD", ["functions", name]:
                assert app is not None
                return http_admin.one_function(app, name, self._url())
            case "GET" | "HEAD", ["functions", name, "status"]:
                assert app is not None
                return http_admin.function_status(app, name)
            case "POST", ["functions", name]:
                assert app is not None
                return await self._start_function(request, app, name, served.max_body)
        return HttpResponse(404)

    async def _start_function(
        self, request: web.BaseRequest, app: LoadedApp, name: str, limit: int
    ) -> HttpResponse:
        """Fire and forget: 202, also when the function fails later."""
        plan = app.plans.get(name)
        if plan is None:
            problem = problem_of(app, f"/{name}")
            hint = not_loaded(problem) if problem else f"the app has no function '{name}'"
            return HttpResponse(404, (("x-funcjson-hint", header_text(hint)),))
        text = http_admin.input_text(await read_body(request, limit))
        if text is None:
            path = request.raw_path.partition("?")[0]
            log.info("400 for %s %s: %s", request.method, path, http_admin.NO_INPUT)
            return HttpResponse(400, (("x-funcjson-hint", http_admin.NO_INPUT),))
        function = plan.function
        event = fired_event(function, text, self._url())
        start: Callable[[str, TriggerEvent], Awaitable[Any]] = (
            self._facade.fire if event.request is None else self._facade.invoke
        )
        run = start(function.name, event)
        task = asyncio.create_task(_to_its_end(run), name=f"admin {function.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return HttpResponse(202)


def unauthorized(request: web.BaseRequest, hint: str) -> HttpResponse:
    """The answer to who has no key, and a line in the log; both say what is missing."""
    hint = f"{hint}; `funcjson keys list` prints the keys"
    path = request.raw_path.partition("?")[0]
    log.info("401 for %s %s: %s", request.method, path, hint)
    return HttpResponse(401, (("x-funcjson-hint", header_text(hint)),))


def not_running(root: Path) -> HttpResponse:
    """The answer while no function can run: the page of an app that is offline, else a text."""
    page = offline_page(root)
    if page is None:
        return _NOT_RUNNING
    return HttpResponse(503, (("Content-Type", "text/html"),), page)


async def _plain_request(request: web.BaseRequest, query: str, limit: int) -> HttpRequest:
    return HttpRequest(
        request.method,
        f"http://{request.headers.get('Host', '')}{request.raw_path}",
        tuple(request.headers.items()),
        query,
        {},
        await read_body(request, limit),
    )


async def _to_its_end(run: Awaitable[Any]) -> None:
    try:
        await run
    except FuncJsonError:
        log.debug("a function started through /admin failed; the invocation is in the log")
    except Exception:
        # The seam: nobody awaits this task, and the host goes on.
        log.exception("A function started through /admin failed inside the host")
