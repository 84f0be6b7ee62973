"""Sessions whose transports only remember, and whose upstream answers what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from funcjson.signalr.events import ClientInfo, Rejection
from funcjson.signalr.frames import Batch
from funcjson.signalr.messages import Completion, Invocation, StreamInvocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.session import Caller, Grants, Session
from funcjson.signalr.sessions import Sessions

GRANTS = Grants(frozenset({"WebSockets"}), 15.0, 5.0)


class FakeSink:
    def __init__(self, name: str = "WebSockets") -> None:
        self.transport_name = name
        self.said: list[dict[str, Any]] = []
        self.writes = 0
        self.events: list[str] = []
        self.unsent = self.taken = 0
        self.grace_s = 0.1
        self.stale = False

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        self.writes += 1
        self.said += [json.loads(record[:-1]) for record in batch.records(protocol.name)]
        return self.unsent

    def close(self) -> None:
        self.events.append("close")

    def is_stale(self, now: float) -> bool:
        return self.stale

    def hold(self, is_held: bool) -> None:
        self.events.append("hold" if is_held else "go on")


class FakeUpstream:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.rejection: Rejection | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def connected(self, client: ClientInfo) -> Rejection | None:
        self.heard.append("connected")
        await self.gate.wait()
        return self.rejection

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        self.heard.append(("disconnected", error))

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        self.heard.append(message.target)
        await self.gate.wait()
        if message.target == "breaks":
            raise RuntimeError("broken")
        if message.target == "framed":
            return b'{"type":3,"invocationId":"1","result":"framed"}\x1e'
        return None


class Observer:
    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        self.events.append((event, fields))


class World:
    def __init__(self, **options: Any) -> None:
        self.now = 1000.0
        self.upstream = FakeUpstream()
        self.observer = Observer()
        clock = {"monotonic": lambda: self.now, "wall": lambda: self.now}
        self.sessions = Sessions(ServiceOptions(**clock, **options), self.upstream, self.observer)

    def connect(
        self, *, grants: Grants = GRANTS, stateful: bool = False, over: str = "WebSockets"
    ) -> tuple[Session, FakeSink]:
        caller = Caller("chat", "ann", {}, "?hub=chat", grants, "::1")
        session = self.sessions.begin(caller, stateful=stateful)
        sink = FakeSink(over)
        self.sessions.attach(session, sink, binary=True, pings=True)
        self.sessions.received(session, b'{"protocol":"json","version":1}\x1e')
        assert sink.said == [{}]
        sink.said.clear()
        return session, sink

    def says(self, session: Session, **body: Any) -> None:
        self.sessions.received(session, json.dumps(body).encode() + b"\x1e")

    def calls(self, session: Session, target: str, call: str | None = "1", kind: int = 1) -> None:
        body: dict[str, Any] = {"type": kind, "target": target, "arguments": []}
        self.says(session, **body, **({} if call is None else {"invocationId": call}))

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.sessions.tick()


async def settled() -> None:
    """Everything that can happen without outside help has happened."""
    for _ in range(20):
        await asyncio.sleep(0)
