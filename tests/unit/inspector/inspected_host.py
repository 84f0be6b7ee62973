"""A host that nobody started: an app on disk, its plans, a service that does not listen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson.app_version import AppVersion, Loader
from funcjson.cors import CorsPolicy
from funcjson.errors import FuncJsonError
from funcjson.identity import Persona
from funcjson.local_service import EmbeddedService, Need
from funcjson.login import LoginTwin
from funcjson.model import Call, CallResult, HttpRequest, TriggerEvent
from funcjson.pipeline import run
from funcjson.services import HostServices
from funcjson.signalr.rest_client import HttpTransport
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import ServiceOptions
from funcjson.trace import InvocationTrace, Recorder, Step
from funcjson.turned_away import TurnedAwayList

KEY = "K" * 44
TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
ANSWER = {"type": "http", "direction": "out", "name": "res"}
SEND = {"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"}
INFO = {
    "type": "signalRConnectionInfo",
    "direction": "in",
    "name": "info",
    "hubName": "chat",
    "userId": "{headers.x-ms-client-principal-id}",
}
PING = {
    "type": "signalRTrigger",
    "direction": "in",
    "name": "event",
    "hubName": "chat",
    "category": "messages",
    "event": "ping",
}
FUNCTIONS: dict[str, list[dict[str, Any]]] = {
    "negotiate": [TRIGGER, ANSWER, INFO],
    "send": [TRIGGER, ANSWER, SEND],
    "ping": [PING],
}


def write_app(root: Path) -> Path:
    (root / "host.json").write_text('{"version": "2.0"}')
    values = {
        "FUNCTIONS_WORKER_RUNTIME": "node",
        "AzureSignalRConnectionString": "",
        "ApiKey": "very-secret-value-1",
    }
    (root / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    (root / "page.html").write_text('signalR\nconnection.on("newMessage", show)\n')
    for name, bindings in FUNCTIONS.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(json.dumps({"bindings": bindings}, indent=1))
        (root / name / "index.js").write_text("module.exports = async () => {};\n")
    return root


@dataclass
class InspectedHost:
    version: AppVersion
    embedded: EmbeddedService | None
    recorder: Recorder = field(default_factory=Recorder)
    turned_away: TurnedAwayList = field(default_factory=lambda: TurnedAwayList(clock=lambda: 2.0))
    cors: CorsPolicy = field(default_factory=CorsPolicy)
    ready: bool = True
    url: str = "http://localhost:7071"

    def __post_init__(self) -> None:
        personas = {"alice": Persona("a-1", "alice")}
        self.login = LoginTwin(personas, b"k" * 32, lambda: 0.0)

    @property
    def access_keys(self) -> tuple[str, ...]:
        return (KEY,)

    @property
    def server(self) -> SignalRServer:
        assert self.embedded is not None
        return self.embedded.server

    async def invoke(
        self, function: str, event: TriggerEvent, result: CallResult | None = None
    ) -> InvocationTrace:
        """Run an invocation whose handler gives `result`, as the invoker does."""
        plan = self.version.plan(function)
        assert plan is not None and self.version.services is not None
        trace = self.recorder.begin(f"id-{len(self.recorder)}", function)
        trace.add(Step.ARRIVED, {"event": event})
        chosen = {"function": function, "plan": plan, "settings": self.version.settings}
        trace.add(Step.CHOSEN, chosen)

        async def handler(_call: Call) -> CallResult:
            return result or CallResult({})

        try:
            await run(plan, event, self.version.services, handler, trace)
        except FuncJsonError as error:
            trace.problems = error.problems
            self.recorder.end(trace, "failed")
        else:
            self.recorder.end(trace, "succeeded")
        return trace


def http(path: str, *headers: tuple[str, str], body: bytes = b"", method: str = "POST") -> Any:
    """An HTTP trigger's event."""
    path, _, query = path.partition("?")
    url = f"http://localhost:7071{path}" + (f"?{query}" if query else "")
    sent = (("Host", "localhost:7071"), *headers)
    return TriggerEvent("httpTrigger", HttpRequest(method, url, sent, query, {}, body))


def message(target: str, **more: Any) -> CallResult:
    value = {"target": target, "arguments": ["hello"], **more}
    return CallResult({"messages": {"json": json.dumps(value)}})


@asynccontextmanager
async def inspected(root: Path, *, local: bool = True) -> AsyncIterator[InspectedHost]:
    version = await Loader(write_app(root), {}).load()
    embedded = None
    if local:
        server = SignalRServer(ServiceOptions(port=8888, keys=(KEY,)))
        embedded = EmbeddedService(server, Need(default=True), KEY)
    transport = HttpTransport()
    version.services = HostServices(version.settings, embedded, transport)
    try:
        yield InspectedHost(version, embedded)
    finally:
        await transport.close()
