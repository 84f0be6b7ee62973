"""What the service tells others: the events of client connections for an upstream, and a live trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from funcjson.signalr.messages import Completion, Invocation, StreamInvocation


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One connection, as upstream and inspection see it."""

    id: str
    hub: str
    user_id: str | None
    claims: Mapping[str, Any]
    query: str  # the client's connect query without secrets; starts with "?", or is empty
    protocol: str  # "json" or "messagepack"
    transport: str  # "WebSockets", "ServerSentEvents" or "LongPolling"
    ip: str = ""
    detailed_errors: bool = False  # it may hear reasons that the real service keeps to itself


@dataclass(frozen=True, slots=True)
class Rejection:
    """An upstream's wish that a connection be closed; `reason` goes into the Close message."""

    reason: str


class ClientEvents(Protocol):
    """Where the events of client connections go: an upstream over HTTP, or a host in this process.

    For one connection calls never overlap and keep their order: `connected`, then messages, then
    `disconnected` exactly once, after the last message. Calls of different connections run at the
    same time. An exception raised here never closes the connection: it is logged, and a caller that
    waits gets an error Completion.
    """

    async def connected(self, client: ClientInfo) -> Rejection | None:
        """A client finished its handshake. The real service never rejects here: None is like it."""

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        """A client is gone; `error` is None for a clean end."""

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        """A client called `message.target`.

        With an invocation id the answer is for the caller: a Completion, or one already encoded and
        framed in the client's protocol, or None for success without a result. Without an id the
        answer is ignored. `protocols.record_of` gives the unframed record to forward.
        """


class Observer(Protocol):
    """Hears what happens, for the live trace; must return at once and never raise."""

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        """`event` such as "ConnectionConnected"; `fields` are JSON-like and hold no secret."""


class NoUpstream:
    """The events of a service without upstream: a caller that waits learns at once why not."""

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
