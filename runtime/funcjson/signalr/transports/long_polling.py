"""Long polling: each GET waits for messages; the end of the connection is a 204."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from funcjson.signalr.frames import Batch
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.sessions import Session, Sessions

HEADERS = {
    "Cache-Control": "no-cache, no-store",
    "Pragma": "no-cache",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
}


def _joined(records: object) -> bytes:
    assert isinstance(records, list)
    return b"".join(records)


class PollSink:
    """Keeps messages until the next poll takes them."""

    __slots__ = ("_idle_s", "_last_poll", "_parts", "_size", "changed", "is_closed", "polls")

    transport_name = "LongPolling"

    def __init__(self, idle_s: float, now: float) -> None:
        self._idle_s = idle_s
        self._last_poll = now
        self._parts: list[bytes] = []
        self._size = 0
        self.changed = asyncio.Event()
        self.is_closed = False
        self.polls = 0  # how many there were; the newest one is served

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        data = batch.wire("lp", protocol.name, _joined)
        if data and not self.is_closed:
            self._parts.append(data)
            self._size += len(data)
            self.changed.set()
        return self._size

    def close(self) -> None:
        self.is_closed = True
        self.changed.set()

    def is_stale(self, now: float) -> bool:
        return self._last_poll >= 0 and now - self._last_poll > self._idle_s

    def hold(self, is_held: bool) -> None:
        """Clients send by POST, each of which is answered when it was taken."""

    def begin(self) -> int:
        """A poll has come; an older one that waits is sent away."""
        self.polls += 1
        self._last_poll = -1.0
        self.changed.set()
        self.changed = asyncio.Event()
        if self._parts or self.is_closed:
            self.changed.set()
        return self.polls

    def end(self, number: int, now: float) -> None:
        """A poll is over; the idle time begins, unless a newer poll waits."""
        if number == self.polls:
            self._last_poll = now

    def take(self) -> bytes:
        data, self._parts, self._size = b"".join(self._parts), [], 0
        return data


async def first_poll(
    sessions: Sessions, session: Session, headers: Mapping[str, str]
) -> web.Response:
    """The GET that opens the connection is answered at once, without data."""
    sink = PollSink(session.caller.grants.poll_idle_s, sessions.options.monotonic())
    sessions.attach(session, sink, binary=True, pings=False)
    return _answer(200, b"", headers)


async def poll(
    sessions: Sessions, session: Session, sink: PollSink, headers: Mapping[str, str]
) -> web.Response:
    """Wait for messages, for the end, or for the time-out (then an empty 200: poll again)."""
    number = sink.begin()
    changed = sink.changed
    try:
        async with asyncio.timeout(sessions.options.poll_timeout_s):
            await changed.wait()
    except TimeoutError:
        return web.Response(status=200, headers={**HEADERS, **headers}, content_type="text/plain")
    finally:
        sink.end(number, sessions.options.monotonic())
    if number != sink.polls:
        return _answer(204, b"", headers)
    data = sink.take()
    return _answer(200 if data else 204, data, headers)


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    if status == 204:
        return web.Response(status=204, headers={**HEADERS, **headers})
    return web.Response(
        body=body, headers={**HEADERS, **headers}, content_type="application/octet-stream"
    )
