"""Sessions: what becomes of connections that begin and end, of what clients say, and of time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.signalr.session_world import (
    GRANTS,
    FakeSink,
    World,
    settled,
)

from funcjson.signalr.errors import NoSuchConnection
from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Completion, Invocation
from funcjson.signalr.session import Caller, Grants


async def test_a_session_without_a_handshake_is_nobody_to_upstream() -> None:
    world = World()
    session = world.sessions.begin(Caller("chat", None, {}, "", GRANTS))
    world.sessions.attach(session, FakeSink(), binary=True, pings=True)
    world.sessions.close(session, "no")
    await settled()

    assert world.upstream.heard == []
    assert session.is_ended


async def test_streams_are_refused_unless_they_are_forwarded() -> None:
    strict, lax = World(), World(forward_streams=True)
    for world in (strict, lax):
        session, sink = world.connect()
        world.calls(session, "items", kind=4)
        await settled()
        if world is strict:
            assert "streaming is not supported" in sink.said[0]["error"]
            continue
        assert sink.said == []
        assert session.streams == {"1"}
        world.says(session, type=5, invocationId="1")
        await settled()
        assert sink.said == [{"type": 3, "invocationId": "1"}]


async def test_who_waits_for_a_client_that_leaves_is_told() -> None:
    world = World()
    session, sink = world.connect()
    waiting: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
    session.calls = {"s-1": waiting}
    world.sessions.lost(session, sink, "cut")

    with pytest.raises(NoSuchConnection):
        await waiting


async def test_a_client_that_never_comes_is_forgotten() -> None:
    world = World(negotiate_timeout_s=15.0)
    world.sessions.begin(Caller("chat", None, {}, "", GRANTS))
    world.passes(14.0)
    assert len(world.sessions.by_token) == 1
    world.passes(1.0)

    assert world.sessions.by_token == {}


async def test_a_token_that_says_so_ends_its_connection_with_it() -> None:
    world = World()
    grants = Grants(frozenset({"WebSockets"}), 15.0, 5.0, closes_at=1010.0)
    session, sink = world.connect(grants=grants)
    world.passes(9.0)
    assert not session.is_ended
    world.passes(1.0)

    assert sink.said == [{"type": 7, "allowReconnect": True}]


async def test_a_stale_transport_ends_the_session() -> None:
    world = World()
    session, sink = world.connect()
    sink.stale = True
    world.passes(1.0)
    await settled()

    assert session.is_ended
    assert world.upstream.heard[-1] == ("disconnected", "The client stopped polling.")


async def test_a_stateful_client_may_come_back_and_upstream_does_not_notice() -> None:
    world = World()
    session, sink = world.connect(stateful=True)
    world.sessions.lost(session, sink, "cut")
    world.sessions.deliver((session,), Payload(Invocation("meanwhile")))
    await settled()
    world.passes(29.0)
    again = FakeSink()
    world.sessions.reattach(session, again)

    assert [each["type"] for each in again.said] == [9, 1]
    assert world.upstream.heard == ["connected"]
    assert sink.events == []


async def test_it_has_thirty_seconds() -> None:
    world = World()
    session, sink = world.connect(stateful=True)
    world.sessions.lost(session, sink, "cut")
    world.passes(30.0)
    await settled()

    assert session.is_ended
    assert world.upstream.heard[-1] == ("disconnected", "The client did not come back in time.")


async def test_a_clean_end_or_a_broken_frame_is_final() -> None:
    world = World()
    for error, may_return in ((None, True), ("bad frame", False)):
        session, sink = world.connect(stateful=True)
        world.sessions.lost(session, sink, error, may_return=may_return)
        assert session.is_ended


async def test_a_new_socket_replaces_one_that_looks_alive() -> None:
    world = World()
    session, sink = world.connect(stateful=True)
    again = FakeSink()
    world.sessions.reattach(session, again)
    world.sessions.lost(session, sink, "the old one is gone")

    assert sink.events == ["close"]
    assert session.sink is again


async def test_only_websockets_reconnect_statefully() -> None:
    world = World()
    session, _ = world.connect(stateful=True, over="ServerSentEvents")

    assert session.connection.resend is None


async def test_everybody_is_told_that_the_service_goes() -> None:
    world = World()
    session, sink = world.connect()
    world.sessions.begin(Caller("chat", None, {}, "", GRANTS))
    world.sessions.close_everything()
    await world.sessions.finish_work(1.0)

    assert sink.said == [{"type": 7, "allowReconnect": True}]
    assert world.sessions.by_token == {}
    assert world.upstream.heard == ["connected", ("disconnected", None)]
    assert session.is_ended


async def test_the_live_trace_names_the_client() -> None:
    world = World()
    session, _ = world.connect()
    event, fields = world.observer.events[0]

    assert event == "ConnectionConnected"
    assert fields == {
        "hub": "chat",
        "connectionId": session.id,
        "userId": "ann",
        "transport": "WebSockets",
        "ip": "::1",
    }


async def test_a_refused_stream_is_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    heard: list[tuple[str, Any]] = []
    world.sessions.observer = SimpleNamespace(record=lambda *told: heard.append(told))
    session, _ = world.connect()
    world.calls(session, "items", kind=4)
    world.calls(session, "items", kind=4)

    refused = [fields for event, fields in heard if event == "CallRefused"]
    assert [each["target"] for each in refused] == ["items", "items"]
    assert caplog.text.count("--forward-streams") == 1


class Heard:
    def __init__(self, world: World) -> None:
        self.events: list[tuple[str, Any]] = []
        world.sessions.observer = self

    def record(self, event: str, fields: Any) -> None:
        self.events.append((event, fields))


def shaking(world: World, over: str = "WebSockets") -> Any:
    session = world.sessions.begin(Caller("chat", None, {}, "", GRANTS))
    world.sessions.attach(session, FakeSink(over), binary=True, pings=True)
    return session


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ('{"protocol":"xyz","version":1}', "The protocol 'xyz' is not supported."),
        ('{"protocol":"json","version":9}', "does not support version 9"),
        ("garbage", "Invalid JSON"),
        ('{"version":1}', "Missing required property 'protocol'"),
    ],
)
async def test_a_handshake_that_fails_is_told_with_its_reason(
    record: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    heard = Heard(world)
    session = shaking(world, "LongPolling")
    world.sessions.received(session, record.encode() + b"\x1e")

    ((event, fields),) = heard.events
    assert event == "HandshakeFailed"
    assert why in fields["error"]
    assert fields["transport"] == "LongPolling"
    assert "the handshake failed" in caplog.text
    assert why in caplog.text


async def test_a_handshake_that_does_not_come_is_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    heard = Heard(world)
    shaking(world)
    world.passes(15.0)

    assert heard.events[0][1]["error"] == "no handshake came within 15 s"
    assert "no handshake came within 15 s" in caplog.text


async def test_a_client_that_breaks_the_protocol_is_told_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    session, _ = world.connect()
    world.sessions.received(session, b'{"type":1,"target":"m","arguments":[1e400]}\x1e')

    assert "sent what is no hub message" in caplog.text
    assert "1e400" in caplog.text


async def test_clean_ends_and_the_end_of_the_service_are_no_faults(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    heard = Heard(world)
    session, _ = world.connect()
    world.says(session, type=7, error="my own reason")
    shaking(world)
    world.sessions.close_everything()

    assert [event for event, _ in heard.events] == ["ConnectionConnected", "ConnectionEnded"]
    assert caplog.text == ""
