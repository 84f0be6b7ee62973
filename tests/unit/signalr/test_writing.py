"""Messages on their way: in order, together, and not to those who do not read."""

from __future__ import annotations

from typing import Any

from tests.unit.signalr.session_world import (
    FakeSink,
    World,
    settled,
)

from funcjson.signalr.frames import MAX_BATCH, Payload
from funcjson.signalr.messages import Invocation
from funcjson.signalr.transports.long_polling import PollSink


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


class Sending:
    """A message each 10 ms to one client, for which more and more waits; `reads`: what it takes before each."""

    def __init__(self) -> None:
        self.world = World(buffer_bytes=1000, max_buffer_bytes=10_000)  # half if it does not read
        self.session, self.sink = self.world.connect()

    async def go_on(self, times: int, *, reads: int = 0) -> None:
        for _ in range(times):
            self.world.now += 0.01
            self.sink.unsent += 100 - reads
            self.sink.taken += reads
            self.world.sessions.deliver((self.session,), Payload(Invocation("m")))
            await settled()
            if self.session.is_ended:
                return


async def test_a_client_that_does_not_read_is_dropped_with_a_reason() -> None:
    sending = Sending()
    await sending.go_on(100)

    assert sending.session.is_ended
    assert sending.sink.unsent < 2000
    assert sending.sink.said[-1]["allowReconnect"] is True
    assert "reads too slowly" in sending.world.upstream.heard[-1][1]


async def test_a_client_that_reads_more_slowly_than_a_burst_comes_is_kept() -> None:
    sending = Sending()
    await sending.go_on(150, reads=50)
    assert sending.sink.unsent > 5000
    await sending.go_on(20)  # it pauses, as clients do

    assert not sending.session.is_ended


async def test_a_client_that_stops_in_a_burst_is_dropped_after_some_seconds() -> None:
    sending = Sending()
    await sending.go_on(50, reads=50)
    sending.sink.unsent = 2000
    sending.world.now += 3.1
    await sending.go_on(1)

    assert sending.session.is_ended


async def test_no_client_may_be_further_behind_than_the_cap() -> None:
    sending = Sending()
    await sending.go_on(1000, reads=50)

    assert sending.session.is_ended
    assert 10_000 < sending.sink.unsent <= 10_100


async def test_a_client_that_polls_has_the_grace_of_its_transport_each_time() -> None:
    sending = Sending()
    sending.sink.grace_s = 0.3
    for _ in range(5):
        await sending.go_on(25)
        sending.sink.taken += sending.sink.unsent
        sending.sink.unsent = 0
    assert not sending.session.is_ended
    await sending.go_on(100)

    assert sending.session.is_ended


class Polling:
    """A message of 20 KB each 10 ms, so 2 MB a second, to a client that polled when they began."""

    def __init__(self) -> None:
        self.world = World()
        self.session, _ = self.world.connect()
        self.sink = PollSink(5.0, self.world.now, lambda _: None)
        self.session.sink = self.sink
        self.sink.take()

    async def go_on(self, messages: int) -> None:
        for _ in range(messages):
            if self.session.is_ended:
                return
            self.world.now += 0.01
            self.world.sessions.deliver((self.session,), Payload(Invocation("m", ("x" * 20_000,))))
            await settled()


async def test_a_polling_client_that_is_busy_for_two_seconds_loses_nothing() -> None:
    polling = Polling()
    await polling.go_on(200)

    assert not polling.session.is_ended
    assert polling.sink.take().count(b'"target":"m"') == 200


async def test_a_client_that_stopped_polling_is_dropped_after_three_seconds() -> None:
    polling = Polling()
    await polling.go_on(1000)

    assert polling.session.is_ended
    assert polling.sink.unsent < 6.2e6


async def test_a_new_socket_of_a_client_begins_anew() -> None:
    world = World(buffer_bytes=1000)
    session, sink = world.connect(stateful=True)
    sink.unsent = 2000
    world.sessions.deliver((session,), Payload(Invocation("m")))
    await settled()
    world.sessions.lost(session, sink, "cut")
    world.now += 10
    again = FakeSink()
    world.sessions.reattach(session, again)
    again.unsent = 2000
    world.sessions.deliver((session,), Payload(Invocation("m")))
    await settled()

    assert not session.is_ended


async def test_what_waits_for_a_client_that_is_away_is_bounded() -> None:
    world = World(buffer_bytes=1000)
    session, sink = world.connect(stateful=True)
    world.sessions.lost(session, sink, "cut")
    for _ in range(5):
        world.sessions.deliver((session,), Payload(Invocation("m", ["x" * 300])))
        await settled()

    assert session.is_ended


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
    world = World(buffer_bytes=10, max_buffer_bytes=10)
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
