"""What a poll gets: messages, the time-out, the end, or the news that another poll has come."""

from __future__ import annotations

import asyncio

from funcjson.signalr.frames import Payload
from funcjson.signalr.messages import Invocation
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.transports.long_polling import PollSink

JSON = PROTOCOLS["json"]
BATCH = Payload(Invocation("m")).alone()
DATA = b'{"type":1,"target":"m","arguments":[]}\x1e'


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def sink() -> tuple[PollSink, list[PollSink]]:
    ended: list[PollSink] = []
    return PollSink(5.0, 100.0, ended.append), ended


async def test_messages_between_polls_come_together() -> None:
    found, _ = sink()
    assert found.write(BATCH, JSON) == 0
    assert found.write(BATCH, JSON) == len(DATA)

    assert await found.wait(90.0, Clock()) == (200, DATA * 2)
    assert found.unsent == 0


async def test_a_poll_waits_for_a_message() -> None:
    found, _ = sink()
    poll = asyncio.create_task(found.wait(90.0, Clock()))
    await asyncio.sleep(0)
    found.write(BATCH, JSON)

    assert await poll == (200, DATA)


async def test_a_poll_without_messages_ends_in_time() -> None:
    found, _ = sink()

    assert await found.wait(0.0, Clock()) == (200, b"")


async def test_a_newer_poll_sends_the_older_away_and_gets_the_messages() -> None:
    found, _ = sink()
    older = asyncio.create_task(found.wait(90.0, Clock()))
    await asyncio.sleep(0)
    newer = asyncio.create_task(found.wait(90.0, Clock()))
    await asyncio.sleep(0)
    found.write(BATCH, JSON)

    assert await older == (204, b"")
    assert await newer == (200, DATA)


async def test_the_end_is_a_204_after_the_last_message() -> None:
    found, ended = sink()
    found.write(BATCH, JSON)
    found.close()
    found.close()
    found.write(BATCH, JSON)

    assert await found.wait(90.0, Clock()) == (200, DATA)
    assert await found.wait(90.0, Clock()) == (204, b"")
    assert ended == [found], "told once"


async def test_a_client_is_stale_only_between_polls() -> None:
    found, _ = sink()
    clock = Clock()
    assert not found.is_stale(105.0)
    assert found.is_stale(105.1)
    poll = asyncio.create_task(found.wait(90.0, clock))
    await asyncio.sleep(0)
    assert not found.is_stale(1000.0)
    clock.now = 1000.0
    found.write(BATCH, JSON)
    await poll

    assert not found.is_stale(1005.0)
    assert found.is_stale(1006.0)


async def test_a_poll_that_the_client_gave_up_loses_nothing() -> None:
    found, _ = sink()
    poll = asyncio.create_task(found.wait(90.0, Clock()))
    await asyncio.sleep(0)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    found.write(BATCH, JSON)

    assert found.is_stale(106.0), "the idle time has begun"
    assert await found.wait(90.0, Clock()) == (200, DATA)
