"""The verbs of the service: send, join, leave, close, ask. Nothing here knows of HTTP.

`SignalRService` is what the REST surface calls. Hub names are case-insensitive everywhere; users, groups and
connection ids compare exactly. With other nodes on the backplane each verb acts on all of them: it is applied
here, the same request goes to the others, and the answers are added up.
"""

from __future__ import annotations

import asyncio
import difflib
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from funcjson.signalr.backplane.base import Backplane, Reply, Request
from funcjson.signalr.backplane.memory import MemoryBackplane
from funcjson.signalr.errors import ClientResultError, ClientResultTimeout, NoSuchConnection
from funcjson.signalr.events import ClientEvents, ClientInfo, NoUpstream, Observer, Rejection
from funcjson.signalr.frames import Payload
from funcjson.signalr.hub import Hub, without
from funcjson.signalr.messages import (
    Completion,
    Encoded,
    HubMessage,
    Invocation,
    Sendable,
    StreamItem,
)
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.protocols.msgpack import is_installed as has_msgpack
from funcjson.signalr.sessions import Session, Sessions

__all__ = [
    "ClientEvents",
    "ClientInfo",
    "ClientResult",
    "Member",
    "MemberPage",
    "NoUpstream",
    "Observer",
    "Rejection",
    "ServiceOptions",
    "SignalRService",
    "Verdict",
]

LONGEST_INVOKE_S = 600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one send. `why` is empty, or one sentence: why nobody, or not everybody, got it."""

    delivered: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A connection in a group."""

    connection_id: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a group, by connection id; `more` tells that others come after the last."""

    members: tuple[Member, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What a client returned. `protocol` is its hub protocol; no `has_result`: a void completion."""

    result: Any = None
    has_result: bool = False
    protocol: str = "json"


class SignalRService:
    """All hubs of one node, and the verbs on them."""

    def __init__(
        self,
        options: ServiceOptions | None = None,
        *,
        events: ClientEvents | None = None,
        observer: Observer | None = None,
        backplane: Backplane | None = None,
    ) -> None:
        self.options = options or ServiceOptions()
        self.sessions = Sessions(self.options, events or NoUpstream(), observer)
        self.backplane: Backplane = backplane or MemoryBackplane()
        self._call_ids = itertools.count(1)

    async def start(self) -> None:
        """Join the other nodes and learn which users they remember for groups."""
        await self.backplane.join(self._answer)
        for reply in await self._ask_others({"verb": "tags"}):
            self._learn_tags(reply)

    async def stop(self) -> None:
        """Close every connection, let upstream hear of it, and leave the other nodes."""
        self.sessions.close_everything()
        await self.sessions.finish_work(self.options.close_timeout_s)
        await self.backplane.leave()

    # Sends. A message is encoded once per protocol; nobody listening is never an error here.

    async def send_to_all(
        self, hub: str, message: Sendable, *, excluded: Collection[str] = ()
    ) -> Verdict:
        """Send to every connection of the hub but those whose id is in `excluded`."""
        return await self._send(hub, "all", "", message, excluded)

    async def send_to_user(
        self, hub: str, user_id: str, message: Sendable, *, excluded: Collection[str] = ()
    ) -> Verdict:
        """Send to every connection of one user."""
        return await self._send(hub, "user", user_id, message, excluded)

    async def send_to_group(
        self, hub: str, group: str, message: Sendable, *, excluded: Collection[str] = ()
    ) -> Verdict:
        """Send to every connection in a group."""
        return await self._send(hub, "group", group, message, excluded)

    async def send_to_connection(self, hub: str, connection_id: str, message: Sendable) -> Verdict:
        """Send to one connection."""
        return await self._send(hub, "connection", connection_id, message, ())

    async def _send(
        self, hub: str, to: str, name: str, message: Sendable, excluded: Collection[str]
    ) -> Verdict:
        payload = Payload(message)
        delivered, skipped = self._send_here(hub, to, name, payload, excluded)
        replies: Sequence[Reply] = ()
        if not self.backplane.is_alone:
            replies = await self._ask_others(
                {
                    "verb": "send",
                    "hub": hub,
                    "to": to,
                    "name": name,
                    "excluded": list(excluded),
                    "frames": _every_encoding(payload),
                }
            )
            delivered += sum(reply["delivered"] for reply in replies)
            skipped += sum(reply["skipped"] for reply in replies)
        verdict = Verdict(delivered)
        if not delivered or skipped:
            verdict = Verdict(delivered, self._why(hub, to, name, skipped))
        observer = self.sessions.observer
        if observer is not None:
            target = message.target if isinstance(message, Invocation) else None
            fields = {"hub": hub.lower(), "to": to, "name": name, "target": target}
            observer.record(
                "MessageSent", {**fields, "delivered": delivered, "why": verdict.why or None}
            )
        return verdict

    def _send_here(
        self, hub: str, to: str, name: str, payload: Payload, excluded: Collection[str]
    ) -> tuple[int, int]:
        """(how many connections got it, how many speak a protocol that the sender did not encode)."""
        found = self.sessions.hubs.get(hub.lower())
        if found is None:
            return 0, 0
        audience = _AUDIENCES[to](found, name)
        if excluded:
            audience = without(audience, excluded)
        skipped = 0
        if isinstance(payload.message, Encoded):
            everybody = list(audience)
            audience = [s for s in everybody if payload.speaks(s.connection.protocol.name)]
            skipped = len(everybody) - len(audience)
        return self.sessions.deliver(audience, payload), skipped

    def _why(self, hub: str, to: str, name: str, skipped: int) -> str:
        """One sentence: why not everybody received a message. For a person, so it guesses near misses."""
        if skipped:
            return f"{skipped} connections speak a hub protocol that the message was not encoded for"
        key = hub.lower()
        found = self.sessions.hubs.get(key)
        if found is None or not found.connections:
            return self._why_hub_is_empty(key)
        if to == "all":
            return f"every connection of hub '{key}' is excluded"
        if to == "connection":
            if any(session.id == name for session in self.sessions.by_token.values()):
                return f"connection '{name}' has not finished its handshake in hub '{key}'"
            others = [h.name for h in self.sessions.hubs.values() if name in h.connections]
            hint = f"; it is in hub '{others[0]}'" if others else ""
            return f"hub '{key}' has no connection '{name}'{hint}"
        known: Mapping[str, Any] = found.users if to == "user" else found.groups
        if name in known:
            return f"every connection of {to} '{name}' in hub '{key}' is excluded"
        if to == "group" and any(name in tags for tags in found.tags.values()):
            return f"group '{name}' of hub '{key}' has members, but none of them is connected"
        near = difflib.get_close_matches(name.lower(), {n.lower(): n for n in known}, 1, 0.75)
        spelled = next((n for n in known if near and n.lower() == near[0]), None)
        hint = f"; did you mean '{spelled}', which has {len(known[spelled])}?" if spelled else ""
        return f"hub '{key}' has no {to} '{name}' with a connection{hint}"

    def _why_hub_is_empty(self, key: str) -> str:
        waiting = sum(
            1
            for session in self.sessions.by_token.values()
            if session.info is None and session.caller.hub.lower() == key
        )
        if waiting:
            return f"hub '{key}' has {waiting} connections, but none has finished its handshake"
        counts = {h.name: len(h.connections) for h in self.sessions.hubs.values() if h.connections}
        near = difflib.get_close_matches(key, counts, 1, 0.6)
        hint = f", but '{near[0]}' has {counts[near[0]]}" if near else ""
        if not near and counts:
            listed = ", ".join(f"'{name}' ({count})" for name, count in sorted(counts.items())[:5])
            hint = f"; hubs with connections: {listed}"
        return f"hub '{key}' has 0 connections{hint}"

    # Presence

    async def connection_exists(self, hub: str, connection_id: str) -> bool:
        """True if the connection has finished its handshake and is not closed."""
        return await self._anywhere({"verb": "exists", "hub": hub, "connection": connection_id})

    async def user_exists(self, hub: str, user_id: str) -> bool:
        """True if the user has at least one connection."""
        return await self._anywhere({"verb": "exists", "hub": hub, "user": user_id})

    async def group_exists(self, hub: str, group: str) -> bool:
        """True if the group has at least one live connection."""
        return await self._anywhere({"verb": "exists", "hub": hub, "group": group})

    async def user_in_group(self, hub: str, user_id: str, group: str) -> bool:
        """True if the user is remembered for the group, or has a live connection in it."""
        return await self._anywhere({"verb": "user_in", "hub": hub, "user": user_id, "group": group})

    async def list_group_connections(
        self, hub: str, group: str, *, after: str = "", limit: int = 200
    ) -> MemberPage:
        """Members whose connection id is greater than `after`, at most `limit`, by id."""
        request = {"verb": "members", "hub": hub, "group": group, "after": after, "limit": limit}
        replies = await self._everywhere(request)
        found = sorted(tuple(each) for reply in replies for each in reply["members"])
        members = tuple(Member(connection_id, user) for connection_id, user in found[:limit])
        more = len(found) > limit or any(reply["more"] for reply in replies)
        return MemberPage(members, more)

    # Groups

    async def add_connection_to_group(self, hub: str, connection_id: str, group: str) -> bool:
        """False if there is no such connection."""
        request = {"verb": "join", "hub": hub, "connection": connection_id, "group": group}
        return await self._anywhere(request)

    async def remove_connection_from_group(self, hub: str, connection_id: str, group: str) -> bool:
        """False if there is no such connection; True also when it was not a member."""
        request = {"verb": "leave", "hub": hub, "connection": connection_id, "group": group}
        return await self._anywhere(request)

    async def remove_connection_from_all_groups(self, hub: str, connection_id: str) -> bool:
        """False if there is no such connection; True also when it was in no group."""
        return await self._anywhere({"verb": "leave_all", "hub": hub, "connection": connection_id})

    async def add_user_to_group(
        self, hub: str, user_id: str, group: str, *, ttl_s: int | None = None
    ) -> None:
        """Join the user's connections now, and those that start while the user is remembered.

        `ttl_s` None: remembered for a year, at most 100 such groups of a user (the newest); 0: not
        remembered. A connection that joined stays until it is removed or closed, also after the ttl.
        """
        request = {"verb": "join_user", "hub": hub, "user": user_id, "group": group, "ttl": ttl_s}
        await self._everywhere(request)

    async def remove_user_from_group(self, hub: str, user_id: str, group: str) -> None:
        """Forget the user for this group and take its live connections out."""
        await self._everywhere({"verb": "leave_user", "hub": hub, "user": user_id, "group": group})

    async def remove_user_from_all_groups(self, hub: str, user_id: str) -> None:
        """Forget the user for all groups and take its live connections out of every group."""
        await self._everywhere({"verb": "leave_user_all", "hub": hub, "user": user_id})

    # Closing. A Close message goes first, then the transport ends; `reason` becomes its error.

    async def close_connection(
        self, hub: str, connection_id: str, *, reason: str | None = None
    ) -> bool:
        """False if there is no such connection."""
        return bool(await self._close(hub, "connection", connection_id, (), reason))

    async def close_all(
        self, hub: str, *, excluded: Collection[str] = (), reason: str | None = None
    ) -> int:
        """Close every connection of the hub; gives how many."""
        return await self._close(hub, "all", "", excluded, reason)

    async def close_user(
        self, hub: str, user_id: str, *, excluded: Collection[str] = (), reason: str | None = None
    ) -> int:
        """Close every connection of a user; gives how many."""
        return await self._close(hub, "user", user_id, excluded, reason)

    async def close_group(
        self, hub: str, group: str, *, excluded: Collection[str] = (), reason: str | None = None
    ) -> int:
        """Close every connection of a group; gives how many."""
        return await self._close(hub, "group", group, excluded, reason)

    async def _close(
        self, hub: str, to: str, name: str, excluded: Collection[str], reason: str | None
    ) -> int:
        request = {"verb": "close", "hub": hub, "to": to, "name": name, "reason": reason}
        replies = await self._everywhere({**request, "excluded": list(excluded)})
        return sum(reply["closed"] for reply in replies)

    # Asking one client

    async def invoke_connection(
        self,
        hub: str,
        connection_id: str,
        target: str,
        arguments: Sequence[Any],
        timeout_s: float = 0,
    ) -> ClientResult:
        """Call `target` on one client and wait for its answer (`timeout_s` 0: the option's).

        Raises NoSuchConnection (also when it leaves before it answers), ClientResultError and
        ClientResultTimeout.
        """
        wait_s = min(timeout_s or self.options.invoke_timeout_s, LONGEST_INVOKE_S)
        session = self._session(hub, connection_id)
        if session is not None:
            return await self._invoke_here(session, target, arguments, wait_s)
        request = {"verb": "invoke", "hub": hub, "connection": connection_id, "target": target}
        replies = await self._ask_others({**request, "arguments": list(arguments), "wait": wait_s})
        for reply in replies:
            if reply["outcome"] != "absent":
                return _result_of(reply)
        raise NoSuchConnection(f"hub '{hub.lower()}' has no connection '{connection_id}'")

    async def _invoke_here(
        self, session: Session, target: str, arguments: Sequence[Any], wait_s: float
    ) -> ClientResult:
        call = f"s-{next(self._call_ids)}"
        waiting: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        if session.calls is None:
            session.calls = {}
        session.calls[call] = waiting
        self.sessions.deliver((session,), Payload(Invocation(target, arguments, call)))
        try:
            async with asyncio.timeout(wait_s):
                answer = await waiting
        except TimeoutError:
            raise ClientResultTimeout(
                f"connection '{session.id}' did not answer '{target}' within {wait_s:g} s"
            ) from None
        finally:
            (session.calls or {}).pop(call, None)
        if answer.error is not None:
            raise ClientResultError(answer.error)
        return ClientResult(answer.result, answer.has_result, session.connection.protocol.name)

    async def send_stream_item(
        self, hub: str, connection_id: str, stream_id: str, item: Any
    ) -> bool:
        """Give one item to a stream that the client opened. False if no such stream is open."""
        frames = _every_encoding(Payload(StreamItem(stream_id, item)))
        return await self._stream(hub, connection_id, stream_id, frames, ends=False)

    async def complete_stream(
        self, hub: str, connection_id: str, stream_id: str, *, error: str | None = None
    ) -> bool:
        """End a stream that the client opened. False if no such stream is open."""
        frames = _every_encoding(Payload(Completion(stream_id, error=error)))
        return await self._stream(hub, connection_id, stream_id, frames, ends=True)

    async def _stream(
        self, hub: str, connection_id: str, stream_id: str, frames: Mapping[str, bytes], *, ends: bool
    ) -> bool:
        request = {"verb": "stream", "hub": hub, "connection": connection_id, "stream": stream_id}
        return await self._anywhere({**request, "frames": frames, "ends": ends})

    # Inspection

    def state(self) -> dict[str, Any]:
        """{"hubs": {name: {"connections": [...], "users": {...}, "groups": {...}}}} of this node."""
        hubs = self.sessions.hubs.values()
        return {"hubs": {hub.name: _hub_state(hub) for hub in sorted(hubs, key=lambda h: h.name)}}

    # Other nodes. A request is a dict; what this node does with it is the same for its own requests.

    def _session(self, hub: str, connection_id: str) -> Session | None:
        found = self.sessions.hubs.get(hub.lower())
        return None if found is None else found.connections.get(connection_id)

    async def _ask_others(self, request: Request) -> Sequence[Reply]:
        return () if self.backplane.is_alone else await self.backplane.call(request)

    async def _everywhere(self, request: Request) -> list[Reply]:
        here = await self._answer(request)
        return [here, *await self._ask_others(request)]

    async def _anywhere(self, request: Request) -> bool:
        """True if this node or, failing that, another says so."""
        if (await self._answer(request))["ok"]:
            return True
        return any(reply["ok"] for reply in await self._ask_others(request))

    async def _answer(self, request: Request) -> Reply:
        return await _ANSWERS[request["verb"]](self, request)

    async def _answer_send(self, request: Request) -> Reply:
        payload = Payload(Encoded(request["frames"]))
        delivered, skipped = self._send_here(
            request["hub"], request["to"], request["name"], payload, request["excluded"]
        )
        return {"delivered": delivered, "skipped": skipped}

    async def _answer_exists(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        if hub is None:
            return {"ok": False}
        if "connection" in request:
            return {"ok": request["connection"] in hub.connections}
        return {"ok": request.get("user") in hub.users or request.get("group") in hub.groups}

    async def _answer_user_in(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        user, group = request["user"], request["group"]
        return {"ok": hub is not None and hub.is_user_in(user, group, self.options.wall())}

    async def _answer_members(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        if hub is None:
            return {"members": [], "more": False}
        page, more = hub.page(request["group"], request["after"], request["limit"])
        return {"members": [[each.id, each.user_id] for each in page], "more": more}

    async def _answer_join(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        return {"ok": hub is not None and hub.join(request["connection"], request["group"])}

    async def _answer_leave(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        return {"ok": hub is not None and hub.leave(request["connection"], request["group"])}

    async def _answer_leave_all(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        if hub is None or request["connection"] not in hub.connections:
            return {"ok": False}
        hub.leave_all(request["connection"])
        return {"ok": True}

    async def _answer_join_user(self, request: Request) -> Reply:
        hub = self.sessions.hub(request["hub"])
        hub.join_user(request["user"], request["group"], request["ttl"], self.options.wall())
        return {}

    async def _answer_leave_user(self, request: Request) -> Reply:
        self.sessions.hub(request["hub"]).leave_user(request["user"], request["group"])
        return {}

    async def _answer_leave_user_all(self, request: Request) -> Reply:
        self.sessions.hub(request["hub"]).leave_user_all(request["user"])
        return {}

    async def _answer_close(self, request: Request) -> Reply:
        hub = self.sessions.hubs.get(request["hub"].lower())
        if hub is None:
            return {"closed": 0}
        audience = without(_AUDIENCES[request["to"]](hub, request["name"]), request["excluded"])
        leaving = list(audience)
        allow = self.options.rest_close_allows_reconnect
        for session in leaving:
            self.sessions.close(session, request["reason"], allow_reconnect=allow)
        return {"closed": len(leaving)}

    async def _answer_invoke(self, request: Request) -> Reply:
        session = self._session(request["hub"], request["connection"])
        if session is None:
            return {"outcome": "absent"}
        try:
            found = await self._invoke_here(
                session, request["target"], request["arguments"], request["wait"]
            )
        except (ClientResultError, ClientResultTimeout, NoSuchConnection) as error:
            return {"outcome": type(error).__name__, "error": str(error)}
        return {
            "outcome": "result",
            "result": found.result,
            "has_result": found.has_result,
            "protocol": found.protocol,
        }

    async def _answer_stream(self, request: Request) -> Reply:
        session = self._session(request["hub"], request["connection"])
        stream = request["stream"]
        if session is None or not session.streams or stream not in session.streams:
            return {"ok": False}
        if request["ends"]:
            session.streams.discard(stream)
        self.sessions.deliver((session,), Payload(Encoded(request["frames"])))
        return {"ok": True}

    async def _answer_tags(self, request: Request) -> Reply:
        now = self.options.wall()
        return {
            "tags": [
                [hub.name, user, group, tag.expires_at - now, tag.has_ttl]
                for hub in self.sessions.hubs.values()
                for user, tags in hub.tags.items()
                for group, tag in tags.items()
            ]
        }

    def _learn_tags(self, reply: Reply) -> None:
        now = self.options.wall()
        for hub, user, group, left_s, has_ttl in reply.get("tags", ()):
            if left_s > 0:
                self.sessions.hub(hub).join_user(user, group, left_s if has_ttl else None, now)


_AUDIENCES: Mapping[str, Callable[[Hub[Session], str], Iterable[Session]]] = {
    "all": lambda hub, _: hub.all(),
    "user": lambda hub, name: hub.of_user(name),
    "group": lambda hub, name: hub.of_group(name),
    "connection": lambda hub, name: [hub.connections[name]] if name in hub.connections else [],
}

_ANSWERS: Mapping[str, Callable[[SignalRService, Request], Awaitable[Reply]]] = {
    "send": SignalRService._answer_send,
    "exists": SignalRService._answer_exists,
    "user_in": SignalRService._answer_user_in,
    "members": SignalRService._answer_members,
    "join": SignalRService._answer_join,
    "leave": SignalRService._answer_leave,
    "leave_all": SignalRService._answer_leave_all,
    "join_user": SignalRService._answer_join_user,
    "leave_user": SignalRService._answer_leave_user,
    "leave_user_all": SignalRService._answer_leave_user_all,
    "close": SignalRService._answer_close,
    "invoke": SignalRService._answer_invoke,
    "stream": SignalRService._answer_stream,
    "tags": SignalRService._answer_tags,
}


def _every_encoding(payload: Payload) -> dict[str, bytes]:
    """The message as it goes to another node, which cannot know which protocols it needs."""
    message: HubMessage | Encoded = payload.message
    if isinstance(message, Encoded):
        return dict(message.by_protocol)
    names = [name for name in PROTOCOLS if name != "messagepack" or has_msgpack()]
    return {name: payload.data(name) for name in names}


_OUTCOMES = {
    "ClientResultError": ClientResultError,
    "ClientResultTimeout": ClientResultTimeout,
    "NoSuchConnection": NoSuchConnection,
}


def _result_of(reply: Reply) -> ClientResult:
    error = _OUTCOMES.get(reply["outcome"])
    if error is not None:
        raise error(reply["error"])
    return ClientResult(reply["result"], reply["has_result"], reply["protocol"])


def _hub_state(hub: Hub[Session]) -> dict[str, Any]:
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
        "users": {user: sorted(found) for user, found in sorted(hub.users.items())},
        "groups": {group: sorted(found) for group, found in sorted(hub.groups.items())},
    }
