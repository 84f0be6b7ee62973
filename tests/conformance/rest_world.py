"""A SignalR service in this process with clients that are not sockets, and its REST surface."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from typing import Any

import jwt

from funcjson.signalr.credentials import ServiceEndpoint, mint_client_token, mint_server_token
from funcjson.signalr.frames import Batch
from funcjson.signalr.messages import Close, Completion, Invocation, StreamItem
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol
from funcjson.signalr.protocols.msgpack import pack
from funcjson.signalr.rest_api import RestApi
from funcjson.signalr.rest_message import RestRequest, RestResponse
from funcjson.signalr.service import SignalRService
from funcjson.signalr.session import Caller, Grants, Session

KEY = "k" * 44
PORT = 8888
ENDPOINT = ServiceEndpoint(f"http://localhost:{PORT}", access_key=KEY)
GRANTS = Grants(frozenset({"WebSockets"}), 15.0, 5.0)


def entra_token(audience: str, expires_at: float) -> str:
    """What Microsoft Entra gives, but for the signature, which nobody here can make."""
    parts = ({"alg": "RS256", "typ": "JWT", "kid": "k"}, {"aud": audience, "exp": int(expires_at)})
    encoded = [jwt.utils.base64url_encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join((*encoded, "c2lnbmF0dXJl"))


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeTransport:
    """Keeps what a client would read, as hub messages."""

    transport_name = "WebSockets"

    grace_s = 0.1
    taken = 0

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.arrived = asyncio.Event()
        self.is_closed = False

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        self.records += batch.records(protocol.name)
        self.arrived.set()
        return 0

    def close(self) -> None:
        self.is_closed = True

    def is_stale(self, now: float) -> bool:
        return False

    def hold(self, is_held: bool) -> None:
        return None


class Client:
    def __init__(self, service: SignalRService, given: dict[str, Any]) -> None:
        self.sessions = service.sessions
        self.protocol = PROTOCOLS[given.get("protocol", "json")]
        self.answers = given.get("answers", {})
        caller = Caller(given.get("hub", "chat"), given.get("user"), {}, "", GRANTS)
        self.session: Session = self.sessions.begin(caller)
        self.transport = FakeTransport()
        self.sessions.attach(self.session, self.transport, binary=True, pings=False)
        if given.get("handshake", True):
            hello = {"protocol": self.protocol.name, "version": 1}
            self.sessions.received(self.session, json.dumps(hello).encode() + b"\x1e")
            self.transport.records.clear()
            self.transport.arrived.clear()

    def take(self) -> list[Any]:
        """What came since the last time: [target, arguments], or ["close", reason]."""
        records, self.transport.records = self.transport.records, []
        return [self._shown(record) for record in records]

    def _shown(self, record: bytes) -> list[Any]:
        buffer = bytearray(record)
        (one,) = self.protocol.split(buffer, len(buffer))
        message = self.protocol.parse(one)
        match message:
            case Invocation(target=target, arguments=arguments):
                return [target, list(arguments)]
            case Close(error=error):
                return ["close", error]
            case StreamItem(invocation_id=stream, item=item):
                return ["item", [stream, item]]
            case Completion(invocation_id=call, error=error):
                return ["completion", [call, error]]
        raise AssertionError(message)

    def open_stream(self, call: str, target: str) -> None:
        body = {"type": 4, "invocationId": call, "target": target, "arguments": []}
        self.sessions.received(self.session, json.dumps(body).encode() + b"\x1e")

    async def answer(self) -> None:
        """Answer one invocation that waits for a result."""
        await self.transport.arrived.wait()
        buffer = bytearray(self.transport.records.pop())
        (one,) = self.protocol.split(buffer, len(buffer))
        asked = self.protocol.parse(one)
        assert isinstance(asked, Invocation)
        assert asked.invocation_id is not None
        given = self.answers[asked.target]
        error = given.get("error")
        done = Completion(asked.invocation_id, given.get("result"), error, has_result=not error)
        self.sessions.received(self.session, self.protocol.encode(done))


class World:
    def __init__(self, vector: dict[str, Any]) -> None:
        self.clock = Clock()
        options = ServiceOptions(
            keys=("x" * 44, KEY), wall=self.clock, monotonic=self.clock, **vector.get("options", {})
        )
        self.service = SignalRService(options)
        self.api = RestApi(self.service)
        self.clients: dict[str, Client] = {}
        self.connect(vector.get("clients", {}))

    def connect(self, clients: dict[str, Any]) -> None:
        for name, given in clients.items():
            self.clients[name] = Client(self.service, given)

    def filled(self, text: str) -> str:
        return re.sub(r"\$([A-Z])", lambda found: self.clients[found[1]].session.id, text)

    async def do(self, step: dict[str, Any]) -> RestResponse:
        method, _, target = self.filled(step["do"]).partition(" ")
        path, _, query = target.partition("?")
        headers = {"host": step.get("host", f"localhost:{PORT}")}
        token = self.token(step.get("token", "sdk"), path, query)
        if token:
            headers["authorization"] = f"Bearer {token}"
        body = self.body(step)
        content_type = step.get("type", "application/json" if body else "")
        if content_type:
            headers["content-type"] = content_type
        request = RestRequest(method, path, query, headers, body)
        answering = [
            asyncio.create_task(self.clients[name].answer()) for name in step.get("answered by", ())
        ]
        response = await self.api.handle(request)
        for task in answering:
            await task
        return response

    def token(self, kind: str, path: str, query: str) -> str:
        where = path.removeprefix("/")
        if kind == "none":
            return ""
        if kind == "sdk":
            asked = f"{where}?{query}" if query else where
            return mint_server_token(ENDPOINT, asked, now=self.clock.now)
        if kind == "expired":
            return mint_server_token(ENDPOINT, where, now=self.clock.now - 7200)
        if kind == "client":
            return mint_client_token(ENDPOINT, "chat", now=self.clock.now)
        if kind == "other key":
            stranger = dataclasses.replace(ENDPOINT, access_key="z" * 44)
            return mint_server_token(stranger, where, now=self.clock.now)
        if kind.startswith("entra"):
            resource = "management" if kind.endswith("management") else "signalr"
            late = 3600 if kind.endswith("expired") else -3600
            return entra_token(f"https://{resource}.azure.com", self.clock.now - late)
        audience = f"http://localhost:{PORT}{path}" if kind == "doc" else kind
        claims: dict[str, Any] = {"exp": int(self.clock.now) + 60}
        if audience != "no audience":
            claims["aud"] = audience
        return jwt.encode(claims, KEY, algorithm="HS256")

    def body(self, step: dict[str, Any]) -> bytes:
        if "bytes" in step:
            text = str(step["text"]).encode()
            return text.rjust(step["bytes"])
        if "text" in step:
            return str(step["text"]).encode()
        if "frames" in step:
            made = {
                name: PROTOCOLS[name].encode(Invocation(*each))
                if isinstance(each, list)
                else bytes.fromhex(each)
                for name, each in step["frames"].items()
            }
            return pack(made)
        if "msgpack" in step:
            return pack(step["msgpack"])
        return json.dumps(step["body"]).encode() if "body" in step else b""
