"""One version of an app as the HTTP side needs it: routes, keys and limits, replaced as a whole by a reload."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from funcjson.bindings.http_trigger import entry_of
from funcjson.http_admin import LoadedApp
from funcjson.http_options import MAX_BODY, HttpServerOptions
from funcjson.http_route_table import build_table
from funcjson.http_routes import RouteTable
from funcjson.keys import KeyFile
from funcjson.settings import Settings

DEFAULT_LEVEL = "function"  # the host's own, when a trigger names none


@dataclass(frozen=True, slots=True)
class Served:
    """What is served. `app` None: nothing yet.

    `disabled` has the routes of functions that are off; `levels` the authLevel by function. `keys` None lets everybody in.
    `limit` is how many requests may be under way (-1: any number), `slots` how many functions run at once. Functions in
    `streams` answer in pieces; those in `passes` also get a body that is still arriving.
    """

    app: LoadedApp | None = None
    table: RouteTable = field(default_factory=RouteTable)
    disabled: RouteTable = field(default_factory=RouteTable)
    levels: Mapping[str, str] = field(default_factory=dict)
    keys: KeyFile | None = None
    custom_headers: tuple[tuple[str, str], ...] = ()
    limit: int = -1
    slots: asyncio.Semaphore | None = None
    streams: frozenset[str] = frozenset()
    passes: frozenset[str] = frozenset()
    max_body: int = MAX_BODY


def served_of(app: LoadedApp, options: HttpServerOptions, keys: KeyFile | None = None) -> Served:
    """A version ready to be served. `keys` are those of the version before."""
    host = app.settings.host
    functions = [plan.function for plan in app.plans.values()]
    http = [f for f in functions if f.trigger.type.lower() == "httptrigger"]
    prefix = host.route_prefix
    table, _ = build_table((entry_of(f) for f in http if not f.disabled), prefix)
    disabled, _ = build_table((entry_of(f) for f in http if f.disabled), prefix)
    most = host.max_concurrent_requests
    return Served(
        app,
        table,
        disabled,
        {f.name: str(f.trigger.properties.get("authLevel") or DEFAULT_LEVEL) for f in http},
        _keys(options, [f.name for f in functions], keys),
        tuple(host.custom_headers.items()),
        host.max_outstanding_requests,
        asyncio.Semaphore(most) if most > 0 else None,
        app.streams,
        _passing(app),
        _size_limit(app.settings) or options.max_body,
    )


def _keys(options: HttpServerOptions, names: list[str], before: KeyFile | None) -> KeyFile | None:
    if not options.auth:
        return None
    return KeyFile(options.app_root, names) if before is None else before.serve(names)


def _passing(app: LoadedApp) -> frozenset[str]:
    """A body that expressions read, or that a retry sends again, is needed whole."""
    return frozenset(
        plan.function.name
        for plan in app.plans.values()
        if plan.function.name in app.streams and plan.function.retry is None and not plan.reads_body
    )


def _size_limit(settings: Settings) -> int | None:
    text = settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or ""
    return int(text) if text.isdecimal() else None
