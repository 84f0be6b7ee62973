"""What is connected, as plain data: of one node, and of all nodes that are joined, as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from funcjson.signalr.hub import Hub
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions

# Of each hub: {name: {"connections": [...], "handshaking": [...], "users": {}, "groups": {}, "remembered": {}}}
State = dict[str, Any]


def hubs_of(sessions: Sessions) -> State:
    """The hubs of one node. `remembered` has the groups that later connections of a user join.

    `handshaking` are clients whose transport is open and who have not finished their handshake.
    """
    early: dict[str, list[Session]] = {}
    for session in sessions.by_token.values():
        if session.is_attached and session.info is None:
            early.setdefault(session.caller.hub.lower(), []).append(session)
    now = sessions.options.wall()
    return {
        name: _hub(sessions.hubs.get(name) or Hub(name), early.get(name, ()), now)
        for name in sorted({*sessions.hubs, *early})
    }


def _hub(hub: Hub[Session], early: Iterable[Session], now: float) -> State:
    return {
        "connections": [
            {
                "id": session.id,
                "userId": session.user_id,
                "protocol": session.connection.protocol.name,
                "transport": session.info.transport if session.info else None,
                "groups": sorted(hub.groups_of(session.id)),
            }
            for session in hub.connections.values()
        ],
        "handshaking": [
            {
                "id": session.id,
                "userId": session.user_id,
                "transport": session.sink.transport_name if session.sink else None,
            }
            for session in early
        ],
        "users": {user: sorted(found) for user, found in sorted(hub.users.items())},
        "groups": {group: sorted(found) for group, found in sorted(hub.groups.items())},
        "remembered": {
            user: groups
            for user in sorted(hub.tags)
            if (groups := sorted(hub.remembered(user, now)))
        },
    }


def merged(parts: Iterable[tuple[str, Mapping[str, Any]]]) -> State:
    """The hubs of several nodes as one: `parts` are a node's name and its hubs; each connection says its node."""
    hubs: dict[str, State] = {}
    for node, found in parts:
        for name, part in found.items():
            hub = hubs.setdefault(
                name,
                {"connections": [], "handshaking": [], "users": {}, "groups": {}, "remembered": {}},
            )
            for kind in ("connections", "handshaking"):
                hub[kind] += [{**each, "node": node} for each in part.get(kind, ())]
            for kind in ("users", "groups", "remembered"):
                for key, members in part[kind].items():
                    hub[kind][key] = sorted({*hub[kind].get(key, ()), *members})
    for hub in hubs.values():
        for kind in ("users", "groups", "remembered"):
            hub[kind] = dict(sorted(hub[kind].items()))
    return dict(sorted(hubs.items()))
