"""Server-Sent Events: messages out are events of one endless response; messages in come by POST."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aiohttp import web

from funcjson.signalr.frames import Batch, pack_records
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.transports.gate import Gate

EVENT_BYTES = 32 * 1024
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache,no-store",
    "Pragma": "no-cache",
    "Content-Encoding": "identity",
    "X-Accel-Buffering": "no",  # proxies would keep events back
}


def frame_events(records: Sequence[bytes]) -> bytes:
    """Events as one HTTP chunk; a message is never split over two events."""
    events = b"".join(event(data) for data in pack_records(records, EVENT_BYTES))
    return b"%x\r\n%b\r\n" % (len(events), events) if events else b""


def event(data: bytes) -> bytes:
    """One event. A line end in the data starts another `data:` line, which the client joins again."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return b"".join(b"data: %b\r\n" % line for line in lines) + b"\r\n"


class SseSink:
    """Writes events without waiting."""

    __slots__ = ("_transport", "_written", "ended", "gate")

    transport_name = "ServerSentEvents"
    grace_s = 0.15  # the system's buffers, which are filled first, hold much more

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written = 0
        self.ended = asyncio.Event()
        self.gate = Gate()

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the operating system has not taken yet."""
        return self._transport.get_write_buffer_size()

    @property
    def taken(self) -> int:
        return self._written - self.unsent

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        transport = self._transport
        if self.ended.is_set() or transport.is_closing():
            return 0
        unsent = self.unsent
        data = batch.wire("sse", protocol.name, frame_events)
        if data:
            transport.write(data)
            self._written += len(data)
        return unsent

    def close(self) -> None:
        self.ended.set()
        self.gate.hold(False)

    def is_stale(self, now: float) -> bool:
        return False

    def hold(self, is_held: bool) -> None:
        self.gate.hold(is_held)


async def serve_sse(
    request: web.BaseRequest, sessions: Sessions, session: Session, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Run one event stream until the session or the client ends it.

    A client ends it by leaving: there is no other way to say so, hence it is a clean end.
    """
    transport = request.transport
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("the client has gone")
    sink = SseSink(transport)
    sessions.attach(session, sink, binary=False, pings=True)
    response = web.StreamResponse(headers={**HEADERS, **headers})
    response.enable_chunked_encoding()
    try:
        await response.prepare(request)
        # A comment at once, so that browsers say that the stream is open.
        await response.write(b":\r\n\r\n")
        await sink.ended.wait()
        # A client that was dropped since it is slow learns the reason, if it goes on reading.
        async with asyncio.timeout(sessions.options.close_timeout_s):
            await response.write_eof()
    except TimeoutError:
        transport.abort()
    except ConnectionError:
        pass  # the client left while something was written
    finally:
        sessions.lost(session, sink, None)
    return response
