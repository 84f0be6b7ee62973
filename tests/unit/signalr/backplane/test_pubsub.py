from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from funcjson.signalr.backplane.base import Answers, Reply, Request
from funcjson.signalr.backplane.pubsub import Link, PubSubBackplane
from funcjson.signalr.backplane.wire import Note, pack
from funcjson.signalr.errors import BackplaneUnavailable


class Bus:
    """Channels without a network."""

    def __init__(self) -> None:
        self.links: list[FakeLink] = []
        self.is_down = False
        self.batches: list[list[str]] = []

    async def connect(self, channels: Sequence[str]) -> Link:
        if self.is_down:
            raise ConnectionError("nobody is there")
        link = FakeLink(self, channels)
        self.links.append(link)
        return link

    def break_all(self) -> None:
        for link in tuple(self.links):
            link.queue.put_nowait(None)


class FakeLink:
    def __init__(self, bus: Bus, channels: Sequence[str]) -> None:
        self.bus = bus
        self.channels = channels
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def publish(self, notes: Sequence[tuple[str, bytes]]) -> Sequence[int]:
        self.bus.batches.append([channel for channel, _ in notes])
        counts = []
        for channel, data in notes:
            hearing = [link for link in self.bus.links if channel in link.channels]
            counts.append(len(hearing))
            for link in hearing:
                link.queue.put_nowait(data)
        return counts

    async def listen(self) -> AsyncIterator[bytes]:
        while (data := await self.queue.get()) is not None:
            yield data
        raise ConnectionError("the line is cut")

    async def close(self) -> None:
        if self in self.bus.links:
            self.bus.links.remove(self)


async def echo(request: Request) -> Reply:
    return request


async def joined(bus: Bus) -> PubSubBackplane:
    node = PubSubBackplane(bus.connect, "the bus", retry_s=0)
    await node.join(echo)
    return node


async def turns_until(is_so: Callable[[], bool]) -> None:
    """Let what is queued run; no time passes."""
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_requests_of_one_turn_leave_together() -> None:
    bus = Bus()
    a, b = await joined(bus), await joined(bus)
    bus.batches.clear()

    await asyncio.gather(*(a.call({"n": n}) for n in range(5)))

    assert [b.name] * 5 in bus.batches
    assert [a.name] * 5 in bus.batches
    await a.leave()
    await b.leave()


async def test_a_node_whose_line_is_gone_is_not_waited_for() -> None:
    bus = Bus()
    a, b = await joined(bus), await joined(bus)
    await bus.links[1].close()

    answers = await a.call({}, timeout_s=1000)

    assert answers == Answers((), (b.name,))
    await a.leave()
    await b.leave()


async def test_a_broken_line_ends_what_waits_and_is_made_again() -> None:
    bus = Bus()
    back = asyncio.Event()

    async def rejoined(was_missed: bool) -> None:
        assert not was_missed
        back.set()

    gate = asyncio.Event()

    async def slow(_request: Request) -> Reply:
        await gate.wait()
        return {}

    a = PubSubBackplane(bus.connect, "the bus", retry_s=0)
    await a.join(echo, rejoined)
    b = PubSubBackplane(bus.connect, "the bus", retry_s=0)
    await b.join(slow)
    calling = asyncio.create_task(a.call({}, timeout_s=1000))
    await asyncio.sleep(0)
    bus.break_all()

    assert "the line is cut" in (await calling).cut_off
    assert "only this node was asked" in (await a.call({})).gap
    assert not a.is_alone
    await back.wait()
    gate.set()
    await turns_until(lambda: not a.is_alone)  # b comes back, too
    assert (await a.call({})).replies == ({},)
    await a.leave()
    await b.leave()


async def test_a_first_connection_that_fails_is_told() -> None:
    bus = Bus()
    bus.is_down = True

    with pytest.raises(BackplaneUnavailable, match="the bus cannot be used: nobody is there"):
        await PubSubBackplane(bus.connect, "the bus").join(echo)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TimeoutError(), "it does not answer"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
async def test_each_reason_for_a_failed_connection_says_something(
    error: OSError, says: str
) -> None:
    async def connect(_channels: Sequence[str]) -> Link:
        raise error

    with pytest.raises(BackplaneUnavailable, match=f"the bus cannot be used: {says}"):
        await PubSubBackplane(connect, "the bus").join(echo)


async def test_a_link_that_breaks_in_an_unforeseen_way_ends_the_joining() -> None:
    async def connect(_channels: Sequence[str]) -> Link:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        await PubSubBackplane(connect, "the bus").join(echo)


async def test_a_node_that_was_only_heard_to_beat_is_a_member() -> None:
    bus = Bus()
    a = await joined(bus)
    await bus.links[0].publish([("all", pack(Note("beat", "other")))])
    await turns_until(lambda: not a.is_alone)

    assert (await a.call({})).silent == ("other",)  # nobody listens on its channel
    await a.leave()


async def test_a_node_that_dies_during_a_call_is_not_waited_for() -> None:
    bus = Bus()
    gate = asyncio.Event()

    async def slow(_request: Request) -> Reply:
        await gate.wait()
        return {}

    a = await joined(bus)
    b = PubSubBackplane(bus.connect, "the bus", retry_s=0)
    await b.join(slow)
    bus.batches.clear()
    calling = asyncio.create_task(a.call({}, timeout_s=1000))
    await turns_until(lambda: [b.name] in bus.batches)
    bus.links.remove(bus.links[1])  # killed: nobody says that it is gone

    assert await calling == Answers((), (b.name,))
    await a.leave()
    await b.leave()


async def test_a_node_that_was_taken_for_dead_catches_up_when_it_is_heard_again() -> None:
    bus = Bus()
    caught_up = asyncio.Event()

    async def rejoined(was_missed: bool) -> None:
        assert was_missed
        caught_up.set()

    a = PubSubBackplane(bus.connect, "the bus", beat_s=0.01, dead_after_s=0.05)
    await a.join(echo)
    b = PubSubBackplane(bus.connect, "the bus", beat_s=1000, dead_after_s=1000)  # it stands still
    await b.join(echo, rejoined)
    while not a.is_alone:
        await a.call({})
    assert not caught_up.is_set()

    await bus.links[1].publish([("all", pack(Note("beat", b.name)))])

    await caught_up.wait()
    assert not a.is_alone
    assert (await b.call({"is": "b"})).replies == ({"is": "b"},)
    await a.leave()
    await b.leave()


async def test_leaving_says_so_and_may_be_repeated() -> None:
    bus = Bus()
    a, b = await joined(bus), await joined(bus)

    await b.leave()
    await b.leave()
    await turns_until(lambda: a.is_alone)

    assert "it has left" in (await b.call({})).gap
    await a.leave()
    assert bus.links == []
