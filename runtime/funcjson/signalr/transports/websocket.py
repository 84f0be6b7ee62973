"""WebSockets: the socket is taken over from the HTTP server, so an idle one costs no task and no request."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from aiohttp import web

from funcjson.signalr.frames import Batch
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.transports.websocket_frames import (
    BINARY,
    CLOSE,
    NORMAL,
    PING,
    PONG,
    TEXT,
    FrameFault,
    FrameReader,
    accept_value,
    binary_frames,
    close_code,
    close_frame,
    frame,
    text_frames,
)

LOST = "The connection was lost."
_NONE = -1  # no file descriptor


class WebSocket(asyncio.Protocol):
    """One socket after its upgrade: reads frames into its session, and is the session's sink.

    The closing handshake is bounded: a peer that does not answer our close frame in time is cut off.
    """

    __slots__ = (
        "_cut_off",
        "_fd",
        "_is_closing",
        "_is_held",
        "_open",
        "_peer_closed",
        "_queued",
        "_reader",
        "_session",
        "_sessions",
        "_transport",
    )

    transport_name = "WebSockets"
    grace_s = 0.15  # the system's buffers, which are filled first, hold much more

    def __init__(
        self,
        sessions: Sessions,
        session: Session,
        transport: asyncio.Transport,
        sockets: OpenSockets,
    ) -> None:
        self._sessions = sessions
        self._session = session
        self._transport = transport
        self._open = sockets
        # None once the client has sent what is no frame: then nothing more can be read.
        self._reader: FrameReader | None = FrameReader(sessions.options.max_message_bytes)
        self._cut_off: asyncio.TimerHandle | None = None
        self._is_closing = False  # our close frame is written
        self._peer_closed = False
        self._is_held = False
        self._queued = 0  # bytes that the operating system did not take at once
        self._fd = _NONE  # where a message may go past the transport, see `write`
        sockets.add(self)
        self._find_fd()

    # Out

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the operating system has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        return self._queued - self.unsent

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        data = batch.on_socket.get(protocol)
        if data is None:
            framing = binary_frames if protocol.is_binary else text_frames
            data = batch.on_socket[protocol] = batch.wire("ws", protocol.name, framing)
        if self._fd == _NONE:
            return self._write_by_transport(data)
        # Nothing is unsent, so this is what the transport would do, without the time that it takes to find
        # that out: half of what a delivery costs beyond the kernel's part.
        try:
            sent = os.write(self._fd, data)
        except OSError:  # the kernel's buffer is full, or the transport will see what is wrong
            sent = 0
        return 0 if sent == len(data) else self._write_by_transport(data[sent:])

    def _write_by_transport(self, data: bytes) -> int:
        """Gives how many bytes were unsent before, and are still."""
        transport = self._transport
        if self._is_closing or transport.is_closing():
            return 0
        unsent = transport.get_write_buffer_size()
        if data:
            transport.write(data)
            self._queued += len(data)
        self._find_fd()
        return unsent

    def _find_fd(self) -> None:
        """Messages may go straight to the socket while nothing is before them. Never with TLS."""
        transport = self._transport
        self._fd = _NONE
        if (
            sys.platform != "win32"  # where a socket is no file
            and not self._is_closing
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
            and transport.get_extra_info("sslcontext") is None
        ):
            socket = transport.get_extra_info("socket")
            self._fd = _NONE if socket is None else socket.fileno()

    def close(self) -> None:
        self._close(NORMAL)

    def _close(self, code: int) -> None:
        transport = self._transport
        if self._is_closing or transport.is_closing():
            return
        self._is_closing = True
        self._fd = _NONE
        transport.write(close_frame(code))
        if self._peer_closed:
            transport.close()
            return
        self.hold(False)  # the peer's close frame must be read
        timeout_s = self._sessions.options.close_timeout_s
        self._cut_off = asyncio.get_running_loop().call_later(timeout_s, transport.abort)

    def abort(self) -> None:
        """End the socket at once."""
        self._fd = _NONE
        self._transport.abort()

    def is_stale(self, now: float) -> bool:
        return False

    def hold(self, is_held: bool) -> None:
        transport = self._transport
        if is_held is self._is_held or transport.is_closing() or (is_held and self._is_closing):
            return
        self._is_held = is_held
        if is_held:
            transport.pause_reading()
        else:
            transport.resume_reading()

    # In

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            return
        try:
            for opcode, payload in self._reader.feed(data):
                if opcode in (TEXT, BINARY):
                    # Text or binary does not matter: together the frames are one stream of bytes.
                    self._sessions.received(self._session, payload)
                elif opcode == PING and not self._is_closing:
                    self._write_by_transport(frame(PONG, payload))
                elif opcode == CLOSE:
                    self._closed_by_peer(close_code(payload))
                    return
        except FrameFault as fault:
            self._reader = None
            self._close(fault.code)
            self._sessions.lost(self._session, self, str(fault), may_return=False)

    def _closed_by_peer(self, code: int) -> None:
        """Any close frame is a clean end, whatever its code; it is answered with the same code."""
        self._peer_closed = True
        if self._is_closing:
            self._transport.close()
            return
        # First our answer, since the end of the session would say 1000.
        self._close(code)
        self._sessions.lost(self._session, self, None)

    def eof_received(self) -> None:
        """Without a close frame before it: the connection is lost."""
        self._fd = _NONE

    def connection_lost(self, exc: Exception | None) -> None:
        self._fd = _NONE  # before the number is another file's
        if self._cut_off is not None:
            self._cut_off.cancel()
        self._open.discard(self)
        self._sessions.lost(self._session, self, LOST)


class OpenSockets:
    """The sockets of one service, so that its end can wait for theirs."""

    def __init__(self) -> None:
        self._sockets: set[WebSocket] = set()
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: WebSocket) -> None:
        self._sockets.add(socket)
        self._none.clear()

    def discard(self, socket: WebSocket) -> None:
        self._sockets.discard(socket)
        if not self._sockets:
            self._none.set()

    async def close(self, timeout_s: float) -> None:
        """Close them all; those whose clients take longer to agree are cut off."""
        for socket in tuple(self._sockets):
            socket.close()
        try:
            async with asyncio.timeout(timeout_s):
                await self._none.wait()
        except TimeoutError:
            for socket in tuple(self._sockets):
                socket.abort()
            await self._none.wait()


class _Early:
    """Takes what a client sent before it could know that the upgrade was accepted."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Nothing to do: the HTTP parser is told that its connection is over."""


def serve_websocket(
    request: web.BaseRequest,
    sessions: Sessions,
    session: Session,
    headers: Mapping[str, str],
    sockets: OpenSockets,
) -> web.StreamResponse:
    """Accept the upgrade (which must be sound) and attach the session, or statefully reattach it.

    The HTTP server then believes that the connection is gone; the response it is given is never sent.
    """
    transport = request.transport
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("the client has gone")
    early = _Early()
    request.protocol.set_parser(early)  # type: ignore[arg-type]  # any parser with these methods does
    transport.write(_accepted(request.headers["Sec-WebSocket-Key"], headers))
    socket = WebSocket(sessions, session, transport, sockets)
    if session.is_attached:
        sessions.reattach(session, socket)
    else:
        sessions.attach(session, socket, binary=True, pings=True)
    transport.set_protocol(socket)
    request.protocol.transport = None  # it would close what is ours now
    request.protocol.connection_lost(None)
    if early.data:
        socket.data_received(early.data)
    return web.Response()


def _accepted(key: str, headers: Mapping[str, str]) -> bytes:
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_value(key)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
