from __future__ import annotations

import json
from typing import Any

from tests.conformance.rest_world import GRANTS, FakeTransport, World

from funcjson.signalr.backplane.base import Answers, Request
from funcjson.signalr.elsewhere import Elsewhere
from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Invocation
from funcjson.signalr.session import Caller, Session

ANN = Caller("chat", "ann", {}, "", GRANTS)


def claim(session: Session, hub: str = "chat", user: str | None = "ann") -> dict[str, Any]:
    return {"verb": "claim", "token": session.token, "hub": hub, "user": user}


def end_of(world: World, other: Elsewhere | None = None) -> Elsewhere:
    async def ask(request: Request, **_: Any) -> Answers:
        return Answers() if other is None else Answers((await other.give(request),))

    return Elsewhere(world.service.sessions, ask, lambda: other is None)


async def test_a_session_without_transport_moves_once() -> None:
    world = World({})
    session = world.service.sessions.begin(ANN)
    giving = end_of(world)

    state = await giving.give(claim(session))

    assert state == {"here": True, "id": session.id, "stateful": False}
    assert await giving.give(claim(session)) == {"here": False}
    assert world.service.sessions.by_token == {}


async def test_only_its_own_hub_and_user_may_claim_a_session() -> None:
    world = World({})
    session = world.service.sessions.begin(ANN)
    giving = end_of(world)

    assert await giving.give(claim(session, hub="other")) == {"here": False}
    assert await giving.give(claim(session, user="bob")) == {"here": False}
    assert await giving.give(claim(session, hub="CHAT")) != {"here": False}


async def test_a_connection_that_is_open_stays() -> None:
    world = World({"clients": {"A": {"user": "ann"}}})

    assert await end_of(world).give(claim(world.clients["A"].session)) == {"here": False}


async def test_a_stateful_connection_moves_with_all_it_has() -> None:
    old, new = World({}), World({})
    sessions = old.service.sessions
    session = sessions.begin(ANN, stateful=True)
    transport = FakeTransport()
    sessions.attach(session, transport, binary=True, pings=False)
    sessions.received(session, b'{"protocol":"json","version":2}\x1e')
    sessions.hub("chat").join(session.id, "g")
    sessions.deliver((session,), Payload(Invocation("n", (1,))))
    sessions.flush(session)
    sessions.lost(session, transport, "gone")
    await sessions.finish_work(1)

    moved = await end_of(new, end_of(old)).claim(session.token, ANN)

    assert moved is not None
    assert (moved.id, moved.is_attached, old.service.sessions.by_token) == (session.id, True, {})
    assert new.service.sessions.hub("chat").groups_of(moved.id) == {"g"}
    again = FakeTransport()
    new.service.sessions.reattach(moved, again)
    assert [json.loads(record[:-1]) for record in again.records] == [
        {"type": 9, "sequenceId": 1},
        {"type": 1, "target": "n", "arguments": [1]},
    ]


async def test_nobody_has_it() -> None:
    assert await end_of(World({}), end_of(World({}))).claim("t", ANN) is None
