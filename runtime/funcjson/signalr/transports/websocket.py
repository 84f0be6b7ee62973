"""WebSockets: frames in are a byte stream, frames out are built once for all connections."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiohttp import WSMsgType, web

from funcjson.signalr.frames import Batch, pack_records
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.sessions import Session, Sessions

Spawn = Callable[[Coroutine[Any, Any, None]], None]

# Messages of a burst share a frame up to this size: clients take that, and it saves system calls.
FRAME_BYTES = 32 * 1024
_TEXT, _BINARY = 0x81, 0x82


def frame_text(records: Sequence[bytes]) -> bytes:
    """Text frames; no message is ever split over two, since clients cannot join them."""
    return b"".join(_frame(_TEXT, data) for data in pack_records(records, FRAME_BYTES))


def frame_binary(records: Sequence[bytes]) -> bytes:
    """The same as binary frames."""
    return b"".join(_frame(_BINARY, data) for data in pack_records(records, FRAME_BYTES))


def _frame(first: int, data: bytes) -> bytes:
    """One unmasked, final frame (RFC 6455, section 5.2)."""
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 65536:
        return struct.pack(">BBH", first, 126, size) + data
    return struct.pack(">BBQ", first, 127, size) + data


class WebSocketSink:
    """Writes to one socket without waiting; gone sockets are harmless."""

    __slots__ = ("_close_timeout_s", "_is_closing", "_resumed", "_spawn", "_transport", "_ws")

    transport_name = "WebSockets"

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        spawn: Spawn,
        close_timeout_s: float,
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._spawn = spawn
        self._close_timeout_s = close_timeout_s
        self._is_closing = False
        self._resumed: asyncio.Event | None = None

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        transport = self._transport
        if self._is_closing or transport.is_closing():
            return 0
        data = batch.wire("ws", protocol.name, frame_binary) if protocol.is_binary else batch.wire("ws", protocol.name, frame_text)
        if data:
            transport.write(data)
        return transport.get_write_buffer_size()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._spawn(self._close())

    async def _close(self) -> None:
        """A close frame, then the peer's, but not for long: a peer that does not read is cut off."""
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await self._ws.close()
        except (TimeoutError, ConnectionError, RuntimeError):
            # RuntimeError: the socket closed before its handshake was answered.
            pass
        finally:
            if not self._transport.is_closing():
                self._transport.abort() if self._transport.get_write_buffer_size() else (
                    self._transport.close()
                )

    def is_stale(self, now: float) -> bool:
        return False

    def hold(self, is_held: bool) -> None:
        if is_held and self._resumed is None:
            self._resumed = asyncio.Event()
        elif not is_held and self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    async def wait_until_read(self) -> None:
        """Returns at once unless reading is on hold."""
        if self._resumed is not None:
            await self._resumed.wait()


async def serve_websocket(
    request: web.BaseRequest,
    sessions: Sessions,
    session: Session,
    headers: Mapping[str, str],
    spawn: Spawn,
) -> web.StreamResponse:
    """Run one socket until it ends. The session is attached (or statefully reattached) here."""
    options = sessions.options
    ws = web.WebSocketResponse(
        compress=False,
        autoclose=False,
        max_msg_size=options.max_message_bytes,
        timeout=options.close_timeout_s,
    )
    ws.headers.update(headers)
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    sink = WebSocketSink(ws, transport, spawn, options.close_timeout_s)
    again = session.is_attached
    if not again:
        sessions.attach(session, sink, binary=True, pings=True)
    error: str | None = "The connection was lost."
    try:
        await ws.prepare(request)
        if again:
            sessions.reattach(session, sink)
        error = await _read(ws, sessions, session, sink)
    finally:
        sessions.lost(session, sink, error)
        if not ws.closed:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await ws.close()
    return ws


async def _read(
    ws: web.WebSocketResponse, sessions: Sessions, session: Session, sink: WebSocketSink
) -> str | None:
    """Give every frame to the session; None for an end with a close frame, else what happened."""
    while True:
        message = await ws.receive()
        if message.type is WSMsgType.TEXT:
            sessions.received(session, message.data.encode())
        elif message.type is WSMsgType.BINARY:
            sessions.received(session, message.data)
        elif message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING):
            return None
        else:
            # CLOSED or ERROR: the socket broke, or the service closed it (then the session knows).
            return "The connection was lost."
        await sink.wait_until_read()
