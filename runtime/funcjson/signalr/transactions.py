"""Several commands on the connections that a filter selects, all of them or none.

The commands and their members are those of the published document of 2024-12-01. The connections are selected once,
before the first command; the commands then run in their order with nothing between them on each node. Nodes do not
wait for each other: two transactions that begin on different nodes may meet in either order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from funcjson.signalr.filter import Subject, parse
from funcjson.signalr.frames import Payload
from funcjson.signalr.hub import Hub
from funcjson.signalr.messages import Encoded, Invocation
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message to each selected connection."""

    message: Invocation


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Put each selected connection into a group."""

    group: str


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Take each selected connection out of a group."""

    group: str


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close each selected connection; `reason` becomes the Close message's error."""

    reason: str | None = None


Command = SendMessage | JoinGroup | LeaveGroup | CloseConnection
Frames = Callable[[Payload], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a transaction. `matched` of `connections` were selected; `delivered` has a number for each
    SendMessage; `why` is empty, or one sentence: why nobody, or not everybody.
    """

    matched: int
    connections: int
    delivered: tuple[int, ...] = ()
    why: str = ""


def to_wire(commands: Iterable[Command], frames: Frames) -> list[dict[str, Any]]:
    """Commands as a node is asked to run them; `frames` encodes a message for every protocol."""
    asked: list[dict[str, Any]] = []
    for command in commands:
        match command:
            case SendMessage(message=message):
                asked.append({"type": "send", "frames": frames(Payload(message))})
            case JoinGroup(group=group):
                asked.append({"type": "join", "group": group})
            case LeaveGroup(group=group):
                asked.append({"type": "leave", "group": group})
            case CloseConnection(reason=reason):
                asked.append({"type": "close", "reason": reason})
    return asked


def run(
    sessions: Sessions, hub: Hub[Session], filter_text: str, asked: Sequence[Mapping[str, Any]]
) -> Executed:
    """Run commands, as `to_wire` gives them, on this node's connections. Raises FilterError."""
    everybody = list(hub.all())
    selected = everybody
    if filter_text:
        predicate = parse(filter_text)
        selected = [s for s in everybody if predicate(_subject(hub, s))]
    delivered = []
    for command in asked:
        match command["type"]:
            case "send":
                delivered.append(_send(sessions, selected, command["frames"]))
            case "join":
                for session in selected:
                    hub.join(session.id, command["group"])
            case "leave":
                for session in selected:
                    hub.leave(session.id, command["group"])
            case "close":
                allow = sessions.options.rest_close_allows_reconnect
                for session in selected:
                    sessions.close(session, command["reason"], allow_reconnect=allow)
    return Executed(len(selected), len(everybody), tuple(delivered))


def _subject(hub: Hub[Session], session: Session) -> Subject:
    return Subject(session.id, session.user_id, hub.groups_of(session.id))


def _send(sessions: Sessions, selected: Iterable[Session], frames: Mapping[str, bytes]) -> int:
    payload = Payload(Encoded(frames))
    audience = [
        session
        for session in selected
        if not session.is_ended and payload.speaks(session.connection.protocol.name)
    ]
    return sessions.deliver(audience, payload)


def total(parts: Sequence[Executed]) -> Executed:
    """One transaction, as each node ran its part."""
    return Executed(
        sum(part.matched for part in parts),
        sum(part.connections for part in parts),
        tuple(sum(counts) for counts in zip(*(part.delivered for part in parts), strict=True)),
    )
