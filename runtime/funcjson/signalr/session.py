"""One client connection: who it is, its protocol machine, its transport, and what it waits for. Plain data."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from funcjson.signalr.backlog import Backlog
from funcjson.signalr.connection import Connection, Ended, Event, Rules
from funcjson.signalr.events import ClientInfo
from funcjson.signalr.frames import Batch
from funcjson.signalr.messages import Completion
from funcjson.signalr.protocols import HubProtocol


class Sink(Protocol):
    """The writing side of a transport. Nothing here waits."""

    @property
    def transport_name(self) -> str:
        """ "WebSockets", "ServerSentEvents" or "LongPolling"."""

    @property
    def grace_s(self) -> float:
        """How long a client that was not seen to read yet may take nothing, when much waits for it."""

    @property
    def taken(self) -> int:
        """How many bytes of what had to wait were taken, ever."""

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
        "backlog",
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
        self.backlog: Backlog | None = None  # of the present transport

    @property
    def is_attached(self) -> bool:
        """True once a transport has come."""
        return self.connection is not _UNATTACHED

    def ends_stream(self, call: str) -> bool:
        """Close a stream that the client opened; False if it had been closed already."""
        if not self.streams or call not in self.streams:
            return False
        self.streams.discard(call)
        return True


_UNATTACHED = Connection(Rules(), 0.0)
_UNATTACHED.lost(None)
