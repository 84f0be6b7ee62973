"""The list that the page shows first: invocations, and what happened and became none, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from funcjson.app_facts import AppFacts
from funcjson.inspector.documents import row
from funcjson.inspector.inspected import Inspected
from funcjson.upstream_webhook import find_trigger, near_misses

MOST = 300
# What the service tells that is worth a line here; everything else stands in the service's own log.
_CLIENTS = {"ConnectionConnected": "connected", "ConnectionEnded": "ended"}


class Rows:
    """The rows of ended invocations, made once: a page asks for the list again and again."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def of(self, host: Inspected, facts: AppFacts) -> list[dict[str, Any]]:
        """A row for each of the newest invocations that are kept."""
        found = {}
        for trace in list(host.recorder)[-MOST:]:
            known = self._known.get(trace.id)
            ended = known is not None and known["outcome"] != "running"
            found[trace.id] = known if known is not None and ended else row(trace, facts)
        self._known = found
        return list(found.values())


def activity(host: Inspected, facts: AppFacts, rows_of: Rows) -> list[dict[str, Any]]:
    """Rows `{kind, at, title, what, outcome, why, ...}`; at most MOST of them."""
    rows = rows_of.of(host, facts)
    rows += [
        {
            "kind": "request",
            "at": one.at,
            "title": "No function ran" if one.status else "Kept from the page",
            "what": f"{one.method} {one.path}",
            "outcome": "cors" if one.origin else f"{one.status}",
            "why": one.why,
        }
        for one in host.turned_away
    ]
    if host.embedded is not None:
        for line in host.embedded.server.trace:
            found = _service_row(host, line.event, line.fields)
            if found is not None:
                rows.append({"at": line.at, **found})
    rows.sort(key=lambda one: float(one["at"]), reverse=True)
    return rows[:MOST]


def _service_row(host: Inspected, event: str, fields: Any) -> dict[str, Any] | None:
    hub = str(fields.get("hub") or "")
    who = fields.get("userId") or "a client without user id"
    if event in _CLIENTS:
        state = _CLIENTS[event]
        return {
            "kind": "client",
            "title": f"Client {state}",
            "what": f"{who} · hub {hub}",
            "outcome": state,
            "why": fields.get("error") or "",
        }
    if event == "ClientRefused":
        return {
            "kind": "client",
            "title": "Client refused",
            "what": f"{_named(fields)}hub {hub}",
            "outcome": str(fields.get("status")),
            "why": str(fields.get("why") or ""),
        }
    if event == "MessageReceived":
        key = (hub.lower(), "messages", str(fields.get("target")).lower())
        if not host.ready or find_trigger(host.version, key) is not None:
            return None  # it is an invocation
        return {
            "kind": "event",
            "title": "No function for it",
            "what": f"{hub} · messages · {fields.get('target')}",
            "outcome": "no match",
            "why": near_misses(
                host.version, (hub, "messages", str(fields.get("target"))), places=True
            ),
        }
    return None


def _named(fields: Any) -> str:
    user = fields.get("namedUser")
    return f"{user}, as its token says · " if user else ""


def hubs(host: Inspected, most: int = 200) -> dict[str, Any]:
    """Each hub's first connections, users and groups (with how many connections), and the counts of all.

    `remembered` has the groups that users join when they connect.
    """
    if host.embedded is None:
        return {}
    state = host.embedded.server.state()["hubs"]
    return {
        name: {
            "counts": {kind: len(hub[kind]) for kind in ("connections", "users", "groups")},
            "connections": hub["connections"][:most],
            "users": _sizes(hub["users"], most),
            "groups": _sizes(hub["groups"], most),
            "remembered": dict(islice(hub["remembered"].items(), most)),
        }
        for name, hub in state.items()
    }


def _sizes(members: Mapping[str, Sequence[str]], most: int) -> dict[str, int]:
    return {name: len(ids) for name, ids in islice(members.items(), most)}


def service_log(host: Inspected, most: int = 60) -> list[dict[str, Any]]:
    """The last lines of the local service's live trace, newest first."""
    if host.embedded is None:
        return []
    lines = [line.as_json() for line in list(host.embedded.server.trace)[-most:]]
    return [
        {
            "at": line["time"],
            "level": line["logLevel"],
            "text": line["message"],
            "hub": line["hub"],
            "user": _user_of(line),
            "why": line["exception"] or line["details"].get("why") or "",
        }
        for line in reversed(lines)
    ]


def _user_of(line: Mapping[str, Any]) -> str | None:
    """The user that a line is about: who did it, to whom it was sent, or whom a refused token names."""
    details = line["details"]
    sent_to = details.get("name") if details.get("to") == "user" else None
    found = line["userId"] or sent_to or details.get("namedUser")
    return None if found is None else str(found)
