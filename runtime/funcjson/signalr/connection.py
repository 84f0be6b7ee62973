"""One client connection as a machine without I/O: bytes in, events out; messages in, bytes out.

The whole protocol is here: handshake, ping, close, acknowledgements, and the order in which each is allowed.
Who drives it gives it bytes (`receive`), messages (`send`, `close`) and the time (`tick`), takes what must be
written (`take`) and looks at `state`. Nothing here knows of sockets, hubs or upstreams.

    HANDSHAKE --request--> OPEN --close--> CLOSING --taken--> CLOSED
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from funcjson.signalr.errors import ProtocolError
from funcjson.signalr.frames import Batch, Payload
from funcjson.signalr.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    Encoded,
    HubMessage,
    Invocation,
    Ping,
    SequenceStart,
    StreamInvocation,
    StreamItem,
)
from funcjson.signalr.protocols import PROTOCOLS, HubProtocol, protocol_named
from funcjson.signalr.protocols.json import handshake_response, parse_handshake

JSON = PROTOCOLS["json"]
# 2 is what clients say after negotiating a stateful reconnect, 0 what signalrcore says after negotiate v0.
SUPPORTED_VERSIONS = range(3)
CANCELED = "Handshake was canceled."
GENERIC_CLOSE = "Connection closed with an error."


class State(Enum):
    """Where a connection is in its life."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSING = "closing"  # a Close message waits to be written
    CLOSED = "closed"


class Act(Enum):
    """What to do with a hub message."""

    SURFACE = "surface"  # it is for whoever drives the connection
    IGNORE = "ignore"
    END = "end"
    ACKNOWLEDGED = "acknowledged"
    SEQUENCE = "sequence"


# After the handshake every message has its move; in any other state none has, and nothing is parsed.
MOVES: Mapping[type[Any], tuple[State, Act]] = {
    Invocation: (State.OPEN, Act.SURFACE),
    StreamInvocation: (State.OPEN, Act.SURFACE),
    StreamItem: (State.OPEN, Act.SURFACE),
    Completion: (State.OPEN, Act.SURFACE),
    CancelInvocation: (State.OPEN, Act.SURFACE),
    Ping: (State.OPEN, Act.IGNORE),
    Close: (State.CLOSED, Act.END),
    Ack: (State.OPEN, Act.ACKNOWLEDGED),
    SequenceStart: (State.OPEN, Act.SEQUENCE),
}
# The messages that stateful reconnect numbers.
NUMBERED = (Invocation, StreamInvocation, StreamItem, Completion, CancelInvocation)


@dataclass(frozen=True, slots=True)
class Opened:
    """Event: the handshake succeeded."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Event: the connection is over. `error` is None for a clean end by the client."""

    error: str | None


Event = Opened | Ended | Invocation | StreamInvocation | StreamItem | Completion | CancelInvocation


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between connections. Times in seconds, sizes in bytes."""

    keep_alive_s: float = 15.0  # 0: the transport needs no pings (long polling)
    client_timeout_s: float = 0.0  # 0: off
    handshake_timeout_s: float = 15.0
    max_message_bytes: int = 16 << 20
    binary: bool = True  # the transport carries binary protocols
    detailed_errors: bool = False
    diagnostic: bool = False  # a Close never allows a reconnect


class Resend:
    """Stateful reconnect: what the client has not acknowledged, and what it has sent."""

    __slots__ = (
        "acknowledged",
        "awaits_sequence",
        "bytes",
        "next",
        "position",
        "received",
        "waiting",
    )

    def __init__(self) -> None:
        self.next = 1  # number of the next message out
        self.waiting: deque[tuple[int, Payload, int]] = deque()  # number, message, its size
        self.bytes = 0
        self.received = 0  # number of the last message in that was new
        self.acknowledged = 0  # the highest number we told the client
        self.position = 0  # number of the last message in, new or repeated
        self.awaits_sequence = False

    def keep(self, payload: Payload, size: int) -> None:
        """Remember a message that is going out."""
        self.waiting.append((self.next, payload, size))
        self.next += 1
        self.bytes += size

    def acknowledge(self, number: int) -> None:
        """The client has everything up to `number`."""
        while self.waiting and self.waiting[0][0] <= number:
            self.bytes -= self.waiting.popleft()[2]

    def is_new(self) -> bool:
        """Count one numbered message in; False for one that was already handled."""
        self.position += 1
        if self.position <= self.received:
            return False
        self.received = self.position
        return True


class Connection:
    """The machine. Times are seconds of one monotonic clock, given by the caller."""

    __slots__ = (
        "_buffer",
        "error",
        "last_read",
        "last_write",
        "pending",
        "protocol",
        "resend",
        "rules",
        "started",
        "state",
    )

    def __init__(self, rules: Rules, now: float, *, stateful: bool = False) -> None:
        self.rules = rules
        self.state = State.HANDSHAKE
        self.protocol: HubProtocol = JSON
        self.pending: Batch | None = None
        self.error: str | None = None  # why it ended; None for a clean end
        self.started = self.last_read = self.last_write = now
        self.resend: Resend | None = Resend() if stateful else None
        self._buffer = bytearray()

    # In

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Bytes of the client, cut anywhere. A protocol error closes the connection, it never raises."""
        if self.state in (State.CLOSING, State.CLOSED):
            return []
        self._buffer += data
        self.last_read = now
        events: list[Event] = []
        try:
            fresh = len(data)
            if self.state is State.HANDSHAKE:
                fresh = len(self._buffer)
                self._shake_hands(events)
            if self.state is State.OPEN:
                self._read_records(fresh, events)
        except ProtocolError as error:
            self._fail(str(error), events)
        return events

    def _shake_hands(self, events: list[Event]) -> None:
        end = self._buffer.find(b"\x1e")
        if end < 0:
            if len(self._buffer) > self.rules.max_message_bytes:
                size = self.rules.max_message_bytes
                self._refuse(CANCELED, events, f"the first record has more than {size} bytes")
            return
        record = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            request = parse_handshake(record)
        except ProtocolError as error:
            text = "An unexpected error occurred during connection handshake."
            shown = f"{text} {error}" if self.rules.detailed_errors else text
            self._refuse(shown, events, str(error))
            return
        refusal = self._choose_protocol(request.protocol, request.version)
        if refusal:
            self._refuse(refusal, events)
            return
        self.state = State.OPEN
        self._say(handshake_response())
        events.append(Opened())

    def _choose_protocol(self, name: str, version: int) -> str:
        """Set the protocol; or the reason why not, in ASP.NET's words."""
        found = protocol_named(name)
        if found is None:
            return f"The protocol '{name}' is not supported."
        if version not in SUPPORTED_VERSIONS:
            return f"The server does not support version {version} of the '{name}' protocol."
        if found.is_binary and not self.rules.binary:
            return (
                f"Cannot use the '{name}' protocol on the current transport. "
                "The transport does not support 'Binary' transfer format."
            )
        self.protocol = found
        return ""

    def _read_records(self, fresh: int, events: list[Event]) -> None:
        protocol = self.protocol
        for record in protocol.split(self._buffer, fresh):
            if self.state is not State.OPEN:
                return
            found = protocol.parse(record)
            if found is not None:
                self._move(found, events)
        if len(self._buffer) > self.rules.max_message_bytes:
            size = self.rules.max_message_bytes
            raise ProtocolError(f"The maximum message size of {size}B was exceeded.")

    def _move(self, found: HubMessage, events: list[Event]) -> None:
        state, act = MOVES[type(found)]
        resend = self.resend
        if resend is not None:
            if resend.awaits_sequence and act is not Act.SEQUENCE and act is not Act.END:
                return  # sent on a socket whose place in the order is not known yet
            if isinstance(found, NUMBERED) and not resend.is_new():
                return
        self.state = state
        match found:
            case Close(error=error):
                self.error = error
                events.append(Ended(error))
            case Ack(sequence_id=number) if resend is not None:
                resend.acknowledge(number)
            case SequenceStart(sequence_id=number) if resend is not None:
                if number > resend.received + 1:
                    raise ProtocolError("Sequence ID greater than amount of messages received.")
                resend.awaits_sequence = False
                resend.position = number - 1
            case Invocation() | StreamInvocation() | StreamItem() | Completion():
                events.append(found)
            case CancelInvocation():
                events.append(found)

    # Out

    def send(self, payload: Payload) -> bool:
        """Queue a message. True if nothing was waiting before, so a write must be arranged."""
        if self.resend is not None and isinstance(payload.message, (*NUMBERED, Encoded)):
            self.resend.keep(payload, len(payload.data(self.protocol.name)))
        pending = self.pending
        if pending is None:
            self.pending = payload.alone()
            return True
        self.pending = pending.then(payload)
        return False

    def take(self, now: float) -> Batch | None:
        """What must be written now. After the Close message was taken the connection is closed."""
        batch, self.pending = self.pending, None
        if batch is not None:
            self.last_write = now
        if self.state is State.CLOSING:
            self.state = State.CLOSED
        return batch

    def close(self, error: str | None = None, *, allow_reconnect: bool = False) -> None:
        """Say Close (or refuse a handshake that is still going on) and end."""
        if self.state is State.OPEN:
            self.send(Payload(Close(error, allow_reconnect and not self.rules.diagnostic)))
        elif self.state is State.HANDSHAKE:
            self._say(handshake_response(error or CANCELED))
        else:
            return
        self.state = State.CLOSING
        self.error = error
        self._buffer.clear()

    def lost(self, error: str | None) -> None:
        """The transport is gone: nothing more can be written."""
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self.error = self.error or error
        self.pending = None
        self._buffer.clear()

    # Stateful reconnect

    def detach(self) -> None:
        """The socket died without a close frame: keep what the client may not have received."""
        self._buffer.clear()
        self.pending = None

    def reattach(self, now: float) -> None:
        """A new socket: no handshake; say where we are, then everything unacknowledged again."""
        resend = self.resend
        if resend is None:
            return
        self._buffer.clear()
        self.pending = None
        self.last_read = now
        resend.awaits_sequence = True
        first = resend.waiting[0][0] if resend.waiting else resend.next
        self.pending = Payload(SequenceStart(first)).alone()
        for _, payload, _ in resend.waiting:
            self.pending = self.pending.then(payload)

    # Time

    def tick(self, now: float) -> None:
        """Called about once a second: keep-alive, timeouts, acknowledgements."""
        rules = self.rules
        if self.state is State.HANDSHAKE:
            if now - self.started >= rules.handshake_timeout_s:
                self.close(CANCELED)
                self.error = f"no handshake came within {rules.handshake_timeout_s:g} s"
            return
        if self.state is not State.OPEN:
            return
        if rules.client_timeout_s and now - self.last_read >= rules.client_timeout_s:
            self.close(
                f"Client hasn't sent a message/ping within the configured "
                f"{rules.client_timeout_s:g} s.",
                allow_reconnect=True,
            )
            return
        resend = self.resend
        if resend is not None and resend.received > resend.acknowledged:
            resend.acknowledged = resend.received
            self.send(Payload(Ack(resend.received)))
        if rules.keep_alive_s and now - self.last_write >= rules.keep_alive_s:
            self.send(PING)

    # Failures

    def _refuse(self, text: str, events: list[Event], reason: str = "") -> None:
        """`reason` is for us where the client is told less."""
        self._say(handshake_response(text))
        self.state = State.CLOSING
        self.error = reason or text
        self._buffer.clear()
        events.append(Ended(text))

    def _fail(self, text: str, events: list[Event]) -> None:
        shown = f"{GENERIC_CLOSE} {text}" if self.rules.detailed_errors else GENERIC_CLOSE
        self.close(shown)
        self.error = text
        events.append(Ended(text))

    def _say(self, data: bytes) -> None:
        payload = Payload(Encoded({self.protocol.name: data}))
        self.pending = payload.alone() if self.pending is None else self.pending.then(payload)


PING = Payload(Ping())  # the same for every connection, so encoded once
