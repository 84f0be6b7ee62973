"""A client of the service over a real WebSocket, as small as a test needs it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from funcjson.signalr.credentials import ServiceEndpoint, mint_client_token
from funcjson.signalr.messages import HubMessage
from funcjson.signalr.protocols import PROTOCOLS

KEY = "k" * 44
END = "\x1e"
_PACKED = PROTOCOLS["messagepack"]


def client_token(port: int, hub: str, user: str | None = None) -> str:
    """A token as negotiate functions make it."""
    endpoint = ServiceEndpoint(f"http://localhost:{port}", access_key=KEY)
    return mint_client_token(endpoint, hub, user_id=user, now=time.time())


class Client:
    """Hub messages in and out, as JSON. `id` is the connection id, when it has negotiated."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, connection_id: str) -> None:
        self.id = connection_id
        self.socket = socket
        self._records: list[str] = []

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message) + END)

    async def receive(self) -> dict[str, Any]:
        """The next hub message that is no ping. Raises ConnectionError at the end of the socket."""
        while True:
            while not self._records:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"the socket ended: {message.type.name}")
                self._records += message.data.split(END)[:-1]
            found: dict[str, Any] = json.loads(self._records.pop(0))
            if found.get("type") != 6:
                return found

    async def called(self) -> tuple[str, list[Any]]:
        """The target and arguments of the next invocation."""
        found = await self.receive()
        assert found["type"] == 1, found
        return found["target"], found["arguments"]

    async def leave(self) -> None:
        await self.socket.close()

    def cut(self) -> None:
        """The socket breaks, without a word."""
        transport = self.socket.get_extra_info("socket")
        transport.shutdown(2)


class PackedClient:
    """Hub messages in and out, as MessagePack."""

    def __init__(self, client: Client) -> None:
        self.id = client.id
        self._socket = client.socket

    async def data(self) -> bytes:
        found: bytes = await self._socket.receive_bytes()
        return found

    async def receive(self) -> HubMessage | None:
        """The next hub message, which must stand alone in its frame."""
        buffer = bytearray(await self.data())
        (record,) = _PACKED.split(buffer, len(buffer))
        return _PACKED.parse(record)

    async def send(self, message: HubMessage) -> None:
        await self._socket.send_bytes(_PACKED.encode(message))


@asynccontextmanager
async def clients() -> AsyncIterator[Clients]:
    async with aiohttp.ClientSession() as session:
        yield Clients(session)


class Clients:
    """Makes clients; all share one HTTP session."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self._kept: list[Client] = []  # one that nobody holds would be closed

    async def leave(self) -> None:
        """All of them."""
        await asyncio.gather(*(client.leave() for client in self._kept))

    async def negotiate(
        self, port: int, hub: str = "chat", user: str | None = None, **query: str
    ) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port}/client/negotiate"
        async with self.http.post(
            url,
            params={"hub": hub, "negotiateVersion": "1", **query},
            headers={"Authorization": f"Bearer {client_token(port, hub, user)}"},
        ) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def connect(
        self,
        port: int,
        hub: str = "chat",
        user: str | None = None,
        *,
        negotiated: dict[str, Any] | None = None,
        version: int = 1,
    ) -> Client:
        """A client after its handshake. `negotiated` may come from another node."""
        found = negotiated or await self.negotiate(port, hub, user)
        client = await self.reconnect(port, hub, user, negotiated=found)
        await client.send(protocol="json", version=version)
        assert await client.receive() == {}
        return client

    async def reconnect(
        self, port: int, hub: str = "chat", user: str | None = None, *, negotiated: dict[str, Any]
    ) -> Client:
        """A client on a new socket, without a handshake."""
        socket = await self.http.ws_connect(
            f"http://127.0.0.1:{port}/client/",
            params={"hub": hub, "id": negotiated["connectionToken"]},
            headers={"Authorization": f"Bearer {client_token(port, hub, user)}"},
        )
        client = Client(socket, negotiated["connectionId"])
        self._kept.append(client)
        return client

    async def connect_packed(self, port: int) -> PackedClient:
        """A client of the MessagePack protocol after its handshake."""
        found = await self.negotiate(port)
        client = await self.reconnect(port, negotiated=found)
        await client.send(protocol="messagepack", version=1)
        packed = PackedClient(client)
        assert await packed.data() == b"{}\x1e"
        return packed

    async def ask(
        self, method: str, port: int, token: str, body: bytes | None = None
    ) -> tuple[int, bytes]:
        """One request of a client without a socket: (status, body)."""
        async with self.http.request(method, **_request(port, token), data=body) as answer:
            return answer.status, await answer.read()

    @asynccontextmanager
    async def events(self, port: int, token: str) -> AsyncIterator[aiohttp.StreamReader]:
        """An event stream, to be read line by line."""
        request = _request(port, token)
        request["headers"]["Accept"] = "text/event-stream"
        async with self.http.get(**request) as answer:
            assert answer.status == 200
            yield answer.content


def _request(port: int, token: str) -> dict[str, Any]:
    return {
        "url": f"http://127.0.0.1:{port}/client/",
        "params": {"hub": "chat", "id": token},
        "headers": {"Authorization": f"Bearer {client_token(port, 'chat')}"},
    }


async def gathered(*things: Any) -> list[Any]:
    """What several awaitables give."""
    return list(await asyncio.gather(*things))
