"""The verbs of the service: send, join, leave, close, ask. Nothing here knows of HTTP.

`SignalRService` is what the REST surface calls. Hub names are case-insensitive everywhere; users, groups and
connection ids compare exactly. With other nodes on the backplane each verb acts on all of them: it is applied
here, the same request goes to the others, and the answers are added up. A message does not go to a node that has
promised to have nobody in its hub (absence.py). What a node does with a request is the same for its own and for
others' (node.py). Where another node did not answer, the verdict of a send says so; the other verbs act on whom
they reached, and the log says so.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from funcjson.signalr.absence import Absence
from funcjson.signalr.backplane.base import TIMEOUT_S, Answers, Backplane, Reply, Request
from funcjson.signalr.backplane.memory import MemoryBackplane
from funcjson.signalr.errors import ClientResultError, ClientResultTimeout, NoSuchConnection
from funcjson.signalr.events import ClientEvents, ClientInfo, NoUpstream, Observer, Rejection
from funcjson.signalr.filter import parse
from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import (
    Completion,
    Encoded,
    HubMessage,
    Invocation,
    Sendable,
    StreamItem,
)
from funcjson.signalr.near_misses import CLEAR, explain
from funcjson.signalr.node import TAG_VERBS, Node
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.recipients import Recipients
from funcjson.signalr.sessions import Sessions
from funcjson.signalr.state import hubs_of, merged
from funcjson.signalr.transactions import Command, Executed, total
from funcjson.signalr.transactions import to_wire as commands_to_wire
from funcjson.signalr.values import from_wire, to_wire

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

log = logging.getLogger("funcjson.signalr.backplane")

LONGEST_INVOKE_S = 600.0
MISSED = "The service stood still, and messages were missed."
_STATE_S = 2.0  # less than `ps` waits
MAX_UNHEARD = 10_000  # changes of remembered users that are kept for nodes that cannot be reached


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one send. `why` is empty, or one sentence: why nobody, or not everybody, got it.

    `who` are names, if the options ask for them and no other node has clients of its own.
    """

    delivered: int
    why: str = ""
    who: Recipients | None = None


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
        self.absence = Absence(
            self.backplane.name,
            self.ask_others,
            lambda hub: hub in self.sessions.held,
            self.options.monotonic,
        )
        self.node = Node(self.sessions, self.absence.promise)
        self.node.more["arrive"] = self.absence.call_back
        self.node.more["renounce"] = self.absence.renounced
        self.node.more["state"] = self._tell_state
        self._unheard: deque[tuple[float, Request]] = deque(maxlen=MAX_UNHEARD)
        self._told_gap = ""

    async def start(self) -> None:
        """Join the other nodes and learn which users they remember for groups."""
        await self.backplane.join(self.node.answer, self._rejoined)
        await self._catch_up()

    async def stop(self) -> None:
        """Close every connection, let upstream hear of it, and leave the other nodes."""
        await self.absence.renounce()
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
        delivered, skipped = self.node.send(hub, to, name, payload, excluded)
        gap, who = "", None
        others = self.backplane.others
        absent = self.absence.absent(hub.lower()) if others else frozenset()
        if not (others <= absent if others else self.backplane.is_alone):
            asked_at = self.options.monotonic()
            answers = await self.ask_others(
                {
                    "verb": "send",
                    "hub": hub,
                    "to": to,
                    "name": name,
                    "excluded": list(excluded),
                    "frames": _every_encoding(payload),
                    "from": self.backplane.name,
                },
                enough=_was_delivered if to == "connection" else None,
                without=absent,
            )
            self.absence.learn(hub.lower(), asked_at, answers.replies)
            delivered += sum(reply["delivered"] for reply in answers.replies)
            skipped += sum(reply["skipped"] for reply in answers.replies)
            gap = answers.gap
        elif self.options.names_recipients:
            who = self.node.recipients(hub, to, name, payload, excluded)
        verdict = Verdict(delivered, gap, who)
        if not delivered or skipped:
            why = (
                _not_encoded(skipped, payload.message)
                if skipped
                else await self._why(hub, to, name)
            )
            gap = gap or self.backplane.gone
            verdict = Verdict(delivered, f"{why}; {gap}" if gap else why, who)
        observer = self.sessions.observer
        if observer is not None:
            fields = {
                "hub": hub.lower(),
                "to": to,
                "name": name,
                "target": message.target if isinstance(message, Invocation) else None,
                "delivered": delivered,
                "why": verdict.why or None,
            }
            observer.record("MessageSent", fields)
        return verdict

    async def _why(self, hub: str, to: str, name: str) -> str:
        """One sentence: why nobody received a message; the best that any node has."""
        return (await self._ranked_why(hub, to, name))[1]

    async def _ranked_why(self, hub: str, to: str, name: str) -> tuple[int, str]:
        rank, text = explain(self.sessions, hub, to, name)
        for reply in (
            await self.ask_others({"verb": "why", "hub": hub, "to": to, "name": name})
        ).replies:
            if reply["rank"] > rank:
                rank, text = reply["rank"], reply["text"]
        return rank, text

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
        return await self._anywhere(
            {"verb": "user_in", "hub": hub, "user": user_id, "group": group}
        )

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

    async def where_else(self, hub: str, connection_id: str) -> str:
        """Of a connection that a verb did not find: what is known of it, in one sentence, or nothing."""
        rank, text = await self._ranked_why(hub, "connection", connection_id)
        return text if rank == CLEAR else ""

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

    # Transactions

    async def execute(
        self, hub: str, commands: Sequence[Command], filter_text: str = ""
    ) -> Executed:
        """Run commands, in their order, on the connections that the filter selects (none: on all).

        A filter that cannot be read raises FilterError before anything runs.
        """
        if filter_text:
            parse(filter_text)
        asked = commands_to_wire(commands, _every_encoding)
        request = {"verb": "execute", "hub": hub, "filter": filter_text, "commands": asked}
        here = self.node.execute(hub, filter_text, asked)
        answers = await self.ask_others(request)
        replies = answers.replies
        done = total(
            [
                here,
                *(Executed(r["matched"], r["connections"], tuple(r["delivered"])) for r in replies),
            ]
        )
        why = ""
        if not done.connections:
            why = await self._why(hub, "all", "")
        elif not done.matched:
            of = f"{done.connections} connection{'' if done.connections == 1 else 's'}"
            why = f"the filter matches none of the {of} of hub '{hub.lower()}'"
        done = replace(done, why="; ".join(each for each in (why, answers.gap) if each))
        if self.sessions.observer is not None:
            fields = {
                "hub": hub.lower(),
                "filter": filter_text or None,
                "commands": ", ".join(type(command).__name__ for command in commands),
                "matched": done.matched,
                "delivered": sum(done.delivered),
                "why": done.why or None,
            }
            self.sessions.observer.record("TransactionExecuted", fields)
        return done

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
        session = self.node.session(hub, connection_id)
        if session is not None:
            found = await self.node.invoke(session, target, arguments, wait_s)
            protocol = session.connection.protocol.name
            return ClientResult(found.result, found.has_result, protocol)
        request = {"verb": "invoke", "hub": hub, "connection": connection_id, "target": target}
        answers = await self.ask_others(
            {**request, "arguments": to_wire(arguments), "wait": wait_s},
            timeout_s=wait_s + TIMEOUT_S,
            enough=_is_outcome,
        )
        for reply in answers.replies:
            if reply["outcome"] != "absent":
                return _result_of(reply)
        gap = f"; {answers.gap}" if answers.gap else ""
        raise NoSuchConnection(f"hub '{hub.lower()}' has no connection '{connection_id}'{gap}")

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
        self,
        hub: str,
        connection_id: str,
        stream_id: str,
        frames: Mapping[str, bytes],
        *,
        ends: bool,
    ) -> bool:
        request = {"verb": "stream", "hub": hub, "connection": connection_id, "stream": stream_id}
        return await self._anywhere({**request, "frames": frames, "ends": ends})

    # Inspection

    def state(self) -> dict[str, Any]:
        """{"hubs": {name: {"connections": [...], "handshaking": [...], "users": {}, "groups": {}, "remembered": {}}}} of this node.

        `remembered` has the groups that later connections of a user join.
        """
        return {"hubs": hubs_of(self.sessions)}

    async def whole_state(self) -> dict[str, Any]:
        """The state of all nodes as one; "nodes" names them, "gap" says when one did not answer.

        Each connection has its "node".
        """
        own = {"node": self.backplane.name, **self.state()}
        answers = await self.ask_others({"verb": "state"}, timeout_s=_STATE_S)
        found = sorted((own, *answers.replies), key=lambda part: str(part["node"]))
        parts = [(part["node"], part["hubs"]) for part in found]
        return {
            "node": self.backplane.name,
            "nodes": [name for name, _ in parts],
            "hubs": merged(parts),
            "gap": answers.gap or self.backplane.gone,
        }

    async def _tell_state(self, _request: Request) -> Reply:
        return {"node": self.backplane.name, **self.state()}

    # Other nodes

    async def ask_others(
        self,
        request: Request,
        *,
        timeout_s: float = TIMEOUT_S,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        """What the other nodes answer to a request; the log tells when not all of them did."""
        if self.backplane.is_alone:
            self._told_gap = ""
            return Answers()
        is_change = request["verb"] in TAG_VERBS
        is_behind = is_change and bool(self._unheard)  # told now, and again after those before it
        if is_behind:
            self._keep(request)
        answers = await self.backplane.call(
            request, timeout_s=timeout_s, enough=enough, without=without
        )
        if is_change and answers.cut_off and not is_behind:
            self._keep(request)
        self._tell_gap(request, answers.gap)
        return answers

    def _tell_gap(self, request: Request, gap: str) -> None:
        if gap != self._told_gap:  # not a line for each send while a node is away
            self._told_gap = gap
            if gap:
                log.warning("a request (%s) did not reach every node: %s", request["verb"], gap)

    @property
    def gap(self) -> str:
        """Why the latest request did not reach every node; to be read as soon as its verb has returned."""
        return self._told_gap or self.backplane.gone

    async def _everywhere(self, request: Request) -> list[Reply]:
        here = await self.node.answer(request)
        return [here, *(await self.ask_others(request)).replies]

    async def _anywhere(self, request: Request) -> bool:
        """True if this node or, failing that, another says so."""
        if (await self.node.answer(request))["ok"]:
            return True
        answers = await self.ask_others(request, enough=_is_ok)
        return any(reply["ok"] for reply in answers.replies)

    async def _rejoined(self, was_missed: bool) -> None:
        """Catch up; clients cannot, so those that have missed messages are told to connect again."""
        try:
            await self._catch_up()
        finally:
            if was_missed:
                count = self.sessions.close_attached(MISSED)
                log.warning(
                    "%d clients are told to reconnect: they may have missed messages", count
                )

    async def _catch_up(self) -> None:
        """After joining: know which users the others remember, and tell them what they did not hear."""
        self.node.hear_tags()
        replies = (await self.ask_others({"verb": "tags"})).replies
        await self.node.take_over_tags(replies, [request for _, request in self._unheard])
        while self._unheard:
            first = at, request = self._unheard[0]
            if request.get("ttl"):
                ttl_s = max(0, request["ttl"] - (self.options.wall() - at))
                request = {**request, "ttl": ttl_s}
            await self.node.answer(request)
            answers = await self.backplane.call(request)
            self._tell_gap(request, answers.gap)
            if answers.cut_off:
                return  # the next catching up goes on here
            if self._unheard and self._unheard[0] is first:  # else it was dropped meanwhile
                self._unheard.popleft()

    def _keep(self, change: Request) -> None:
        self._unheard.append((self.options.wall(), change))


def _is_ok(reply: Reply) -> bool:
    return bool(reply["ok"])


def _was_delivered(reply: Reply) -> bool:
    return bool(reply["delivered"])


def _is_outcome(reply: Reply) -> bool:
    return bool(reply["outcome"] != "absent")


def _not_encoded(skipped: int, message: HubMessage | Encoded) -> str:
    """Why so many connections were passed over by a message that its sender encoded."""
    has = message.by_protocol if isinstance(message, Encoded) else PROTOCOLS
    missing = " or ".join(name for name in PROTOCOLS if name not in has)
    speak = "1 connection speaks" if skipped == 1 else f"{skipped} connections speak"
    return f"{speak} {missing}, which the message was not encoded for"


def _every_encoding(payload: Payload) -> dict[str, bytes]:
    """The message as it goes to another node, which cannot know which protocols it needs."""
    message: HubMessage | Encoded = payload.message
    if isinstance(message, Encoded):
        return dict(message.by_protocol)
    return {name: payload.data(name) for name in PROTOCOLS}


_OUTCOMES = {
    "ClientResultError": ClientResultError,
    "ClientResultTimeout": ClientResultTimeout,
    "NoSuchConnection": NoSuchConnection,
}


def _result_of(reply: Reply) -> ClientResult:
    error = _OUTCOMES.get(reply["outcome"])
    if error is not None:
        raise error(reply["error"])
    return ClientResult(from_wire(reply["result"]), reply["has_result"], reply["protocol"])
