"""Invocations traced without a host: a plan from bindings, a request, a handler's result, services that answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from funcjson.errors import FuncJsonError, Location
from funcjson.model import (
    Binding,
    Call,
    CallResult,
    Direction,
    Function,
    HttpRequest,
    Language,
    TriggerEvent,
)
from funcjson.pipeline import run
from funcjson.plan import Plan, make_plan
from funcjson.registry import open_registry
from funcjson.settings import Settings, load_settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import RestClient, RestResponse, Retry
from funcjson.trace import InvocationTrace, Step

KEY = "S3cretS3cretS3cretS3cretS3cretS3cretS3cret="
SETTING = "AzureSignalRConnectionString"
ENDPOINT = ServiceEndpoint("http://localhost:8888", KEY)
NOW = 1_700_000_000.0
ANSWER = {"name": "res", "type": "http", "direction": "out"}


def locate(pointer: str) -> Location:
    return Location("f/function.json", 7, 3, pointer)


def signalr(name: str = "messages", hub: str = "chat") -> dict[str, Any]:
    return {"name": name, "type": "signalR", "direction": "out", "hubName": hub}


def negotiate(user: str | None = "{headers.x-user}", **more: Any) -> dict[str, Any]:
    given = {} if user is None else {"userId": user}
    return {
        "name": "info",
        "type": "signalRConnectionInfo",
        "direction": "in",
        "hubName": "Chat",
        **given,
        **more,
    }


def settings(**values: str) -> Settings:
    return load_settings(
        Path("/nonexistent"),
        {SETTING: f"Endpoint=http://localhost:8888;AccessKey={KEY};", **values},
    )


def plan_of(
    *bindings: Mapping[str, Any], trigger: Mapping[str, Any] | None = None, azure: bool = False
) -> Plan:
    first = trigger or {"name": "req", "type": "httpTrigger", "direction": "in"}
    own = [
        Binding(b["name"], b["type"], Direction(b["direction"]), dict(b), f"/bindings/{number}")
        for number, b in enumerate((first, *bindings))
    ]
    function = Function("f", Path(), tuple(own), Language.NODE, "f/index.js", locate=locate)
    return make_plan(function, open_registry([]), settings(), azure=azure)


def http(
    *headers: tuple[str, str],
    query: str = "",
    body: bytes = b"",
    route: Mapping[str, str | None] | None = None,
) -> TriggerEvent:
    url = f"http://h/api/f{'?' if query else ''}{query}"
    return TriggerEvent("httpTrigger", HttpRequest("POST", url, headers, query, route or {}, body))


def as_json(value: Any) -> dict[str, Any]:
    return {"json": json.dumps(value)}


class Wire:
    """A service whose answers are by the end of the path: status, and how many got a message."""

    def __init__(self, answers: Mapping[str, RestResponse] | None = None) -> None:
        self.settings = settings()
        self._answers = answers or {}

    def endpoints(self, _setting: str, _where: Location) -> tuple[ServiceEndpoint, ...]:
        return (ENDPOINT,)

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        return RestClient(endpoint, self, retry=Retry(max_retries=0))

    def now(self) -> float:
        return NOW

    async def request(self, _method: str, url: str, _headers: Any, _body: bytes) -> RestResponse:
        found = next((answer for part, answer in self._answers.items() if part in url), None)
        return found or RestResponse(202, {"x-funcjson-delivered": "2"})


async def traced(
    plan: Plan,
    event: TriggerEvent,
    result: CallResult | FuncJsonError | None = None,
    answers: Mapping[str, RestResponse] | None = None,
) -> InvocationTrace:
    """The trace of an invocation, as the invoker records it."""
    trace = InvocationTrace("id", "f", NOW)
    trace.add(Step.ARRIVED, {"event": event})
    trace.add(Step.CHOSEN, {"function": "f", "plan": plan, "settings": settings()})

    async def handler(_call: Call) -> CallResult:
        if isinstance(result, FuncJsonError):
            raise result
        return result or CallResult({})

    try:
        await run(plan, event, Wire(answers), handler, trace)
    except FuncJsonError as error:
        trace.problems = error.problems
        trace.end("failed")
    else:
        trace.end("succeeded")
    return trace
