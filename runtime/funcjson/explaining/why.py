"""`funcjson explain why`: would a message to a group reach a user of a running local service, and if not, why."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiohttp

from funcjson.explaining.asking import asking
from funcjson.honesty import labels
from funcjson.masking import Shown

STATE_PATH, TRACE_PATH = "/_lss/state", "/_lss/trace"
_MOST_LINES = 20


async def explain_why(service: str, user: str, group: str, hub: str | None) -> dict[str, Any]:
    """Ask a running local service and look. Raises FuncJsonError when it cannot be asked."""
    async with asking(service) as (session, base):
        state = json.loads(await _get(session, base + STATE_PATH))
        told = await _get(session, base + TRACE_PATH)
        lines = [json.loads(line) for line in told.splitlines() if line.strip()]
    return why(state, lines, user, group, hub)


async def _get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        if answer.status != 200:
            raise ValueError(f"{url} answered {answer.status}")
        return await answer.text()


def why(
    state: Mapping[str, Any],
    lines: Iterable[Mapping[str, Any]],
    user: str,
    group: str,
    hub: str | None = None,
) -> dict[str, Any]:
    """`{reached, connections, checks, remembered, recent, hints, rules}` from a service's state and live trace.

    `checks` are asked in order until one says no: hub, user, group, member.
    """
    shown = Shown()
    hubs: Mapping[str, Any] = state.get("hubs", {})
    name = _hub_name(hubs, user, group, hub)
    found = hubs.get(name, {})
    connections = found.get("connections", [])
    own = [one for one in connections if one.get("userId") == user]
    in_group = set(found.get("groups", {}).get(group, ()))
    reached = [one["id"] for one in own if one["id"] in in_group]
    checks = [
        _check("hub", bool(connections), *_of_hub(hubs, name)),
        _check("user", bool(own), *_of_user(hubs, found, name, user, own)),
        _check("group", bool(in_group), *_of_group(hubs, found, name, group, in_group)),
        _check("member", bool(reached), *_of_member(user, group, own, reached)),
    ]
    if not name:
        del checks[1:]
    failed = next((check for check in checks if not check["ok"]), None)
    remembered = group in found.get("remembered", {}).get(user, ())
    return {
        "version": 1,
        "hub": name,
        "user": user,
        "group": group,
        "reached": bool(reached),
        "connections": reached,
        "checks": checks,
        "recent": shown.value(_recent(lines, name, user, group, [c["id"] for c in own])),
        "remembered": remembered,
        "hints": _hints(failed, remembered, user, group),
        "rules": labels(["group-membership", "names-exact", "sent-is-not-delivered"]),
    }


def _hub_name(hubs: Mapping[str, Any], user: str, group: str, hub: str | None) -> str:
    """The hub that is asked about; without a name the one where the user or group is, else the first."""
    if hub:
        return hub.lower()
    for name, found in hubs.items():
        if user in found.get("users", {}) or group in found.get("groups", {}):
            return name
    return next(iter(hubs), "")


def _hints(failed: Mapping[str, Any] | None, remembered: bool, user: str, group: str) -> list[str]:
    if failed is None:
        return []
    if remembered:
        return [
            f"'{user}' is remembered for '{group}': its next connection joins by itself",
            failed["fix"],
        ]
    return [failed["fix"]]


def _check(about: str, ok: bool, says: str, fix: str) -> dict[str, Any]:
    return {"check": about, "ok": ok, "says": says, "fix": "" if ok else fix}


def _of_hub(hubs: Mapping[str, Any], name: str) -> tuple[str, str]:
    count = len(hubs.get(name, {}).get("connections", []))
    if count:
        return f"hub '{name}' has {_connections(count)}", ""
    if not name:
        return "nobody is connected to this service, in any hub", "connect a client to it first"
    others = {n: len(h["connections"]) for n, h in hubs.items() if h.get("connections")}
    listed = ", ".join(f"'{n}' ({c})" for n, c in sorted(others.items())) or "none"
    near = difflib.get_close_matches(name, others, 1, 0.6)
    fix = f"did you mean hub '{near[0]}'?" if near else "connect a client to it first"
    return f"hub '{name}' has no connection; hubs with connections: {listed}", fix


def _of_user(
    hubs: Mapping[str, Any], found: Mapping[str, Any], name: str, user: str, own: Sequence[Any]
) -> tuple[str, str]:
    if own:
        ids = ", ".join(f"{one['id']} ({one.get('transport') or 'connecting'})" for one in own)
        return f"'{user}' is connected: {ids}", ""
    nobody = sum(1 for one in found.get("connections", []) if one.get("userId") is None)
    known = sorted(found.get("users", {}))
    says = f"'{user}' has no connection in hub '{name}'; users there: {_listed(known)}"
    if nobody:
        says += f", and {_connections(nobody)} without a user id"
    elsewhere = [n for n, h in hubs.items() if user in h.get("users", {})]
    near = difflib.get_close_matches(user.lower(), [one.lower() for one in known], 1, 0.7)
    if elsewhere:
        return (
            says,
            f"the user is in hub '{elsewhere[0]}': send there, or let it negotiate for '{name}'",
        )
    if near:
        meant = next(one for one in known if one.lower() == near[0])
        return says, f"did you mean '{meant}'? Users are compared with their letter case"
    if nobody and not known:
        return (
            says,
            "clients are not signed in: give signalRConnectionInfo a userId, and sign in before negotiate",
        )
    return (
        says,
        "it never connected, or its connection has ended: see the recent events, and let it negotiate again",
    )


def _of_group(
    hubs: Mapping[str, Any], found: Mapping[str, Any], name: str, group: str, members: set[str]
) -> tuple[str, str]:
    if members:
        return f"group '{group}' has {_connections(len(members))}", ""
    known = sorted(found.get("groups", {}))
    says = f"group '{group}' has no connection in hub '{name}'; groups there: {_listed(known)}"
    elsewhere = [n for n, h in hubs.items() if group in h.get("groups", {})]
    near = difflib.get_close_matches(group.lower(), [one.lower() for one in known], 1, 0.7)
    if near:
        meant = next(one for one in known if one.lower() == near[0])
        return says, f"did you mean '{meant}'? Groups are compared with their letter case"
    if elsewhere:
        return says, f"there is such a group in hub '{elsewhere[0]}'"
    return says, 'add somebody: {"action": "add", "userId": "...", "groupName": "' + group + '"}'


def _of_member(
    user: str, group: str, own: Sequence[Any], reached: Sequence[str]
) -> tuple[str, str]:
    if reached:
        rest = len(own) - len(reached)
        more = f"; {_connections(rest)} of the user not" if rest else ""
        return f"{', '.join(reached)} is in '{group}'{more}", ""
    groups = sorted({one for connection in own for one in connection.get("groups", ())})
    says = f"no connection of '{user}' is in '{group}'; they are in: {_listed(groups)}"
    return says, (
        "a membership ends with its connection: after a reconnect add it again, or add the user instead of the "
        f'connection: {{"action": "add", "userId": "{user}", "groupName": "{group}"}}'
    )


def _recent(
    lines: Iterable[Mapping[str, Any]],
    hub: str,
    user: str,
    group: str,
    connections: Sequence[str],
) -> list[dict[str, Any]]:
    """What happened lately to this user, or was sent to it, its connections or the group; not what all got."""
    rows = []
    wanted = {("user", user), ("group", group), *(("connection", one) for one in connections)}
    for line in lines:
        details = line.get("details") or {}
        sent = (details.get("to"), details.get("name"))
        theirs = user in (line.get("userId"), details.get("namedUser"))
        if (line.get("hub") or hub) == hub and (theirs or sent in wanted):
            rows.append(
                {
                    "time": line.get("time"),
                    "event": line.get("eventName"),
                    "message": line.get("message"),
                    "connectionId": line.get("connectionId"),
                    "why": details.get("why") or line.get("exception"),
                }
            )
    return rows[-_MOST_LINES:]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:20])
    return (shown or "none") + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _connections(count: int) -> str:
    return f"{count} connection{'' if count == 1 else 's'}"
