"""Clients on real sockets that show every byte: a WebSocket, an event stream, a poller.

They check nothing and hide nothing, unlike a client library: what arrives is what the test sees.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from yarl import URL

TIMEOUT_S = 15.0  # a test that waits longer for a byte has failed
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, whole."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Http:
    """HTTP requests to one service, with exactly the headers that the test gives."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=TIMEOUT_S),
        )

    async def open(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        url = URL(self.origin + target, encoded=True)
        return await self._session.request(
            method,
            url,
            headers=headers,
            data=None if body is None else io.BytesIO(body),
            allow_redirects=False,
        )

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        async with await self.open(method, target, headers, body) as response:
            data = await response.read()
        names = {name.lower() for name in response.headers}
        found = {name: ", ".join(response.headers.getall(name)) for name in names}
        return Answer(response.status, found, data)

    async def close(self) -> None:
        await self._session.close()


class RawSocket:
    """A WebSocket client that masks its frames and nothing more: no pongs, no closing handshake."""

    transport_name = "WebSockets"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.is_open = True

    @classmethod
    async def upgrade(
        cls, port: int, target: str, headers: Mapping[str, str]
    ) -> tuple[Answer, RawSocket]:
        """Ask for the upgrade; the answer says whether it was given."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = {
            "Host": f"localhost:{port}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
            **headers,
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(TIMEOUT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            answered = dict(line.split(": ", 1) for line in head[1:] if line)
            found = {name.lower(): value for name, value in answered.items()}
            status = int(head[0].split()[1])
            size = int(found.get("content-length", 0))
            body = await reader.readexactly(size) if status != 101 else b""
        socket = cls(reader, writer)
        if status != 101:
            socket.abort()
        return Answer(status, found, body), socket

    def send_frame(self, opcode: int, payload: bytes, *, is_final: bool = True) -> None:
        size, mask = len(payload), os.urandom(4)
        head = bytes([(0x80 if is_final else 0) | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += b"\xfe" + size.to_bytes(2, "big")
        else:
            head += b"\xff" + size.to_bytes(8, "big")
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        masked = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
        self.writer.write(head + mask + masked)

    async def send(self, data: bytes) -> None:
        self.send_frame(BINARY if data[:1] not in b"{" else TEXT, data)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame; raises IncompleteReadError when the socket has ended."""
        async with asyncio.timeout(TIMEOUT_S):
            first, second = await self._reader.readexactly(2)
            assert first & 0xF0 == 0x80, "one final frame without extensions"
            assert not second & 0x80, "a server does not mask"
            size = second
            if second >= 126:
                size = int.from_bytes(
                    await self._reader.readexactly(2 if second == 126 else 8), "big"
                )
            return first & 0x0F, await self._reader.readexactly(size)

    async def receive(self) -> bytes | None:
        """The payload of the next data frame; None when the service closes. Pings are answered by nobody."""
        opcode, payload = await self.frame()
        if opcode == CLOSE:
            self.send_frame(CLOSE, payload)
            await self.ended()
            return None
        assert opcode in (TEXT, BINARY), opcode
        return payload

    async def ended(self) -> None:
        """Returns when the service has ended the TCP connection."""
        async with asyncio.timeout(TIMEOUT_S):
            with suppress(ConnectionError):
                assert await self._reader.read() == b"", "nothing may follow a close frame"
        self.abort()

    def abort(self) -> None:
        self.is_open = False
        self.writer.transport.abort()

    async def leave(self, code: int | None = 1000) -> None:
        """A close frame as browsers send it; without a code as `stop()` of the official client does."""
        self.send_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big"))
        opcode, payload = await self.frame()
        while opcode != CLOSE:
            opcode, payload = await self.frame()
        assert payload == (b"" if code is None else code.to_bytes(2, "big")), payload
        await self.ended()


class EventStream:
    """A Server-Sent Events client: one endless GET, and POSTs."""

    transport_name = "ServerSentEvents"

    def __init__(self, http: Http, target: str, headers: Mapping[str, str]) -> None:
        self._http = http
        self._target = target
        self._headers = headers
        self._buffer = b""
        self.response: aiohttp.ClientResponse | None = None

    async def open(self) -> aiohttp.ClientResponse:
        headers = {**self._headers, "Accept": "text/event-stream"}
        self.response = await self._http.open("GET", self._target, headers)
        return self.response

    async def chunk(self) -> bytes:
        """The next bytes; empty at the end."""
        assert self.response is not None
        async with asyncio.timeout(TIMEOUT_S):
            return await self.response.content.readany()

    async def event(self) -> bytes | None:
        """The next event with its line ends; None at the end of the stream."""
        while b"\r\n\r\n" not in self._buffer:
            data = await self.chunk()
            if not data:
                assert self._buffer == b"", self._buffer
                return None
            self._buffer += data
        event, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return event + b"\r\n\r\n"

    async def receive(self) -> bytes | None:
        event = await self.event()
        while event == b":\r\n\r\n":
            event = await self.event()
        if event is None:
            return None
        lines = event.removesuffix(b"\r\n\r\n").split(b"\r\n")
        assert all(line.startswith(b"data: ") for line in lines), event
        return b"\n".join(line.removeprefix(b"data: ") for line in lines)

    async def send(self, data: bytes) -> None:
        answer = await self._http.ask("POST", self._target, self._headers, data)
        assert (answer.status, answer.body) == (200, b""), answer

    def abort(self) -> None:
        if self.response is not None:
            self.response.close()


class Poller:
    """A long polling client; it polls when somebody waits for a message."""

    transport_name = "LongPolling"

    def __init__(self, http: Http, target: str, headers: Mapping[str, str]) -> None:
        self.http = http
        self.target = target
        self.headers = headers

    async def poll(self) -> Answer:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.http.ask("GET", f"{self.target}&_=1", self.headers)

    async def receive(self) -> bytes | None:
        answer = await self.poll()
        while answer.status == 200 and not answer.body:
            answer = await self.poll()
        assert answer.status in (200, 204), answer
        return answer.body if answer.status == 200 else None

    async def send(self, data: bytes) -> None:
        answer = await self.http.ask("POST", self.target, self.headers, data)
        assert (answer.status, answer.body) == (200, b""), answer

    async def delete(self) -> Answer:
        return await self.http.ask("DELETE", self.target, self.headers)

    def abort(self) -> None:
        """A poller that just stays away."""


class Wire(Protocol):
    """What the three have in common."""

    @property
    def transport_name(self) -> str: ...

    async def send(self, data: bytes) -> None:
        """Bytes to the service."""

    async def receive(self) -> bytes | None:
        """Bytes of the service: whole hub messages; None at the end."""

    def abort(self) -> None:
        """Be gone without a word."""


def header_map(given: Mapping[str, Any]) -> dict[str, str]:
    """Headers of a vector, each value as text."""
    return {name: str(value) for name, value in given.items()}
