"""What upstream hears of a client, one call after the other."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.signalr.session_world import (
    World,
    settled,
)

from funcjson.signalr.events import Rejection
from funcjson.signalr.upstream_queue import MAX_WORK


async def test_upstream_hears_of_a_connection_in_order_and_once() -> None:
    world = World()
    session, sink = world.connect()
    world.calls(session, "a")
    world.sessions.lost(session, sink, "cut")
    world.sessions.lost(session, sink, "cut again")
    world.sessions.discard(session)
    await settled()

    assert world.upstream.heard == ["connected", "a", ("disconnected", "cut")]
    assert world.sessions.by_token == {}
    assert world.sessions.hubs == {}


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("fine", {"type": 3, "invocationId": "1"}),
        ("framed", {"type": 3, "invocationId": "1", "result": "framed"}),
        (
            "breaks",
            {"type": 3, "invocationId": "1", "error": "Invocation failed, status code 500"},
        ),
    ],
)
async def test_a_call_is_answered(target: str, answer: dict[str, Any]) -> None:
    world = World()
    session, sink = world.connect()
    world.calls(session, target)
    world.calls(session, target, call=None)
    await settled()

    assert sink.said == [answer]
    assert not session.is_ended


async def test_a_call_that_is_cancelled_is_answered_at_once() -> None:
    world = World()
    session, sink = world.connect()
    await settled()
    world.upstream.gate.clear()
    world.calls(session, "slow")
    await settled()
    world.says(session, type=5, invocationId="other")
    world.says(session, type=5, invocationId="1")
    await settled()

    assert sink.said[0]["error"] == "Invocation failed, response cancelled."


async def test_a_rejected_connection_hears_why() -> None:
    world = World()
    world.upstream.rejection = Rejection("not you")
    session, sink = world.connect()
    await settled()

    assert sink.said == [{"type": 7, "error": "not you"}]
    assert session.is_ended
    assert world.upstream.heard[-1] == ("disconnected", "not you")


async def test_a_client_that_is_quicker_than_upstream_is_held_and_let_go() -> None:
    world = World()
    session, sink = world.connect()
    await settled()
    world.upstream.gate.clear()
    world.calls(session, "first")
    await settled()
    for _ in range(MAX_WORK):
        world.calls(session, "m", call=None)
    assert sink.events == ["hold"]
    world.upstream.gate.set()
    for _ in range(20):
        await settled()
    while session.is_working:
        await settled()

    assert sink.events == ["hold", "go on"]


async def test_an_upstream_that_hangs_does_not_hold_up_the_end() -> None:
    world = World()
    world.connect()
    world.upstream.gate.clear()
    await settled()
    await world.sessions.finish_work(0.0)

    assert world.upstream.heard == ["connected"]


async def test_a_stream_is_open_while_upstream_thinks_and_ends_once() -> None:
    world = World(forward_streams=True)
    session, sink = world.connect()
    await settled()
    world.upstream.gate.clear()
    world.calls(session, "breaks", kind=4)
    await settled()
    assert session.streams == {"1"}, "upstream may send items before it answers"
    world.says(session, type=5, invocationId="1")
    world.upstream.gate.set()
    await settled()

    assert sink.said == [{"type": 3, "invocationId": "1"}], "no second completion"


async def test_a_stream_that_upstream_does_not_take_is_closed() -> None:
    world = World(forward_streams=True)
    session, sink = world.connect()
    world.calls(session, "breaks", kind=4)
    await settled()

    assert sink.said[0]["error"] == "Invocation failed, status code 500"
    assert session.streams == set()
