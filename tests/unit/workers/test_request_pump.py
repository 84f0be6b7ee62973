"""request_pump: pieces go on in order, no faster than they are taken; the end is told, also the bad one."""

from __future__ import annotations

import asyncio
from typing import Any

from funcjson.model import Passing
from funcjson.workers.request_pump import MOST_UNDER_WAY, RequestPump


class Source:
    """A body in these pieces; an error among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.passed = Passing()
        self._pieces = iter(pieces)
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        return piece


def body(**members: Any) -> dict[str, Any]:
    return {"op": "body", "id": "1", **members}


async def test_pieces_go_on_in_order_and_the_end_is_told() -> None:
    sent: list[dict[str, Any]] = []

    await RequestPump(Source(b"one", b"two"), "1", sent.append).run()

    assert sent == [
        body(data={"bytes": b"one"}),
        body(data={"bytes": b"two"}),
        body(data={}, end=True),
    ]


async def test_a_body_that_breaks_off_is_told() -> None:
    sent: list[dict[str, Any]] = []

    await RequestPump(Source(b"one", ConnectionError("gone")), "1", sent.append).run()

    assert sent[1:] == [body(data={}, end=True, error="gone")]


async def test_no_more_is_read_than_may_be_under_way() -> None:
    piece = bytes(MOST_UNDER_WAY // 2)
    source = Source(*[piece] * 8)
    sent: list[dict[str, Any]] = []
    pump = RequestPump(source, "1", sent.append)
    running = asyncio.create_task(pump.run())

    async def until_it_waits() -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        return source.reads

    assert await until_it_waits() == 2
    pump.taken(len(piece))
    assert await until_it_waits() == 3
    for _ in range(6):
        pump.taken(len(piece))
    await asyncio.wait_for(running, 5)
    assert len(sent) == 9
