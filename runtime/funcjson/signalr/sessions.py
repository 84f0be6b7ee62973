"""Live connections, from negotiate to their end: what begins, closes and times them, and what clients say.

A session begins at negotiate (or at a WebSocket without one), gets a transport, becomes a member of its hub when
the handshake succeeds, and ends once. How messages reach it is writing.py, how upstream hears of it upstream_queue.py.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

from funcjson.signalr.connection import (
    Connection,
    Ended,
    Event,
    Opened,
    Rules,
    State,
)
from funcjson.signalr.errors import NoSuchConnection
from funcjson.signalr.events import ClientEvents, ClientInfo, Observer
from funcjson.signalr.frames import Payload
from funcjson.signalr.hub import Hub
from funcjson.signalr.messages import (
    CancelInvocation,
    Completion,
    Encoded,
    Invocation,
    StreamInvocation,
)
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.quiet_log import Quiet
from funcjson.signalr.session import Caller, Session, Sink
from funcjson.signalr.upstream_queue import UpstreamQueue
from funcjson.signalr.writing import Writing

log = logging.getLogger("funcjson.signalr.connection")

STREAM_REFUSED = (
    "Invocation failed, streaming is not supported in serverless mode. "
    "The option --forward-streams of the local service gives streams to the upstream."
)


@dataclass(slots=True)
class Sessions:
    """All sessions of one node. Every method runs on the event loop's thread."""

    options: ServiceOptions
    events: InitVar[ClientEvents]
    observer: Observer | None = None
    hubs: dict[str, Hub[Session]] = field(default_factory=dict)
    by_token: dict[str, Session] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)  # hub -> its sessions, from negotiate on
    _writing: Writing = field(init=False)
    upstream: UpstreamQueue = field(init=False)
    # Tokens of the last that ended: what their clients still had under way is no mistake.
    just_ended: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    _quiet: Quiet = field(init=False)

    def __post_init__(self, events: ClientEvents) -> None:
        self._quiet = Quiet(self.options.monotonic)
        self._writing = Writing(self.options, self._end)
        self.upstream = UpstreamQueue(events, self.close, self.reply)

    # Life

    def hub(self, name: str) -> Hub[Session]:
        """The hub of that name, in any letter case; made when first asked for."""
        key = name.lower()
        found = self.hubs.get(key)
        if found is None:
            found = self.hubs[key] = Hub(key)
        return found

    @property
    def remembered(self) -> int:
        """How many times a user is remembered for a group."""
        return sum(len(groups) for hub in self.hubs.values() for groups in hub.tags.values())

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
        session.backlog = None
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
        self.just_ended.append(session.token)
        self.by_token.pop(session.token, None)
        why = session.connection.error
        if session.info is None and why is not None and session.is_attached:
            self.record("HandshakeFailed", session, {"error": why})
            self._warn(session, f"the handshake failed: {why}")
        hub = self.hub(session.caller.hub)
        groups = hub.groups_of(session.id)
        hub.remove(session.id)
        self.held[hub.name] -= 1
        if not self.held[hub.name]:
            del self.held[hub.name]
        self._forget_if_empty(hub)
        if session.sink is not None:
            session.sink.close()
        for waiting in (session.calls or {}).values():
            if not waiting.done():
                waiting.set_exception(NoSuchConnection(f"connection {session.id} has closed"))
        session.calls = session.streams = None
        if session.info is not None:
            error = session.connection.error
            fields = {"error": error, "groups": sorted(groups) or None}
            self.record("ConnectionEnded", session, fields)
            self.upstream.put(session, Ended(error))

    def _forget_if_empty(self, hub: Hub[Session]) -> None:
        if hub.is_empty:  # made for a user that was remembered, or by a session without a handshake
            self.hubs.pop(hub.name, None)

    # Writing

    def deliver(self, audience: Iterable[Session], payload: Payload) -> int:
        """Queue a message with each connection; gives how many."""
        return self._writing.deliver(audience, payload)

    def settle(self) -> None:
        """Queue what is on its way with each session, before something else is said."""
        self._writing.settle()

    def flush(self, session: Session) -> None:
        """Write what is queued; after a Close message, end."""
        self._writing.flush(session)

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
            case Ended(error=why) if session.info and session.connection.state is State.CLOSING:
                # The other Ended events are a client's own wish, or a handshake, which `_end` tells.
                self._warn(session, f"it sent what is no hub message: {why}")
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
            caller.ip,
            session.connection.rules.detailed_errors,
        )
        self.hub(caller.hub).add(session, self.options.wall())
        self.record("ConnectionConnected", session, {})
        self.upstream.put(session, Opened())

    def _called(self, session: Session, message: Invocation | StreamInvocation) -> None:
        self.record("MessageReceived", session, {"target": message.target})
        refusal = ""
        if isinstance(message, StreamInvocation) and not self.options.forward_streams:
            refusal = STREAM_REFUSED
        elif message.stream_ids:
            refusal = "Invocation failed, uploading streams is not supported in serverless mode."
        if not refusal:
            self.upstream.put(session, message)
            return
        self.record("CallRefused", session, {"target": message.target, "error": refusal})
        self._warn(session, refusal)
        if message.invocation_id is not None:
            self.reply(session, Completion(message.invocation_id, error=refusal))

    def _cancelled(self, session: Session, call: str) -> None:
        if session.ends_stream(call):
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

    # Time

    def tick(self) -> None:
        """About once a second: every timer of every session and hub."""
        self.settle()
        now, wall = self.options.monotonic(), self.options.wall()
        for session in tuple(self.by_token.values()):
            self._tick(session, now, wall)
        for hub in tuple(self.hubs.values()):
            hub.forget_expired(wall)
            self._forget_if_empty(hub)

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

    # The end of the node, or of what its clients could rely on

    def close_attached(self, reason: str | None) -> int:
        """Close every connection so that its client may reconnect; gives how many."""
        found = [session for session in self.by_token.values() if session.is_attached]
        for session in found:
            self.close(session, reason, allow_reconnect=True)
        return len(found)

    def close_everything(self) -> None:
        """Tell every client that the service goes, and that it may reconnect."""
        for session in tuple(self.by_token.values()):
            if session.is_attached:
                self.close(session, None, allow_reconnect=True)
            self._end(session)

    async def finish_work(self, timeout_s: float) -> None:
        """Let upstream hear of the last events, but not for long."""
        await self.upstream.finish(timeout_s)

    def _warn(self, session: Session, why: str) -> None:
        """What went wrong with a client, once in a while; the live trace has it each time."""
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
                    "transport": session.info.transport
                    if session.info
                    else session.sink and session.sink.transport_name,
                    "ip": session.caller.ip or None,
                    **fields,
                },
            )
