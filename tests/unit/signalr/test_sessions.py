"""Sessions: what becomes of calls, of connections that end, and of time; transports here only remember."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from funcjson.signalr.errors import NoSuchConnection
from funcjson.signalr.events import ClientInfo, Rejection
from funcjson.signalr.frames import MAX_BATCH, Batch, Payload
from funcjson.signalr.messages import Completion, Invocation, StreamInvocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.protocols import HubProtocol
from funcjson.signalr.sessions import MAX_WORK, Caller, Grants, Session, Sessions

GRANTS = Grants(frozenset({"WebSockets"}), 15.0, 5.0)


class FakeSink:
    def __init__(self, name: str = "WebSockets") -> None:
        self.transport_name = name
        self.said: list[dict[str, Any]] = []
        self.writes = 0
        self.events: list[str] = []
        self.unsent = 0
        self.stale = False

    def write(self, batch: Batch, protocol: HubProtocol) -> int:
        self.writes += 1
        self.said += [json.loads(record[:-1]) for record in batch.records(protocol.name)]
        return self.unsent

    def close(self) -> None:
        self.events.append("close")

    def is_stale(self, now: float) -> bool:
        return self.stale

    def hold(self, is_held: bool) -> None:
        self.events.append("hold" if is_held else "go on")


class FakeUpstream:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.rejection: Rejection | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def connected(self, client: ClientInfo) -> Rejection | None:
        self.heard.append("connected")
        await self.gate.wait()
        return self.rejection

    async def disconnected(self, client: ClientInfo, error: str | None) -> None:
        self.heard.append(("disconnected", error))

    async def message(
        self, client: ClientInfo, message: Invocation | StreamInvocation
    ) -> Completion | bytes | None:
        self.heard.append(message.target)
        await self.gate.wait()
        if message.target == "breaks":
            raise RuntimeError("broken")
        if message.target == "framed":
            return b'{"type":3,"invocationId":"1","result":"framed"}\x1e'
        return None


class Observer:
    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def record(self, event: str, fields: Mapping[str, Any]) -> None:
        self.events.append((event, fields))


class World:
    def __init__(self, **options: Any) -> None:
        self.now = 1000.0
        self.upstream = FakeUpstream()
        self.observer = Observer()
        clock = {"monotonic": lambda: self.now, "wall": lambda: self.now}
        self.sessions = Sessions(ServiceOptions(**clock, **options), self.upstream, self.observer)

    def connect(
        self, *, grants: Grants = GRANTS, stateful: bool = False, over: str = "WebSockets"
    ) -> tuple[Session, FakeSink]:
        caller = Caller("chat", "ann", {}, "?hub=chat", grants, "::1")
        session = self.sessions.begin(caller, stateful=stateful)
        sink = FakeSink(over)
        self.sessions.attach(session, sink, binary=True, pings=True)
        self.sessions.received(session, b'{"protocol":"json","version":1}\x1e')
        assert sink.said == [{}]
        sink.said.clear()
        return session, sink

    def says(self, session: Session, **body: Any) -> None:
        self.sessions.received(session, json.dumps(body).encode() + b"\x1e")

    def calls(self, session: Session, target: str, call: str | None = "1", kind: int = 1) -> None:
        body: dict[str, Any] = {"type": kind, "target": target, "arguments": []}
        self.says(session, **body, **({} if call is None else {"invocationId": call}))

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.sessions.tick()


async def settled() -> None:
    """Everything that can happen without outside help has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


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


async def test_a_session_without_a_handshake_is_nobody_to_upstream() -> None:
    world = World()
    session = world.sessions.begin(Caller("chat", None, {}, "", GRANTS))
    world.sessions.attach(session, FakeSink(), binary=True, pings=True)
    world.sessions.close(session, "no")
    await settled()

    assert world.upstream.heard == []
    assert session.is_ended


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


async def test_messages_of_one_turn_are_written_at_once() -> None:
    world = World()
    session, sink = world.connect()
    before = sink.writes
    for number in range(10):
        world.sessions.deliver((session,), Payload(Invocation(f"m{number}")))
    assert sink.writes == before
    await settled()

    assert sink.writes == before + 1
    assert [each["target"] for each in sink.said] == [f"m{number}" for number in range(10)]


async def test_a_long_burst_is_written_in_parts() -> None:
    world = World()
    session, sink = world.connect()
    before = sink.writes
    for _ in range(3 * MAX_BATCH):
        world.sessions.deliver((session,), Payload(Invocation("m")))

    assert sink.writes >= before + 2


async def test_a_client_that_does_not_read_is_dropped_with_a_reason() -> None:
    world = World(buffer_bytes=10)
    session, sink = world.connect()
    sink.unsent = 11
    world.sessions.deliver((session,), Payload(Invocation("m")))
    await settled()

    assert session.is_ended
    assert sink.said[-1]["allowReconnect"] is True
    assert "reads too slowly" in world.upstream.heard[-1][1]


async def test_who_waits_for_a_client_that_leaves_is_told() -> None:
    world = World()
    session, sink = world.connect()
    waiting: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
    session.calls = {"s-1": waiting}
    world.sessions.lost(session, sink, "cut")

    with pytest.raises(NoSuchConnection):
        await waiting


# Time


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


# Stateful reconnect


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


async def test_what_waits_for_a_client_that_is_away_is_bounded() -> None:
    world = World(buffer_bytes=1000)
    session, sink = world.connect(stateful=True)
    world.sessions.lost(session, sink, "cut")
    for _ in range(5):
        world.sessions.deliver((session,), Payload(Invocation("m", ["x" * 300])))
        await settled()

    assert session.is_ended


async def test_only_websockets_reconnect_statefully() -> None:
    world = World()
    session, _ = world.connect(stateful=True, over="ServerSentEvents")

    assert session.connection.resend is None


# The end of the node


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


async def test_an_upstream_that_hangs_does_not_hold_up_the_end() -> None:
    world = World()
    world.connect()
    world.upstream.gate.clear()
    await settled()
    await world.sessions.finish_work(0.0)

    assert world.upstream.heard == ["connected"]


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


# The order of what is sent within one turn, whoever it is for and whatever else happens


def numbered(*numbers: int) -> list[Payload]:
    return [Payload(Invocation("n", (number,))) for number in numbers]


def numbers(sink: FakeSink) -> list[Any]:
    return [each["arguments"][0] if each["type"] == 1 else each["type"] for each in sink.said]


async def test_messages_to_changing_audiences_keep_their_order() -> None:
    world = World()
    (a, a_sink), (b, b_sink) = world.connect(), world.connect()
    one, two, three, four, five = numbered(1, 2, 3, 4, 5)
    counts = [
        world.sessions.deliver((a, b), one),
        world.sessions.deliver([a, b], two),
        world.sessions.deliver((b,), three),
        world.sessions.deliver((), four),
        world.sessions.deliver((b, a), five),
    ]
    await settled()

    assert counts == [2, 2, 1, 0, 2]
    assert (numbers(a_sink), a_sink.writes) == ([1, 2, 5], 2)  # one of them was the handshake's
    assert (numbers(b_sink), b_sink.writes) == ([1, 2, 3, 5], 2)


async def test_a_close_comes_after_what_was_sent_before_it() -> None:
    world = World()
    session, sink = world.connect()
    (message,) = numbered(1)
    world.sessions.deliver((session,), message)
    world.sessions.close(session, "bye")
    await settled()

    assert numbers(sink) == [1, 7]


async def test_an_answer_comes_after_what_was_sent_before_the_call() -> None:
    world = World()
    session, sink = world.connect()
    (message,) = numbered(1)
    world.sessions.deliver((session,), message)
    world.calls(session, "s", kind=4)  # refused at once
    await settled()

    assert numbers(sink) == [1, 3]


async def test_who_leaves_within_the_turn_gets_nothing_and_the_others_everything() -> None:
    world = World()
    (gone, gone_sink), (stays, sink) = world.connect(), world.connect()
    (message,) = numbered(1)
    world.sessions.deliver((gone, stays), message)
    world.sessions.lost(gone, gone_sink, None)
    await settled()

    assert numbers(sink) == [1]


async def test_a_stateful_client_that_loses_its_socket_within_the_turn_gets_it_later() -> None:
    world = World()
    session, sink = world.connect(stateful=True)
    (message,) = numbered(1)
    world.sessions.deliver((session,), message)
    world.sessions.lost(session, sink, "broken")
    await settled()
    again = FakeSink()
    world.sessions.reattach(session, again)

    assert numbers(again) == [9, 1]


async def test_one_slow_client_among_many_is_dropped_within_a_broadcast() -> None:
    world = World(buffer_bytes=10)
    (slow, slow_sink), (quick, sink) = world.connect(), world.connect()
    slow_sink.unsent = 11
    (message,) = numbered(1)
    world.sessions.deliver((slow, quick), message)
    await settled()

    assert (slow.is_ended, quick.is_ended) == (True, False)
    assert numbers(slow_sink) == [1, 7]
    assert numbers(sink) == [1]


async def test_a_long_burst_to_the_same_clients_is_written_in_parts() -> None:
    world = World()
    (a, a_sink), (b, _) = world.connect(), world.connect()
    for payload in numbered(*range(MAX_BATCH + 1)):
        world.sessions.deliver((a, b), payload)
    assert len(a_sink.said) == MAX_BATCH
    await settled()

    assert numbers(a_sink) == list(range(MAX_BATCH + 1))
