"""What one node does with a request, its own or another node's: verbs on the connections that it holds.

A request is a mapping with the key "verb"; requests and replies are what a backplane carries.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from funcjson.signalr.backplane.base import Reply, Request
from funcjson.signalr.errors import ClientResultError, ClientResultTimeout, NoSuchConnection
from funcjson.signalr.frames import Payload
from funcjson.signalr.hub import Hub, without
from funcjson.signalr.messages import Completion, Encoded, Invocation
from funcjson.signalr.near_misses import explain
from funcjson.signalr.recipients import Recipients, recipients
from funcjson.signalr.session import Session
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.transactions import Executed, run
from funcjson.signalr.values import from_wire, to_wire

# Requests that change which users are remembered for groups; every node must hear of each.
TAG_VERBS = frozenset({"join_user", "leave_user", "leave_user_all"})


# Given a hub and the node that asks: our name, if that node need not ask again for a while (absence.py).
Promise = Callable[[str, str | None], str]


class Node:
    """The connections of one node, and what can be asked of them."""

    def __init__(self, sessions: Sessions, promise: Promise = lambda _hub, _node: "") -> None:
        self.sessions = sessions
        self._promise = promise
        # More verbs, by whoever knows them: client requests that another node received.
        self.more: dict[str, Callable[[Request], Awaitable[Reply]]] = {}
        self._call_ids = itertools.count(1)
        self._heard: list[Request] | None = None  # tag requests while this node catches up

    async def answer(self, request: Request) -> Reply:
        """Do what is asked. Raises KeyError for a verb that this version does not know."""
        verb = request["verb"]
        if self._heard is not None and verb in TAG_VERBS:
            self._heard.append(request)
        known = _VERBS.get(verb)
        return await (known(self, request) if known else self.more[verb](request))

    # Sends

    def send(
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

    def recipients(
        self, hub: str, to: str, name: str, payload: Payload, excluded: Collection[str]
    ) -> Recipients:
        """Whom a message that was just sent went to, by name."""
        found = self.sessions.hubs.get(hub.lower())
        audience = _AUDIENCES[to](found, name) if found is not None else ()
        reached = (
            one
            for one in without(audience, excluded)
            if not isinstance(payload.message, Encoded)
            or payload.speaks(one.connection.protocol.name)
        )
        return recipients(self.sessions.hubs, hub.lower(), reached)

    async def _send(self, request: Request) -> Reply:
        payload = Payload(Encoded(request["frames"]))
        delivered, skipped = self.send(
            request["hub"], request["to"], request["name"], payload, request["excluded"]
        )
        reply: dict[str, Any] = {"delivered": delivered, "skipped": skipped}
        if not delivered:
            absent = self._promise(request["hub"].lower(), request.get("from"))
            if absent:
                reply["absent"] = absent
        return reply

    async def _why(self, request: Request) -> Reply:
        rank, text = explain(self.sessions, request["hub"], request["to"], request["name"])
        return {"rank": rank, "text": text}

    # Presence

    async def _exists(self, request: Request) -> Reply:
        hub = self._hub(request)
        if hub is None:
            return {"ok": False}
        if "connection" in request:
            return {"ok": request["connection"] in hub.connections}
        return {"ok": request.get("user") in hub.users or request.get("group") in hub.groups}

    async def _user_in(self, request: Request) -> Reply:
        hub = self._hub(request)
        now = self.sessions.options.wall()
        return {"ok": hub is not None and hub.is_user_in(request["user"], request["group"], now)}

    async def _members(self, request: Request) -> Reply:
        hub = self._hub(request)
        if hub is None:
            return {"members": [], "more": False}
        page, more = hub.page(request["group"], request["after"], request["limit"])
        return {"members": [[each.id, each.user_id] for each in page], "more": more}

    # Groups

    async def _join(self, request: Request) -> Reply:
        hub = self._hub(request)
        return {"ok": hub is not None and hub.join(request["connection"], request["group"])}

    async def _leave(self, request: Request) -> Reply:
        hub = self._hub(request)
        return {"ok": hub is not None and hub.leave(request["connection"], request["group"])}

    async def _leave_all(self, request: Request) -> Reply:
        hub = self._hub(request)
        if hub is None or request["connection"] not in hub.connections:
            return {"ok": False}
        hub.leave_all(request["connection"])
        return {"ok": True}

    async def _join_user(self, request: Request) -> Reply:
        hub = self.sessions.hub(request["hub"])
        now = self.sessions.options.wall()
        hub.join_user(request["user"], request["group"], request["ttl"], now)
        return {}

    async def _leave_user(self, request: Request) -> Reply:
        hub = self._hub(request)
        if hub is not None:
            hub.leave_user(request["user"], request["group"])
        return {}

    async def _leave_user_all(self, request: Request) -> Reply:
        hub = self._hub(request)
        if hub is not None:
            hub.leave_user_all(request["user"])
        return {}

    # Closing

    async def _close(self, request: Request) -> Reply:
        hub = self._hub(request)
        if hub is None:
            return {"closed": 0}
        audience = without(_AUDIENCES[request["to"]](hub, request["name"]), request["excluded"])
        leaving = list(audience)
        allow = self.sessions.options.rest_close_allows_reconnect
        for session in leaving:
            self.sessions.close(session, request["reason"], allow_reconnect=allow)
        return {"closed": len(leaving)}

    # Transactions

    def execute(self, hub: str, filter_text: str, asked: Sequence[Mapping[str, Any]]) -> Executed:
        """Run commands on the connections of this node that the filter selects. Raises FilterError."""
        found = self.sessions.hubs.get(hub.lower())
        if found is None:
            sends = sum(command["type"] == "send" for command in asked)
            return Executed(0, 0, (0,) * sends)
        return run(self.sessions, found, filter_text, asked)

    async def _execute(self, request: Request) -> Reply:
        done = self.execute(request["hub"], request["filter"], request["commands"])
        return {
            "matched": done.matched,
            "connections": done.connections,
            "delivered": list(done.delivered),
        }

    # Asking one client

    def session(self, hub: str, connection_id: str) -> Session | None:
        """A connection of this node that has finished its handshake."""
        found = self.sessions.hubs.get(hub.lower())
        return None if found is None else found.connections.get(connection_id)

    async def invoke(
        self, session: Session, target: str, arguments: Sequence[Any], wait_s: float
    ) -> Completion:
        """Call a client of this node. Raises as `SignalRService.invoke_connection` does."""
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
        return answer

    async def _invoke(self, request: Request) -> Reply:
        session = self.session(request["hub"], request["connection"])
        if session is None:
            return {"outcome": "absent"}
        try:
            found = await self.invoke(
                session, request["target"], from_wire(request["arguments"]), request["wait"]
            )
            result = to_wire(found.result)
        except ValueError as error:
            return {"outcome": "ClientResultError", "error": f"what the client returned is {error}"}
        except (ClientResultError, ClientResultTimeout, NoSuchConnection) as error:
            return {"outcome": type(error).__name__, "error": str(error)}
        return {
            "outcome": "result",
            "result": result,
            "has_result": found.has_result,
            "protocol": session.connection.protocol.name,
        }

    async def _stream(self, request: Request) -> Reply:
        session = self.session(request["hub"], request["connection"])
        stream = request["stream"]
        if session is None or not session.streams or stream not in session.streams:
            return {"ok": False}
        if request["ends"]:
            session.streams.discard(stream)
        self.sessions.deliver((session,), Payload(Encoded(request["frames"])))
        return {"ok": True}

    # Which users are remembered for groups: a node that joins takes over what the others know

    async def _tags(self, request: Request) -> Reply:
        now = self.sessions.options.wall()
        return {
            "tags": [
                [hub.name, user, group, tag.expires_at - now, tag.has_ttl]
                for hub in self.sessions.hubs.values()
                for user, tags in hub.tags.items()
                for group, tag in tags.items()
            ]
        }

    def hear_tags(self) -> None:
        """From now on keep tag requests, until `take_over_tags`."""
        self._heard = []

    async def take_over_tags(self, replies: Iterable[Reply], own: Collection[Request]) -> None:
        """Know what the others know; of our own only what `own` requests did, which they did not hear.

        A user whom the others have forgotten for a group leaves it here as well. Without replies nothing changes.
        """
        heard, self._heard = self._heard or [], None
        replies = tuple(replies)
        told = {
            (hub, user, group): (left_s, has_ttl)
            for reply in replies
            for hub, user, group, left_s, has_ttl in reply["tags"]
        }
        mine = {(r["hub"].lower(), r["user"], r.get("group")) for r in own}
        now = self.sessions.options.wall()
        for hub in tuple(self.sessions.hubs.values()) if replies else ():
            known = [(user, group) for user, tags in hub.tags.items() for group in tags]
            for user, group in known:
                key = (hub.name, user, group)
                if key not in told and key not in mine:
                    hub.leave_user(user, group)
        for key, (left_s, has_ttl) in told.items():
            name, user, group = key
            if left_s > 0 and key not in mine and (name, user, None) not in mine:
                hub = self.sessions.hub(name)
                hub.join_user(user, group, left_s if has_ttl else None, now)
        for request in heard:
            await self.answer(request)

    def _hub(self, request: Request) -> Hub[Session] | None:
        return self.sessions.hubs.get(request["hub"].lower())


_AUDIENCES: Mapping[str, Callable[[Hub[Session], str], Iterable[Session]]] = {
    "all": lambda hub, _: hub.all(),
    "user": lambda hub, name: hub.of_user(name),
    "group": lambda hub, name: hub.of_group(name),
    "connection": lambda hub, name: [hub.connections[name]] if name in hub.connections else [],
}

_VERBS: Mapping[str, Callable[[Node, Request], Awaitable[Reply]]] = {
    "send": Node._send,
    "why": Node._why,
    "exists": Node._exists,
    "user_in": Node._user_in,
    "members": Node._members,
    "join": Node._join,
    "leave": Node._leave,
    "leave_all": Node._leave_all,
    "join_user": Node._join_user,
    "leave_user": Node._leave_user,
    "leave_user_all": Node._leave_user_all,
    "close": Node._close,
    "execute": Node._execute,
    "invoke": Node._invoke,
    "stream": Node._stream,
    "tags": Node._tags,
}
