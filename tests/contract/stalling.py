"""Clients over plain sockets that connect as clients do, and then read or do not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
from urllib.parse import quote

from tests.contract.service_client import client_token

HANDSHAKE = b'{"protocol":"json","version":1}\x1e'


class PlainClient:
    """One connection. What comes on the main socket is read by `read` or, when it stalls, never."""

    def __init__(self, port: int, transport: str, user: str) -> None:
        self.transport = transport
        self.port = port
        self.connection_id = ""
        self._target = f"/client/?hub=chat&access_token={client_token(port, 'chat', user)}"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._socket: socket.socket | None = None

    async def connect(self, *, receive_buffer: int = 0) -> None:
        """Negotiate, connect and shake hands."""
        found = json.loads(await self._short("POST", "/client/negotiate?negotiateVersion=1&"))
        self.connection_id = found["connectionId"]
        self._target += f"&id={quote(found['connectionToken'])}"
        await _TRANSPORTS[self.transport](self, receive_buffer)

    async def _open(self, head: str, receive_buffer: int) -> None:
        """The main socket, up to the end of the response's headers."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        self._socket = sock
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=1 << 20)
        self._writer.write(head.encode())
        found = await self._reader.readuntil(b"\r\n\r\n")
        assert found.split(b" ")[1] in (b"101", b"200"), found

    async def _web_sockets(self, receive_buffer: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        await self._open(
            f"GET {self._target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n",
            receive_buffer,
        )
        assert self._writer is not None
        # Masked with zeros, which changes nothing.
        self._writer.write(bytes((0x81, 0x80 | len(HANDSHAKE), 0, 0, 0, 0)) + HANDSHAKE)
        await self.read(b"{}\x1e")

    async def _events(self, receive_buffer: int) -> None:
        await self._open(
            f"GET {self._target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
            receive_buffer,
        )
        await self.post(HANDSHAKE)
        await self.read(b"{}\x1e")

    async def _polling(self, _receive_buffer: int) -> None:
        await self._short("GET", self._target)
        await self.post(HANDSHAKE)
        assert await self.poll() == b"{}\x1e"

    async def post(self, data: bytes) -> None:
        await self._short("POST", self._target, data)

    async def poll(self) -> bytes:
        return await self._short("GET", self._target)

    async def _short(self, method: str, target: str, body: bytes = b"") -> bytes:
        """A request on a socket of its own; the body of its answer."""
        if target.endswith("&"):
            target += self._target.partition("?")[2]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        status, _, rest = answer.partition(b"\r\n")
        assert status.split(b" ")[1] in (b"200", b"204"), answer
        return rest.partition(b"\r\n\r\n")[2]

    async def read(self, end: bytes) -> bytes:
        """The main socket up to and including `end`."""
        assert self._reader is not None
        return await self._reader.readuntil(end)

    async def messages(self, count: int) -> list[int]:
        """The numbers in that many messages, in the order in which they came."""
        found: list[int] = []
        while len(found) < count:
            polls = self.transport == "LongPolling"
            data = await (self.poll() if polls else self.read(b"\x1e"))
            records = data.split(b"\x1e")[:-1]
            found += [json.loads(each[each.index(b"{") :])["arguments"][0] for each in records]
        return found

    def stall(self) -> None:
        """Never read again; the system's own buffer is all that takes anything."""
        if self._writer is not None:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def comes_to(self, text: bytes) -> bool:
        """Read again; True when this text comes, False if the service ends the socket before."""
        assert self._reader is not None
        assert self._writer is not None
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]
        found = b""
        while text not in found:
            data = await self._reader.read(1 << 16)
            if not data:
                return False
            found = found[-len(text) :] + data
        return True

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()


_TRANSPORTS = {
    "WebSockets": PlainClient._web_sockets,
    "ServerSentEvents": PlainClient._events,
    "LongPolling": PlainClient._polling,
}
