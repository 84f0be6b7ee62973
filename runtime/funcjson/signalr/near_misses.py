"""Why a message reached nobody, in one sentence for a person; it guesses near misses."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from funcjson.signalr.hub import TAGS_WITHOUT_TTL, Hub
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions

# How much a sentence tells. Of several nodes' sentences the best one is shown.
EMPTY, OTHERS_LISTED, NO_SUCH_NAME, CLEAR = range(4)


def explain(sessions: Sessions, hub: str, to: str, name: str) -> tuple[int, str]:
    """(how much it tells, the sentence) for a message to `to` ("all", "user", "group", "connection")."""
    key = hub.lower()
    found = sessions.hubs.get(key)
    early = _early(sessions, key, to, name)
    if early:
        return CLEAR, early
    if found is None or not found.connections:
        elsewhere = _elsewhere(sessions, to, name)
        if elsewhere:
            return CLEAR, f"hub '{key}' has 0 connections; {to} '{name}' is in hub '{elsewhere}'"
        return _empty_hub(sessions, key)
    if to == "all":
        return CLEAR, f"every connection of hub '{key}' is excluded"
    if to == "connection":
        elsewhere = _elsewhere(sessions, to, name)
        text = f"hub '{key}' has no connection '{name}'"
        if elsewhere:
            return CLEAR, f"{text}; it is in hub '{elsewhere}'"
        return NO_SUCH_NAME, text
    known: Mapping[str, Any] = found.users if to == "user" else found.groups
    if name in known:
        return CLEAR, f"every connection of {to} '{name}' in hub '{key}' is excluded"
    if to == "group" and any(name in tags for tags in found.tags.values()):
        return CLEAR, f"group '{name}' of hub '{key}' has members, but none of them is connected"
    near = difflib.get_close_matches(name.lower(), {n.lower(): n for n in known}, 1, 0.75)
    spelled = next((n for n in known if near and n.lower() == near[0]), None)
    hint = f"; did you mean '{spelled}', which has {len(known[spelled])}?" if spelled else ""
    elsewhere = _elsewhere(sessions, to, name)
    if elsewhere:
        hint = f"; it is in hub '{elsewhere}'"
    elif not hint and known:
        listed = ", ".join(f"'{n}' ({len(members)})" for n, members in sorted(known.items())[:5])
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        hint = f"; {to}s there: {listed}{more}"
    if to == "group" and not elsewhere:
        hint += _forgotten(found)
    rank = CLEAR if spelled or elsewhere else NO_SUCH_NAME
    return rank, f"hub '{key}' has no {to} '{name}' with a connection{hint}"


def _early(sessions: Sessions, key: str, to: str, name: str) -> str:
    """Says that the connection, or each one of the user, is there but has not shaken hands; or ""."""
    if to not in ("connection", "user"):
        return ""
    found = sessions.hubs.get(key)
    if to == "user" and found is not None and name in found.users:
        return ""
    waiting = sum(
        session.info is None
        and session.caller.hub.lower() == key
        and (session.id if to == "connection" else session.user_id) == name
        for session in sessions.by_token.values()
    )
    if not waiting:
        return ""
    if to == "connection":
        return f"connection '{name}' has not finished its handshake in hub '{key}'"
    if waiting == 1:
        return (
            f"user '{name}' has 1 connection in hub '{key}', which has not finished its handshake"
        )
    of = f"user '{name}' has {waiting} connections in hub '{key}'"
    return f"{of}, none of which has finished its handshake"


def _forgotten(hub: Hub[Session]) -> str:
    """Says that a user is in so many groups that older ones were forgotten; or ""."""
    for user, tags in hub.tags.items():
        if sum(not tag.has_ttl for tag in tags.values()) >= TAGS_WITHOUT_TTL:
            return f"; user '{user}' is remembered for the newest {TAGS_WITHOUT_TTL} groups only"
    return ""


def _elsewhere(sessions: Sessions, to: str, name: str) -> str:
    """The hub in which exactly this connection, user or group is; or ""."""
    for hub in sessions.hubs.values():
        known: Mapping[str, Mapping[str, Any]] = {
            "connection": hub.connections,
            "user": hub.users,
            "group": hub.groups,
        }
        if name in known.get(to, ()):
            return hub.name
    return ""


def _empty_hub(sessions: Sessions, key: str) -> tuple[int, str]:
    waiting = sum(
        1
        for session in sessions.by_token.values()
        if session.info is None and session.caller.hub.lower() == key
    )
    if waiting:
        has = f"has {waiting} connection{'' if waiting == 1 else 's'}"
        text = f"hub '{key}' {has}, but none has finished its handshake"
        return OTHERS_LISTED, text
    counts = {h.name: len(h.connections) for h in sessions.hubs.values() if h.connections}
    near = difflib.get_close_matches(key, counts, 1, 0.6)
    hint = f", but '{near[0]}' has {counts[near[0]]}" if near else ""
    if not near and counts:
        listed = ", ".join(f"'{name}' ({count})" for name, count in sorted(counts.items())[:5])
        hint = f"; hubs with connections: {listed}"
    return (OTHERS_LISTED if hint else EMPTY), f"hub '{key}' has 0 connections{hint}"
