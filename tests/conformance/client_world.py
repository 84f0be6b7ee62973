"""A running service, clients on real sockets, and the steps of a vector that drive them.

The service's clock is the test's: time passes only by the step `advance`. See `test_signalr_clients.py` for
what each step means.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import jwt
from tests.conformance.client_sockets import (
    TIMEOUT_S,
    Answer,
    EventStream,
    Http,
    Poller,
    RawSocket,
    Wire,
    header_map,
)

from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token
from funcjson.signalr.events import ClientInfo, Rejection
from funcjson.signalr.messages import Completion, Invocation, StreamInvocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol, record_of
from funcjson.signalr.server import SignalRServer

KEY, OTHER_KEY = "k" * 44, "x" * 44
RS = b"\x1e"
# A message that is sent to everybody to see that nothing else was sent before it.
MARK = "the mark"


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeUpstream:
    """Hears of everything that clients do; `answers` says what a target returns."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.answers: Mapping[str, Any] = given.get("answers", {})
        self.rejects: str | None = given.get("rejects")
        self.heard: list[list[Any]] = []
        self._more = asyncio.Condition()

    async def _hear(self, what: list[Any]) -> None:
        async with self._more:
            self.heard.append(what)
            self._more.notify_all()

    async def next(self, count: int) -> list[list[Any]]:
        """The next events, as soon as there are so many."""
        async with asyncio.timeout(TIMEOUT_S), self._more:
            await self._more.wait_for(lambda: len(self.heard) >= count)
            found, self.heard = self.heard[:count], self.heard[count:]
        return found

    async def connected(self, client: ClientInfo) -> Rejection | None:
        await self._hear(["connected", client.id, client.hub, client.user_id, client.query])
        return Rejection(self.rejects) if self.rejects is not None else None

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        await self._hear(["disconnected", client.id, error])

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        protocol = PROTOCOLS[client.protocol]
        record = record_of(protocol, message)
        shown = record.hex() if protocol.is_binary else record.decode()
        await self._hear(["message", client.id, message.target, list(message.arguments), shown])
        answer = self.answers.get(message.target)
        call = message.invocation_id
        if answer == "hang":
            await asyncio.Event().wait()
        if answer == "fail":
            raise RuntimeError("the upstream is broken")
        if call is None or answer is None:
            return None
        if "error" in answer:
            return Completion(call, error=answer["error"])
        return Completion(call, answer["result"], has_result=True)


class Client:
    """A connection and what is known of it."""

    def __init__(self) -> None:
        self.id = ""
        self.token = ""  # what attaches a transport
        self.wire: Wire | None = None
        self.protocol: HubProtocol = PROTOCOLS["json"]
        self.credentials: dict[str, str] = {}
        self.target = ""
        self.polls: list[asyncio.Task[Answer]] = []  # those that wait, oldest first
        self._waiting: list[bytes] = []

    async def next_record(self) -> bytes | None:
        """The next hub message with its framing; None when the service has closed."""
        assert self.wire is not None
        while not self._waiting:
            data = await self.wire.receive()
            if data is None:
                return None
            self._waiting = whole_records(data, self.protocol)
        return self._waiting.pop(0)


def whole_records(data: bytes, protocol: HubProtocol) -> list[bytes]:
    """The messages in what came at once; none may be cut. A handshake's answer is JSON in any protocol."""
    records: list[bytes] = []
    if protocol.is_binary and data.startswith(b"{"):
        answer, separator, data = data.partition(RS)
        assert separator, "a message is cut"
        records.append(answer + RS)
    buffer = bytearray(data)
    records += [protocol.frame(record) for record in protocol.split(buffer, len(buffer))]
    assert not buffer, f"a message is cut: {bytes(buffer)!r}"
    return records


async def ended(tasks: list[asyncio.Task[Answer]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class ClientWorld:
    """One vector's service."""

    def __init__(self, vector: Mapping[str, Any], transport: str) -> None:
        self.transport = transport  # what "*" means in a step
        self.clock = Clock()
        self.upstream = FakeUpstream(vector.get("upstream", {}))
        given = dict(vector.get("options", {}))
        if "cors_origins" in given:
            given["cors_origins"] = tuple(given["cors_origins"])
        options = ServiceOptions(
            port=0, keys=(OTHER_KEY, KEY), wall=self.clock, monotonic=self.clock, **given
        )
        self.server = SignalRServer(options, events=self.upstream)
        self.clients: dict[str, Client] = {}
        self.calls: list[asyncio.Task[Answer]] = []  # REST calls that wait for a client
        self.wires: list[Wire] = []  # all that were ever opened
        self.stopping: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> ClientWorld:
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)
        self.http = Http(self.server.port)
        self._stack.push_async_callback(self.http.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in self.wires:
            wire.abort()
        for client in self.clients.values():
            await ended(client.polls)
        await ended(self.calls)
        if self.stopping is not None:
            await self.stopping
        await self._stack.aclose()

    # Texts of vectors

    def filled(self, value: Any) -> Any:
        """A value of a vector with `$A.id`, `$A.token`, `$CT`, `$PORT` put in."""
        if isinstance(value, str):
            value = value.replace("$PORT", str(self.server.port)).replace("$CT", self.token({}))
            value = value.replace("$LONG_CT", self.token({"padding": 4400}))
            return re.sub(
                r"\$([A-Z]\d*)\.(id|token)",
                lambda m: getattr(self.clients[m[1]], m[2]),
                value,
            )
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        return value

    def token(self, given: Mapping[str, Any] | str, user: str | None = "u1") -> str:
        """A client token. Claims are added to a usual one; null takes one away. Times are seconds from now."""
        if isinstance(given, str):
            return given
        claims: dict[str, Any] = {"aud": "http://localhost/client/?hub=chat", "exp": 3600}
        if user is not None:
            claims["nameid"] = user
        claims |= given
        padding = claims.pop("padding", None)  # a claim of that many characters
        if padding:
            claims["padding"] = "p" * padding
        for name in ("exp", "iat", "nbf", "asrs.s.aeo"):
            if isinstance(claims.get(name), int | float):
                claims[name] = int(self.clock.now + claims[name])
        signed = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(signed, KEY, algorithm="HS256")

    def headers(self, step: Mapping[str, Any]) -> dict[str, str]:
        headers = header_map(self.filled(step.get("headers", {})))
        kind = step.get("token", {})
        if kind != "none":
            headers.setdefault("Authorization", f"Bearer {self.token(kind)}")
        return headers

    # Connecting

    async def connect(self, name: str, step: Mapping[str, Any]) -> None:
        """Negotiate, attach a transport, shake hands."""
        client = await self.attach(name, step)
        await self.shake_hands(client, step)

    async def attach(self, name: str, step: Mapping[str, Any]) -> Client:
        client = self.clients[name] = Client()
        hub = step.get("hub", "chat")
        user = step.get("user", "u1")
        claims = {"aud": f"http://localhost/client/?hub={hub}", **step.get("claims", {})}
        token = step.get("token") or self.token(claims, user)
        client.credentials = {"Authorization": f"Bearer {self.filled(token)}"}
        client.target = f"/client/?hub={hub}{step.get('query', '')}"
        client.protocol = PROTOCOLS[step.get("protocol", "json")]
        if step.get("negotiates", True):
            version = step.get("version", 1)
            extra = "&useStatefulReconnect=true" if step.get("stateful") else ""
            target = f"/client/negotiate?hub={hub}&negotiateVersion={version}{extra}"
            answer = await self.http.ask("POST", target, client.credentials)
            assert answer.status == 200, answer
            self.learn(name, json.loads(answer.body))
            client.target += f"&id={client.token}"
        self.use(client, await self.open(client, step.get("over", "WebSockets")))
        return client

    def use(self, client: Client, wire: Wire) -> None:
        """From now on this is the client's transport."""
        client.wire = wire
        self.wires.append(wire)

    async def open(self, client: Client, over: str) -> Wire:
        kind = self.transport if over == "*" else over
        if kind == "WebSockets":
            answer, socket = await RawSocket.upgrade(
                self.server.port, client.target, client.credentials
            )
            assert answer.status == 101, answer
            return socket
        if kind == "ServerSentEvents":
            stream = EventStream(self.http, client.target, client.credentials)
            response = await stream.open()
            assert response.status == 200, response
            assert await stream.event() == b":\r\n\r\n"
            return stream
        poller = Poller(self.http, client.target, client.credentials)
        first = await poller.poll()
        assert (first.status, first.body) == (200, b""), first
        return poller

    def learn(self, name: str, negotiated: Mapping[str, Any]) -> None:
        client = self.clients.setdefault(name, Client())
        client.id = negotiated["connectionId"]
        client.token = negotiated.get("connectionToken", client.id)

    async def shake_hands(self, client: Client, step: Mapping[str, Any]) -> None:
        assert client.wire is not None
        before = {each.id for each in self.server.service.sessions.by_token.values() if each.info}
        hello = {"protocol": client.protocol.name, "version": 2 if step.get("stateful") else 1}
        await client.wire.send(json.dumps(hello).encode() + RS)
        assert await client.next_record() == b"{}" + RS
        if not client.id:
            now = self.server.service.sessions.by_token.values()
            (client.id,) = {each.id for each in now if each.info} - before

    # REST

    async def rest(self, line: str, body: Any = None, size: int = 0) -> Answer:
        method, _, target = self.filled(line).partition(" ")
        path = target.removeprefix("/").partition("?")[0]
        endpoint = ServiceEndpoint(f"http://localhost:{self.server.port}", access_key=KEY)
        token = mint_server_token(endpoint, path, now=self.clock.now)
        headers = {"Authorization": f"Bearer {token}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(self.filled(body)).encode().ljust(size)
        return await self.http.ask(method, target, headers, data)

    # Time and endings

    def advance(self, seconds: float) -> None:
        """Time passes, and every timer is looked at."""
        self.clock.now += seconds
        self.server.tick()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Turns of the event loop until the service has noticed something that it tells nobody."""
        for _ in range(100_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("the service has not noticed")

    def session(self, name: str) -> Any:
        return self.server.service.sessions.by_token.get(self.clients[name].token)
