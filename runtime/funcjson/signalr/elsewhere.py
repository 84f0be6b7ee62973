"""Requests of clients whose session another node holds: the session comes here, or the request goes there.

Behind a load balancer negotiate, the connection and each POST or poll may reach different nodes. A session without
a transport moves to the node where its transport comes; so does one that reconnects statefully, with what the
client has not acknowledged (only what is sent in the very moment of the move can be missed). Everything else is
answered by the node that holds the connection. A session is only ever held by one node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from funcjson.signalr.backplane.base import Answers, Reply, Request
from funcjson.signalr.client_access import ClientRequest
from funcjson.signalr.connection import State
from funcjson.signalr.events import ClientInfo
from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Encoded
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.session import Caller, Session
from funcjson.signalr.sessions import Sessions

MOVE_WAIT_S = 4.0  # how long a session that moves may still be busy with its client's calls
FORWARD_MARGIN_S = 5.0

Ask = Callable[..., Awaitable[Answers]]  # as SignalRService.ask_others


class Elsewhere:
    """What the other nodes hold of one service's clients. `ask` reaches them."""

    def __init__(
        self,
        sessions: Sessions,
        ask: Ask,
        is_alone: Callable[[], bool],
        arriving: Callable[[str], AbstractAsyncContextManager[None]] = lambda _hub: nullcontext(),
    ) -> None:
        self._sessions = sessions
        self._ask = ask
        self.is_alone = is_alone
        self.arriving = arriving  # around each session that begins on this node (absence.py)

    async def claim(self, token: str, caller: Caller) -> Session | None:
        """The session of a connection token, taken over from the node that holds it."""
        request = {"verb": "claim", "token": token, "hub": caller.hub, "user": caller.user_id}
        async with self.arriving(caller.hub):
            for reply in (await self._ask(request, enough=_is_here)).replies:
                if reply["here"]:
                    return adopt(self._sessions, caller, token, reply)
        return None

    async def forward(self, asked: ClientRequest, body: bytes) -> Reply | None:
        """The answer of the node that holds the connection: {"status", "headers", "body"}; None: nobody."""
        request = {
            "verb": "client",
            "method": asked.method,
            "path": asked.path,
            "query": asked.query,
            "headers": dict(asked.headers),
            "body": body,
        }
        timeout_s = self._sessions.options.poll_timeout_s + FORWARD_MARGIN_S
        answers = await self._ask(request, timeout_s=timeout_s, enough=_is_here)
        return next((reply for reply in answers.replies if reply["here"]), None)

    async def give(self, request: Request) -> Reply:
        """Another node claims a session: its state, after which this node does not know it any more."""
        session = self._sessions.by_token.get(request["token"])
        if session is None or session.caller.hub.lower() != request["hub"].lower():
            return {"here": False}
        if session.user_id != request["user"] or not _may_move(session):
            return {"here": False}
        try:
            async with asyncio.timeout(MOVE_WAIT_S):
                # Its upstream's answers come to this node. An Event would cost every session memory.
                while session.is_working:  # noqa: ASYNC110 - the reason is above
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return {"here": False}
        self._sessions.settle()
        if session.is_ended or not _may_move(session):
            return {"here": False}
        state = _state_of(self._sessions, session)
        self._sessions.give_away(session)
        return state


def _is_here(reply: Reply) -> bool:
    return bool(reply["here"])


def _may_move(session: Session) -> bool:
    connection = session.connection
    if not session.is_attached:
        return True
    return connection.resend is not None and connection.state is State.OPEN


def _state_of(sessions: Sessions, session: Session) -> dict[str, Any]:
    state: dict[str, Any] = {"here": True, "id": session.id, "stateful": session.stateful}
    resend, info = session.connection.resend, session.info
    if resend is None or info is None:
        return state
    protocol = session.connection.protocol.name
    hub = sessions.hub(session.caller.hub)
    return state | {
        "protocol": protocol,
        "waiting": [payload.data(protocol) for _, payload, _ in resend.waiting],
        "next": resend.next,
        "received": resend.received,
        "acknowledged": resend.acknowledged,
        "groups": sorted(hub.groups_of(session.id)),
        "streams": sorted(session.streams or ()),
        "claims": dict(info.claims),
        "query": info.query,
    }


def adopt(sessions: Sessions, caller: Caller, token: str, state: Reply) -> Session:
    """A session that another node gave away. One with a handshake waits for its new socket."""
    session = sessions.take_in(caller, token, state["id"], stateful=state["stateful"])
    if "protocol" not in state:
        return session
    sessions.attach_later(session)
    connection = session.connection
    connection.state, connection.protocol = State.OPEN, PROTOCOLS[state["protocol"]]
    resend = connection.resend
    assert resend is not None
    resend.next = state["next"] - len(state["waiting"])
    for data in state["waiting"]:
        resend.keep(Payload(Encoded({state["protocol"]: data})), len(data))
    resend.received, resend.acknowledged = state["received"], state["acknowledged"]
    session.streams = set(state["streams"]) or None
    session.info = ClientInfo(
        session.id,
        caller.hub,
        caller.user_id,
        state["claims"],
        state["query"],
        state["protocol"],
        "WebSockets",
        caller.ip,
        connection.rules.detailed_errors,
    )
    hub = sessions.hub(caller.hub)
    hub.add(session, sessions.options.wall())
    for group in hub.groups_of(session.id) - set(state["groups"]):
        hub.leave(session.id, group)
    for group in state["groups"]:
        hub.join(session.id, group)
    return session
