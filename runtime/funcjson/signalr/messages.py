"""Hub messages as frozen dataclasses: what a client and the service say to each other, in any encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

# Ours, since no service is known to forward streams: by which id REST answers the stream that an upstream was given.
STREAM_HEADER = "X-Funcjson-Stream-Id"


class Kind(IntEnum):
    """The `type` member of a hub message."""

    INVOCATION = 1
    STREAM_ITEM = 2
    COMPLETION = 3
    STREAM_INVOCATION = 4
    CANCEL_INVOCATION = 5
    PING = 6
    CLOSE = 7
    ACK = 8
    SEQUENCE = 9


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call of `target`. With `invocation_id` the caller waits for a Completion.

    `raw` is the record as the client sent it, without framing; empty for one that we made, and for one that
    carried headers (clients leak their bearer token there, so such a record is encoded again without them).
    """

    target: str
    arguments: Sequence[Any] = ()
    invocation_id: str | None = None
    stream_ids: tuple[str, ...] = ()
    raw: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StreamInvocation:
    """A call whose results are StreamItems, ended by a Completion. `raw` as in Invocation."""

    target: str
    arguments: Sequence[Any]
    invocation_id: str
    stream_ids: tuple[str, ...] = ()
    raw: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StreamItem:
    """One item of a stream."""

    invocation_id: str
    item: Any


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a call: an error, or a result if `has_result`, or nothing."""

    invocation_id: str
    result: Any = None
    error: str | None = None
    has_result: bool = False


@dataclass(frozen=True, slots=True)
class CancelInvocation:
    """The caller no longer wants the stream or result."""

    invocation_id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Keeps a quiet connection alive."""


@dataclass(frozen=True, slots=True)
class Close:
    """The sender is about to close; a client may reconnect only if `allow_reconnect`."""

    error: str | None = None
    allow_reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Ack:
    """Stateful reconnect: everything up to `sequence_id` was received."""

    sequence_id: int


@dataclass(frozen=True, slots=True)
class SequenceStart:
    """Stateful reconnect: the next numbered message is number `sequence_id`."""

    sequence_id: int


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    """The first record of a client: always JSON, whatever protocol it asks for."""

    protocol: str
    version: int


HubMessage = (
    Invocation
    | StreamInvocation
    | StreamItem
    | Completion
    | CancelInvocation
    | Ping
    | Close
    | Ack
    | SequenceStart
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """An invocation that its sender encoded and framed itself: protocol name -> bytes to forward verbatim.

    Connections whose protocol is not a key get nothing.
    """

    by_protocol: Mapping[str, bytes]


Sendable = Invocation | Encoded
