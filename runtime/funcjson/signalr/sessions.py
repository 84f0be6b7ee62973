"""Live connections: each a protocol machine joined to a transport, its calls to upstream, and the timers.

A session begins at negotiate (or at a WebSocket without one), gets a transport, becomes a member of its hub when
the handshake succeeds, and ends once. Writing never waits: a message is queued with every connection it is for,
and one pass per turn of the event loop writes what is queued.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from funcjson.signalr.connection import (
    MAX_UNACKNOWLEDGED,
    Connection,
    Ended,
    Event,
    Opened,
    Rules,
    State,
)
from funcjson.signalr.errors import NoSuchConnection
from funcjson.signalr.events import ClientEvents, ClientInfo, Observer, Rejection
from funcjson.signalr.frames import MAX_BATCH, Batch, Payload
from funcjson.signalr.hub import Hub
from funcjson.signalr.messages import (
    CancelInvocation,
    Completion,
    Encoded,
    Invocation,
    StreamInvocation,
)
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.quiet_log import Quiet

log = logging.getLogger("funcjson.signalr.connection")

STREAM_REFUSED = (
    "Invocation failed, streaming is not supported in serverless mode. "
    "The option --forward-streams of the local service gives streams to the upstream."
)
TOO_SLOW = "The client reads too slowly: too much data is waiting for it."
MAX_WORK = 256  # messages of one client that wait for upstream; then its transport is not read


class Sink(Protocol):
    """The writing side of a transport. Nothing here waits."""

    @property
    def transport_name(self) -> str:
        """ "WebSockets", "ServerSentEvents" or "LongPolling"."""

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        """Write or keep; gives how many bytes of earlier batches are not sent yet."""

    def close(self) -> None:
        """End cleanly after what was written. Harmless when already gone."""

    def is_stale(self, now: float) -> bool:
        """True if the client has abandoned the transport without telling."""

    def hold(self, is_held: bool) -> None:
        """Stop or go on reading, when upstream is slower than the client."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What a client may do, from its token. Times in seconds."""

    transports: frozenset[str]
    handshake_timeout_s: float
    poll_idle_s: float
    closes_at: float | None = None  # wall clock
    detailed_errors: bool = False
    diagnostic: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who connects, and to which hub."""

    hub: str
    user_id: str | None
    claims: Mapping[str, Any]
    query: str
    grants: Grants
    ip: str = ""


class Session:
    """One client connection, from negotiate to its end."""

    __slots__ = (
        "caller",
        "calls",
        "connection",
        "created",
        "current",
        "detached_at",
        "id",
        "info",
        "is_ended",
        "is_working",
        "sink",
        "stateful",
        "streams",
        "token",
        "user_id",
        "work",
    )

    def __init__(self, caller: Caller, token: str, connection_id: str, now: float) -> None:
        self.caller = caller
        self.token = token
        self.id = connection_id
        self.user_id = caller.user_id
        self.created = now
        self.stateful = False
        self.connection: Connection = _UNATTACHED
        self.sink: Sink | None = None
        self.detached_at: float | None = None
        self.info: ClientInfo | None = None  # set when the handshake succeeded
        self.is_ended = False
        self.is_working = False
        # These stay None until first used: most connections only listen.
        self.work: deque[Event | Ended] | None = None
        self.current: tuple[str, asyncio.Future[Any]] | None = None
        self.calls: dict[str, asyncio.Future[Completion]] | None = None
        self.streams: set[str] | None = None

    @property
    def is_attached(self) -> bool:
        """True once a transport has come."""
        return self.connection is not _UNATTACHED


_UNATTACHED = Connection(Rules(), 0.0)
_UNATTACHED.lost(None)


@dataclass(slots=True)
class Sessions:
    """All sessions of one node. Every method runs on the event loop's thread."""

    options: ServiceOptions
    events: ClientEvents
    observer: Observer | None = None
    hubs: dict[str, Hub[Session]] = field(default_factory=dict)
    by_token: dict[str, Session] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)  # hub -> its sessions, from negotiate on
    # What is to be written at the end of this turn: messages that all went to the same sessions, as long as
    # that is so; from then on the sessions that something was queued with.
    _wave: tuple[list[Payload], list[Session]] | None = None
    _dirty: list[Session] = field(default_factory=list)
    _is_scheduled: bool = False
    _burst: int = 0  # messages since the last write
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _quiet: Quiet = field(init=False)

    def __post_init__(self) -> None:
        self._quiet = Quiet(self.options.monotonic)

    # Life

    def hub(self, name: str) -> Hub[Session]:
        """The hub of that name, in any letter case; made when first asked for."""
        key = name.lower()
        found = self.hubs.get(key)
        if found is None:
            found = self.hubs[key] = Hub(key)
        return found

    def begin(self, caller: Caller, *, version: int = 1, stateful: bool = False) -> Session:
        """A new session. With negotiate version 0 the connection id is also the secret that attaches."""
        connection_id = secrets.token_urlsafe(16)
        token = connection_id if version == 0 else secrets.token_urlsafe(16)
        return self.take_in(caller, token, connection_id, stateful=stateful)

    def take_in(self, caller: Caller, token: str, connection_id: str, *, stateful: bool) -> Session:
        """A session with ids that another node has made."""
        session = Session(caller, token, connection_id, self.options.monotonic())
        session.stateful = stateful
        self.by_token[token] = session
        self.held[caller.hub.lower()] += 1
        return session

    def give_away(self, session: Session) -> None:
        """Another node has it from now on: forgotten here, and upstream hears nothing of it."""
        session.info = None
        self._end(session)

    def attach(self, session: Session, sink: Sink, *, binary: bool, pings: bool) -> None:
        """The first transport of a session; its handshake timer starts."""
        # Other transports cannot lose a message when they reconnect, so clients do not ask for it there.
        stateful = session.stateful and sink.transport_name == "WebSockets"
        self._connect(session, stateful=stateful, binary=binary, pings=pings)
        session.sink = sink

    def attach_later(self, session: Session) -> None:
        """A stateful session from another node: its socket comes with `reattach`, or it ends in time."""
        self._connect(session, stateful=True, binary=True, pings=True)
        session.detached_at = self.options.monotonic()

    def _connect(self, session: Session, *, stateful: bool, binary: bool, pings: bool) -> None:
        options, grants = self.options, session.caller.grants
        rules = Rules(
            keep_alive_s=options.keep_alive_s if pings else 0.0,
            client_timeout_s=options.client_timeout_s if pings else 0.0,
            handshake_timeout_s=grants.handshake_timeout_s,
            max_message_bytes=options.max_message_bytes,
            binary=binary,
            detailed_errors=options.detailed_errors or grants.detailed_errors,
            diagnostic=grants.diagnostic,
        )
        session.connection = Connection(rules, options.monotonic(), stateful=stateful)

    def reattach(self, session: Session, sink: Sink) -> None:
        """A stateful client is back on a new socket; an old one that still looks alive is replaced."""
        old, session.sink, session.detached_at = session.sink, sink, None
        if old is not None:
            old.close()
        session.connection.reattach(self.options.monotonic())
        self.flush(session)

    def received(self, session: Session, data: bytes) -> None:
        """Bytes of the client, cut anywhere."""
        self.settle()
        for event in session.connection.receive(data, self.options.monotonic()):
            self._act(session, event)
        self.flush(session)

    def lost(
        self, session: Session, sink: Sink, error: str | None, *, may_return: bool = True
    ) -> None:
        """A transport is gone. Without a close frame (`error`) a stateful client may come back."""
        if session.sink is not sink or session.is_ended:
            return
        self.settle()
        connection = session.connection
        is_loss = error is not None and may_return
        if is_loss and connection.resend is not None and connection.state is State.OPEN:
            session.sink = None
            session.detached_at = self.options.monotonic()
            connection.detach()
            return
        connection.lost(error)
        self._end(session)

    def close(self, session: Session, reason: str | None, *, allow_reconnect: bool = False) -> None:
        """Say Close, then end the transport."""
        self.settle()
        session.connection.close(reason, allow_reconnect=allow_reconnect)
        self.flush(session)

    def discard(self, session: Session) -> None:
        """End without a word: the client left by itself."""
        session.connection.lost(None)
        self._end(session)

    def _end(self, session: Session) -> None:
        """Once for each session: out of its hub, transport ended, upstream told."""
        if session.is_ended:
            return
        session.is_ended = True
        self.by_token.pop(session.token, None)
        hub = self.hub(session.caller.hub)
        hub.remove(session.id)
        self.held[hub.name] -= 1
        if not self.held[hub.name]:
            del self.held[hub.name]
        if hub.is_empty:
            self.hubs.pop(hub.name, None)
        if session.sink is not None:
            session.sink.close()
        for waiting in (session.calls or {}).values():
            if not waiting.done():
                waiting.set_exception(NoSuchConnection(f"connection {session.id} has closed"))
        session.calls = session.streams = None
        if session.info is not None:
            error = session.connection.error
            self.record("ConnectionEnded", session, {"error": error})
            self._queue_work(session, Ended(error))

    # Writing

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
        now, limit, is_open = self.options.monotonic(), self.options.buffer_bytes, State.OPEN
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
            if unsent > limit:
                self._drop(session, unsent, limit)
                self.flush(session)

    def flush(self, session: Session) -> None:
        """Write what is queued; after a Close message, end."""
        self.settle()
        connection = session.connection
        batch = connection.take(self.options.monotonic())
        sink = session.sink
        if batch is not None and sink is not None:
            unsent = sink.write(batch, connection.protocol)
            if unsent > self.options.buffer_bytes:
                self._drop(session, unsent, self.options.buffer_bytes)
        if connection.resend is not None and connection.resend.bytes:
            limit = self.options.buffer_bytes if sink is None else MAX_UNACKNOWLEDGED
            if connection.resend.bytes > limit:
                self._drop(session, connection.resend.bytes, limit)
        if connection.state is State.CLOSED and session.is_attached:
            self._end(session)

    def _drop(self, session: Session, unsent: int, limit: int) -> None:
        """The client does not read. The others must not notice, and memory must stay bounded."""
        connection = session.connection
        if connection.state is State.CLOSED:
            return
        log.warning(
            "connection %s of hub %s is dropped: it does not read, %s bytes wait for it (limit %s)",
            session.id,
            session.caller.hub,
            unsent,
            limit,
        )
        connection.close(TOO_SLOW, allow_reconnect=True)
        batch = connection.take(self.options.monotonic())
        if batch is not None and session.sink is not None:
            session.sink.write(batch, connection.protocol)

    # What clients say

    def _act(self, session: Session, event: Event) -> None:
        match event:
            case Opened():
                self._opened(session)
            case Invocation() | StreamInvocation():
                self._called(session, event)
            case Completion(invocation_id=call):
                waiting = (session.calls or {}).pop(call, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event)
            case CancelInvocation(invocation_id=call):
                self._cancelled(session, call)
            case _:
                # Items of streams that a client uploads have no receiver in serverless mode;
                # an Ended event shows in the connection's state.
                return

    def _opened(self, session: Session) -> None:
        caller, sink = session.caller, session.sink
        session.info = ClientInfo(
            session.id,
            caller.hub,
            caller.user_id,
            caller.claims,
            caller.query,
            session.connection.protocol.name,
            sink.transport_name if sink else "",
        )
        self.hub(caller.hub).add(session, self.options.wall())
        self.record("ConnectionConnected", session, {})
        self._queue_work(session, Opened())

    def _called(self, session: Session, message: Invocation | StreamInvocation) -> None:
        self.record("MessageReceived", session, {"target": message.target})
        refusal = ""
        if isinstance(message, StreamInvocation) and not self.options.forward_streams:
            refusal = STREAM_REFUSED
        elif message.stream_ids:
            refusal = "Invocation failed, uploading streams is not supported in serverless mode."
        if not refusal:
            self._queue_work(session, message)
            return
        self._fault(session, "CallRefused", refusal, {"target": message.target})
        if message.invocation_id is not None:
            self.reply(session, Completion(message.invocation_id, error=refusal))

    def _cancelled(self, session: Session, call: str) -> None:
        if _ends_stream(session, call):
            self.reply(session, Completion(call))
        elif session.current is not None and session.current[0] == call:
            session.current[1].cancel()

    def reply(self, session: Session, answer: Completion | bytes) -> None:
        """Send an answer to one connection; bytes are already framed in its protocol."""
        if session.is_ended:
            return
        payload = (
            Payload(Encoded({session.connection.protocol.name: answer}))
            if isinstance(answer, bytes)
            else Payload(answer)
        )
        self.deliver((session,), payload)

    # Upstream, in order for each connection

    def _queue_work(self, session: Session, item: Event) -> None:
        if session.work is None:
            session.work = deque()
        session.work.append(item)
        if len(session.work) == MAX_WORK and session.sink is not None:
            session.sink.hold(True)
        if not session.is_working:
            session.is_working = True
            task = asyncio.get_running_loop().create_task(self._do_work(session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _do_work(self, session: Session) -> None:
        work, info = session.work, session.info
        assert work is not None
        assert info is not None
        try:
            while work:
                if len(work) == MAX_WORK and session.sink is not None:
                    session.sink.hold(False)
                await self._do(session, info, work.popleft())
        finally:
            session.is_working = False

    async def _do(self, session: Session, info: ClientInfo, item: Event) -> None:
        """One call to upstream. Whatever breaks there must not stop the connection."""
        try:
            match item:
                case Opened():
                    rejection = await self.events.connected(info)
                    if isinstance(rejection, Rejection):
                        self.close(session, rejection.reason)
                case Ended(error=error):
                    await self.events.disconnected(info, error)
                case Invocation() | StreamInvocation():
                    await self._ask(session, info, item)
                case _:
                    return
        except Exception:
            # The seam to an upstream, which may be anybody's code: one broken event stops no other.
            log.exception("an event of connection %s failed in the upstream", session.id)

    async def _ask(
        self, session: Session, info: ClientInfo, message: Invocation | StreamInvocation
    ) -> None:
        call = message.invocation_id
        if call is None:
            await self.events.message(info, message)
            return
        is_stream = isinstance(message, StreamInvocation)
        if is_stream and not session.is_ended:
            # At once: an upstream may send items before it answers. Open until it, REST or the client ends it.
            session.streams = session.streams or set()
            session.streams.add(call)
        asking = asyncio.ensure_future(self.events.message(info, message))
        session.current = (call, asking)
        try:
            answer = await asking
        except asyncio.CancelledError:
            if not asking.cancelled() or _is_cancelling():
                raise
            answer = Completion(call, error="Invocation failed, response cancelled.")
        except Exception:
            if not is_stream or _ends_stream(session, call):
                self.reply(session, Completion(call, error="Invocation failed, status code 500"))
            raise
        finally:
            session.current = None
        if is_stream:
            stays_open = answer is None or (isinstance(answer, Completion) and answer.error is None)
            if stays_open or not _ends_stream(session, call):
                return
        self.reply(session, Completion(call) if answer is None else answer)

    # Time

    def tick(self) -> None:
        """About once a second: every timer of every session."""
        self.settle()
        now, wall = self.options.monotonic(), self.options.wall()
        for session in tuple(self.by_token.values()):
            self._tick(session, now, wall)
        for hub in tuple(self.hubs.values()):
            hub.forget_expired(wall)

    def _tick(self, session: Session, now: float, wall: float) -> None:
        if not session.is_attached:
            if now - session.created >= self.options.negotiate_timeout_s:
                self._end(session)
            return
        connection = session.connection
        if session.detached_at is not None:
            if now - session.detached_at >= self.options.stateful_window_s:
                connection.lost("The client did not come back in time.")
                self._end(session)
            return
        if session.sink is not None and session.sink.is_stale(now):
            connection.lost("The client stopped polling.")
            self._end(session)
            return
        closes_at = session.caller.grants.closes_at
        if closes_at is not None and wall >= closes_at:
            connection.close(None, allow_reconnect=True)
        else:
            connection.tick(now)
        if connection.pending is not None:
            self.flush(session)

    # The end of the node

    def close_everything(self) -> None:
        """Tell every client that the service goes, and that it may reconnect."""
        for session in tuple(self.by_token.values()):
            if session.is_attached:
                self.close(session, None, allow_reconnect=True)
            self._end(session)

    async def finish_work(self, timeout_s: float) -> None:
        """Let upstream hear of the last events, but not for long."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _fault(
        self, session: Session, event: str, why: str, fields: Mapping[str, Any] | None = None
    ) -> None:
        """What went wrong with a client: to the live trace each time, to the log once in a while."""
        self.record(event, session, {**(fields or {}), "error": why})
        self._warn(session, why)

    def _warn(self, session: Session, why: str) -> None:
        if self._quiet.may_log(f"{session.caller.hub} {why}"):
            log.warning("connection %s of hub %s: %s", session.id, session.caller.hub, why)

    def record(self, event: str, session: Session, fields: Mapping[str, Any]) -> None:
        """Tell the live trace, if there is one."""
        if self.observer is not None:
            self.observer.record(
                event,
                {
                    "hub": session.caller.hub,
                    "connectionId": session.id,
                    "userId": session.user_id,
                    "transport": session.info.transport if session.info else None,
                    "ip": session.caller.ip or None,
                    **fields,
                },
            )


def _ends_stream(session: Session, call: str) -> bool:
    """Close a stream; False if it had been closed already."""
    if not session.streams or call not in session.streams:
        return False
    session.streams.discard(call)
    return True


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
