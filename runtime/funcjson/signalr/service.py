"""The verbs of the service: send, join, leave, close, ask; each knows nothing of HTTP.

`SignalRService` is what the REST surface calls, and the only object that changes connections, users and groups.
Hub names are case-insensitive everywhere here; users, groups and connection ids compare exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from funcjson.signalr.messages import Completion, Invocation, Sendable, StreamInvocation

EMULATOR_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"  # the official emulator's fixed key

AudienceMode = Literal["strict", "local", "off"]
Tier = Literal["free", "standard", "off"]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Everything that can be set. Times are seconds, sizes are bytes; 0 turns a timer off where it says so."""

    host: str = "127.0.0.1"
    port: int = 8888  # 0: any free port, read it back from SignalRServer.port
    keys: tuple[str, ...] = (EMULATOR_KEY,)  # any of them verifies; the first one signs
    client_endpoint: str = ""  # another URL that clients (and audiences) may use, e.g. behind a container
    audience: AudienceMode = "local"
    strict_versions: bool = False  # `api-version` must be present and known on /api/hubs
    limits: bool = True  # sizes of the real service
    tier: Tier = "off"  # quotas of the real service: connections, messages a day
    strict_delivery: bool = False  # a send that reaches nobody is an error
    cors_origins: tuple[str, ...] = ("*",)
    keep_alive_s: float = 15.0
    client_timeout_s: float = 0.0  # 0: off, a client that never pings stays (signalrcore does not)
    handshake_timeout_s: float = 15.0
    negotiate_timeout_s: float = 15.0
    poll_timeout_s: float = 90.0
    poll_idle_s: float = 5.0
    stateful_window_s: float = 30.0
    stateful_buffer_bytes: int = 100_000
    invoke_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    buffer_bytes: int = 1 << 20  # unsent bytes of one connection; more and it is dropped with a reason
    max_message_bytes: int = 16 << 20  # one message of a WebSocket client
    max_post_bytes: int = 1 << 20  # one POST of an SSE or long polling client, and one REST body
    parallel_invocations: int = 1  # upstream calls of one connection at a time; 1 keeps their order
    rest_close_allows_reconnect: bool = False
    forward_streams: bool = False  # give client streams to upstream; the real service refuses them
    detailed_errors: bool = False
    certfile: str = ""
    keyfile: str = ""
    monotonic: Callable[[], float] = time.monotonic  # every timer reads this
    wall: Callable[[], float] = time.time  # token lifetimes and user-group ttl read this


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One connection, as upstream and inspection see it. `query` is the client's connect query without secrets."""

    id: str
    hub: str
    user_id: str | None
    claims: Mapping[str, Any]
    query: str  # starts with "?", or is empty
    protocol: str  # "json" or "messagepack"
    transport: str  # "WebSockets", "ServerSentEvents" or "LongPolling"


@dataclass(frozen=True, slots=True)
class Rejection:
    """An upstream's wish that a connection be closed; `reason` goes into the Close message."""

    reason: str


class ClientEvents(Protocol):
    """Where the events of client connections go: an upstream over HTTP, or the host in this process.

    For one connection calls never overlap and keep their order: `connected`, then messages, then `disconnected`
    exactly once, after the last message. Calls of different connections run at the same time. An exception
    raised here never closes the connection: it is logged, and a caller that waits gets an error Completion.
    """

    async def connected(self, client: ClientInfo) -> Rejection | None:
        """A client finished its handshake. The real service never rejects here: return None to be like it."""

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        """A client is gone; `error` is None for a clean end."""

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        """A client called `message.target`.

        With an invocation id the answer is for the caller: a Completion, or one already encoded and framed in
        the client's protocol, or None for success without a result. Without an id the answer is ignored.
        `message.raw` is the unframed record to forward; encode the message again where it is empty.
        """


class Observer(Protocol):
    """Hears what happens, for the live trace; must return at once and never raise."""

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        """`event` such as "ConnectionConnected" or "MessageSent"; `fields` are JSON-like and hold no secret."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one send. `why` is empty, or one sentence: why nobody, or not everybody, received it."""

    delivered: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A connection in a group."""

    connection_id: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a group, ordered by connection id; `more` tells that others come after the last one."""

    members: tuple[Member, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What a client returned. `protocol` is its hub protocol; `has_result` is False for a void completion."""

    result: Any = None
    has_result: bool = False
    protocol: str = "json"


class NoUpstream:
    """The ClientEvents of a service without upstream: a caller that waits learns at once that nobody answers."""

    async def connected(self, client: ClientInfo) -> Rejection | None:
        return None

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        return None

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        if message.invocation_id is None:
            return None
        return Completion(
            message.invocation_id,
            error=f"Invocation failed, no upstream is configured for hub '{client.hub}', "
            f"category 'messages', event '{message.target}'.",
        )


@dataclass(slots=True)
class SignalRService:
    """All hubs of one node, and the verbs on them."""

    options: ServiceOptions
    events: ClientEvents = field(default_factory=NoUpstream)
    observer: Observer | None = None

    # Sends. The message is encoded once per protocol; 0 recipients is never an error here.

    async def send_to_all(
        self, hub: str, message: Sendable, *, excluded: Collection[str] = ()
    ) -> Verdict:
        """Send to every connection of the hub but those whose id is in `excluded`."""
        raise NotImplementedError

    async def send_to_user(
        self, hub: str, user_id: str, message: Sendable, *, excluded: Collection[str] = ()
    ) -> Verdict:
        """Send to every connection of one user."""
        raise NotImplementedError

    async def send_to_group(
        self, hub: str, group: str, message: Sendable, *, excluded: Collection[str] = ()
    ) -> Verdict:
        """Send to every connection in a group."""
        raise NotImplementedError

    async def send_to_connection(self, hub: str, connection_id: str, message: Sendable) -> Verdict:
        """Send to one connection."""
        raise NotImplementedError

    # Presence

    async def connection_exists(self, hub: str, connection_id: str) -> bool:
        """True if the connection has finished its handshake and is not closed."""
        raise NotImplementedError

    async def user_exists(self, hub: str, user_id: str) -> bool:
        """True if the user has at least one connection."""
        raise NotImplementedError

    async def group_exists(self, hub: str, group: str) -> bool:
        """True if the group has at least one live connection."""
        raise NotImplementedError

    async def user_in_group(self, hub: str, user_id: str, group: str) -> bool:
        """True if the user is remembered for the group, or has a live connection in it."""
        raise NotImplementedError

    async def list_group_connections(
        self, hub: str, group: str, *, after: str = "", limit: int = 200
    ) -> MemberPage:
        """Members whose connection id is greater than `after`, at most `limit`, ordered by id."""
        raise NotImplementedError

    # Groups

    async def add_connection_to_group(self, hub: str, connection_id: str, group: str) -> bool:
        """False if there is no such connection."""
        raise NotImplementedError

    async def remove_connection_from_group(self, hub: str, connection_id: str, group: str) -> bool:
        """False if there is no such connection; True also when it was not a member."""
        raise NotImplementedError

    async def remove_connection_from_all_groups(self, hub: str, connection_id: str) -> bool:
        """False if there is no such connection; True also when it was in no group."""
        raise NotImplementedError

    async def add_user_to_group(
        self, hub: str, user_id: str, group: str, *, ttl_s: int | None = None
    ) -> None:
        """Join the user's connections now, and those that start while the user is remembered.

        `ttl_s` None: remembered for a year, at most 100 such groups of a user (the newest); 0: not remembered.
        A connection that joined stays until it is removed or closed, also after the ttl.
        """
        raise NotImplementedError

    async def remove_user_from_group(self, hub: str, user_id: str, group: str) -> None:
        """Forget the user for this group and take its live connections out."""
        raise NotImplementedError

    async def remove_user_from_all_groups(self, hub: str, user_id: str) -> None:
        """Forget the user for all groups and take its live connections out of every group."""
        raise NotImplementedError

    # Closing. A Close message is sent first, then the transport is closed; `reason` becomes its error.

    async def close_connection(
        self, hub: str, connection_id: str, *, reason: str | None = None
    ) -> bool:
        """False if there is no such connection."""
        raise NotImplementedError

    async def close_all(
        self, hub: str, *, excluded: Collection[str] = (), reason: str | None = None
    ) -> int:
        """Close every connection of the hub; gives how many."""
        raise NotImplementedError

    async def close_user(
        self, hub: str, user_id: str, *, excluded: Collection[str] = (), reason: str | None = None
    ) -> int:
        """Close every connection of a user; gives how many."""
        raise NotImplementedError

    async def close_group(
        self, hub: str, group: str, *, excluded: Collection[str] = (), reason: str | None = None
    ) -> int:
        """Close every connection of a group; gives how many."""
        raise NotImplementedError

    # Asking one client

    async def invoke_connection(
        self, hub: str, connection_id: str, target: str, arguments: Sequence[Any], timeout_s: float = 0
    ) -> ClientResult:
        """Call `target` on one client and wait for its answer (`timeout_s` 0: the option's).

        Raises NoSuchConnection (also when it leaves before answering), ClientResultError, ClientResultTimeout.
        """
        raise NotImplementedError

    async def send_stream_item(
        self, hub: str, connection_id: str, stream_id: str, item: Any
    ) -> bool:
        """Give one item to a stream that the client opened. False if no such stream is open."""
        raise NotImplementedError

    async def complete_stream(
        self, hub: str, connection_id: str, stream_id: str, *, error: str | None = None
    ) -> bool:
        """End a stream that the client opened. False if no such stream is open."""
        raise NotImplementedError

    # Inspection

    def state(self) -> dict[str, Any]:
        """{"hubs": {name: {"connections": [...], "users": {...}, "groups": {...}}}}, JSON-like."""
        raise NotImplementedError
