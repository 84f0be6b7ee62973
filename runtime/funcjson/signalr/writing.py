"""Messages on their way to clients: queued with every connection they are for, written once a turn.

Writing never waits. As long as all messages of a turn of the event loop go to the same sessions, they are one wave:
joined once, and the same bytes written to each. A client that does not read is dropped (backlog.py), and the others
do not notice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from funcjson.signalr.backlog import Backlog
from funcjson.signalr.connection import State
from funcjson.signalr.frames import MAX_BATCH, Payload
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.session import Session

log = logging.getLogger("funcjson.signalr.connection")

TOO_SLOW = "The client reads too slowly: too much data is waiting for it."


class Writing:
    """What one node has still to write. `end` is told of each session whose connection has closed."""

    __slots__ = ("_burst", "_dirty", "_end", "_is_scheduled", "_options", "_watched", "_wave")

    def __init__(self, options: ServiceOptions, end: Callable[[Session], None]) -> None:
        self._options = options
        self._end = end
        self._watched = options.buffer_bytes // 16  # with more unsent, a client is behind
        # What is to be written at the end of this turn: messages that all went to the same sessions, as long
        # as that is so; from then on the sessions that something was queued with.
        self._wave: tuple[list[Payload], list[Session]] | None = None
        self._dirty: list[Session] = []
        self._is_scheduled = False
        self._burst = 0  # messages since the last write

    def deliver(self, audience: Iterable[Session], payload: Payload) -> int:
        """Queue a message with each connection; gives how many."""
        if not self._dirty:
            sessions = list(audience)
            if self._wave is None:
                self._wave = [payload], sessions
                self._schedule()
                return len(sessions)
            if self._wave[1] == sessions:  # sessions compare by identity, which takes no time
                self._wave[0].append(payload)
                if len(self._wave[0]) >= MAX_BATCH:
                    self._write_all()  # a caller that sends without pause must not pile up memory
                return len(sessions)
            audience = sessions
        self.settle()
        dirty = self._dirty
        count = 0
        for session in audience:
            count += 1
            if session.connection.send(payload):
                dirty.append(session)
        self._burst += 1
        if self._burst >= MAX_BATCH:
            self._write_all()
        elif dirty:
            self._schedule()
        return count

    def settle(self) -> None:
        """Queue the messages of the wave with each session, before something else is said."""
        wave, self._wave = self._wave, None
        if wave is None:
            return
        payloads, sessions = wave
        self._burst += len(payloads)
        for session in sessions:
            connection = session.connection
            if connection.state is not State.OPEN:
                continue
            for payload in payloads:
                if connection.send(payload):
                    self._dirty.append(session)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._write_scheduled)

    def _write_scheduled(self) -> None:
        self._is_scheduled = False
        self._write_all()

    def _write_all(self) -> None:
        """Write what this turn has queued."""
        self._burst = 0
        wave, self._wave = self._wave, None
        if wave is not None:
            self._write_wave(*wave)
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            if session.connection.pending is not None:
                self.flush(session)

    def _write_wave(self, payloads: Sequence[Payload], sessions: Iterable[Session]) -> None:
        """The same to many: what `send` and `flush` do, with the least work for those that only listen."""
        now, watched, is_open = self._options.monotonic(), self._watched, State.OPEN
        batch = payloads[0].alone()
        for payload in payloads[1:]:
            batch = batch.then(payload)
        for session in sessions:
            connection, sink = session.connection, session.sink
            if connection.state is not is_open:
                continue
            if sink is None or connection.pending is not None or connection.resend is not None:
                for payload in payloads:
                    connection.send(payload)
                self.flush(session)
                continue
            connection.last_write = now
            unsent = sink.write(batch, connection.protocol)
            if unsent > watched and self._is_lost(session, unsent, now):
                self.flush(session)

    def flush(self, session: Session) -> None:
        """Write what is queued; after a Close message, end."""
        self.settle()
        connection = session.connection
        options, now = self._options, self._options.monotonic()
        batch = connection.take(now)
        sink = session.sink
        if batch is not None and sink is not None:
            unsent = sink.write(batch, connection.protocol)
            if unsent > self._watched:
                self._is_lost(session, unsent, now)
        if connection.resend is not None and connection.resend.bytes:
            limit = options.buffer_bytes if sink is None else options.max_buffer_bytes
            if connection.resend.bytes > limit:
                size = connection.resend.bytes
                self._drop(session, f"it does not acknowledge, {size} bytes wait (limit {limit})")
        if connection.state is State.CLOSED and session.is_attached:
            self._end(session)

    def _is_lost(self, session: Session, unsent: int, now: float) -> bool:
        """Drop a client for which so much waits, unless it gets on."""
        sink, backlog, options = session.sink, session.backlog, self._options
        assert sink is not None
        if backlog is None:
            backlog = session.backlog = Backlog(sink.taken, unsent, now)
        backlog.look(sink.taken, unsent, now)
        cap = backlog.cap(options.max_buffer_bytes)
        if unsent > cap:
            self._drop(session, f"it does not read fast enough, {unsent} bytes wait (limit {cap})")
        elif unsent > options.buffer_bytes and backlog.is_stalled(
            now, sink.grace_s, options.stall_s
        ):
            idle_s, limit = backlog.idle_s(now), options.buffer_bytes
            why = f"{unsent} bytes wait for it (limit {limit}), none was taken for {idle_s:.1f} s"
            self._drop(session, f"it does not read, {why}")
        else:
            return False
        return True

    def _drop(self, session: Session, why: str) -> None:
        """The client reads too slowly. The others must not notice, and memory must stay bounded."""
        connection = session.connection
        if connection.state is State.CLOSED:
            return
        hub = session.caller.hub
        log.warning("connection %s of hub %s is dropped: %s", session.id, hub, why)
        connection.close(TOO_SLOW, allow_reconnect=True)
        batch = connection.take(self._options.monotonic())
        if batch is not None and session.sink is not None:
            session.sink.write(batch, connection.protocol)
