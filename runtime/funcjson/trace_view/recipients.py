"""Step 9 of a trace, by name: who got a message, and why each other connection did not."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from funcjson.masking import Shown
from funcjson.signalr.rest_client import Recipients


def recipient_rows(
    who: Recipients | None, hub: str, kind: str, name: str, shown: Shown
) -> dict[str, Any]:
    """`got` and `missed`: rows `{connection, user, hub, why}` of at most 20 connections; None when nobody tells."""
    if who is None:
        return {"got": None, "missed": None}

    def row(connection: str, user: str | None, own_hub: str, why: str) -> dict[str, Any]:
        return {
            "connection": shown.text(connection),
            "user": None if user is None else shown.text(user),
            "hub": shown.text(own_hub),
            "why": shown.text(why),
        }

    return {
        "got": [row(one.connection_id, one.user_id, one.hub, "") for one in who.got],
        "missed": [
            row(
                one.connection_id,
                one.user_id,
                one.hub,
                why_missed(hub, kind, name, one.hub, one.connection_id, one.user_id),
            )
            for one in who.missed
        ],
    }


def why_missed(  # noqa: PLR0913 - what a message is for, and what a connection is
    hub: str,
    kind: str,
    name: str,
    own_hub: str,
    connection: str,
    user: str | None,
    groups: Collection[str] | None = None,
) -> str:
    """Why a connection is not among those that a message to `kind` `name` of `hub` was for.

    `groups` are the connection's own, when they are known.
    """
    if own_hub.lower() != hub.lower():
        return f"other hub: it is in '{own_hub}', the message went to '{hub}'"
    if kind == "group":
        own = ", ".join(f"'{group}'" for group in sorted(groups or ()))
        also = "" if groups is None else f"; it is in {own}" if own else "; it is in no group"
        return f"not in group '{name}'{also}"
    if kind == "user":
        who = "without a user id" if user is None else f"'{user}'"
        return f"other user: it is {who}, the message is for '{name}'"
    if kind == "connection" and connection != name:
        return f"other connection: the message is for '{name}'"
    return "it was left out of the send"
