"""Long polling: each GET waits for messages; the end of the connection is a 204."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from funcjson.signalr.frames import Batch
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.transports.gate import Gate

HEADERS = {
    "Cache-Control": "no-cache, no-store",
    "Pragma": "no-cache",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
}
_POLLING = -1.0  # instead of a time: a poll waits now


def _joined(records: Sequence[bytes]) -> bytes:
    return b"".join(records)


class PollSink:
    """Keeps messages until the next poll takes them, also beyond the end of the session.

    `on_close` is called once, when nothing more will be written.
    """

    __slots__ = (
        "_changed",
        "_idle_s",
        "_last_poll",
        "_on_close",
        "_parts",
        "gate",
        "is_closed",
        "polls",
        "taken",
        "unsent",
    )

    transport_name = "LongPolling"
    # A poll asks for messages, so who has polled reads; a browser or a script may be busy before it polls again.
    grace_s = 3.0

    def __init__(self, idle_s: float, now: float, on_close: Callable[[PollSink], None]) -> None:
        self._idle_s = idle_s
        self._last_poll = now
        self._on_close = on_close
        self._parts: list[bytes] = []
        self.unsent = 0  # bytes that wait for a poll
        self.taken = 0  # bytes that polls have fetched
        self._changed = asyncio.Event()
        self.polls = 0  # how many there were; the newest one is served
        self.gate = Gate()
        self.is_closed = False

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        unsent = self.unsent
        data = batch.wire("lp", protocol.name, _joined)
        if data and not self.is_closed:
            self._parts.append(data)
            self.unsent += len(data)
            self._changed.set()
        return unsent

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._changed.set()
            self.gate.hold(False)
            self._on_close(self)

    def is_stale(self, now: float) -> bool:
        return self._last_poll != _POLLING and now - self._last_poll > self._idle_s

    def hold(self, is_held: bool) -> None:
        self.gate.hold(is_held)

    def take(self) -> bytes:
        """Everything that was kept."""
        data, self._parts, self.unsent = b"".join(self._parts), [], 0
        self.taken += len(data)
        return data

    async def wait(self, timeout_s: float, now: Callable[[], float]) -> tuple[int, bytes]:
        """(status, body) of one poll: 200 with messages, or 200 without any after the time-out.

        204 says that another poll has come, or that the connection is over.
        """
        self.polls += 1
        number = self.polls
        self._last_poll = _POLLING
        self._changed.set()  # an older poll that waits is sent away
        changed = self._changed = asyncio.Event()
        if not self._parts and not self.is_closed:
            try:
                async with asyncio.timeout(timeout_s):
                    await changed.wait()
            except TimeoutError:
                return 200, b""
            finally:
                if number == self.polls:
                    self._last_poll = now()
        if number != self.polls:
            return 204, b""
        self._last_poll = now()
        data = self.take()
        return (200, data) if data else (204, b"")


def first_poll(
    sessions: Sessions,
    session: Session,
    headers: Mapping[str, str],
    on_close: Callable[[PollSink], None],
) -> web.Response:
    """The GET that opens the connection is answered at once, without data."""
    sink = PollSink(session.caller.grants.poll_idle_s, sessions.options.monotonic(), on_close)
    sessions.attach(session, sink, binary=True, pings=False)
    return web.Response(headers={**HEADERS, **headers}, content_type="application/octet-stream")


async def poll(sessions: Sessions, sink: PollSink, headers: Mapping[str, str]) -> web.Response:
    """Wait for messages, for the end, or for the time-out (then an empty 200: poll again)."""
    options = sessions.options
    status, data = await sink.wait(options.poll_timeout_s, options.monotonic)
    if status == 204:
        return web.Response(status=204, headers={**HEADERS, **headers})
    kind = "application/octet-stream" if data else "text/plain"
    return web.Response(body=data, headers={**HEADERS, **headers}, content_type=kind)
