"""response_pump: pieces reach the caller in order; a caller who leaves stops nothing but the pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from funcjson.model import Passing
from funcjson.workers.response_pump import ResponsePump

HEAD: dict[str, Any] = {"op": "response", "id": "1", "status": 201, "headers": [["a", "b"]]}


class Sink:
    """Keeps what it takes; the caller is gone once it has `until` pieces."""

    def __init__(self, until: int = 99) -> None:
        self.seen: list[Any] = []
        self.status = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.passed = Passing()
        self.is_left = False
        self._until = until

    def look(self) -> None:
        if self.is_left:
            raise ConnectionResetError

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.status = status
        self.seen.append((status, headers))

    async def write(self, data: bytes) -> None:
        if len(self.seen) >= self._until:
            raise ConnectionResetError
        self.seen.append(data)


def body(data: bytes, *, end: bool = False) -> dict[str, Any]:
    return {"op": "body", "id": "1", "data": {"bytes": data} if data else {}, "end": end}


async def pumped(sink: Sink, *messages: dict[str, Any]) -> tuple[list[int], list[str]]:
    taken: list[int] = []
    gone: list[str] = []
    pump = ResponsePump(sink, taken.append, lambda: gone.append("gone"))
    for message in messages:
        pump.put(message)
    pump.end()
    await pump.run()
    return taken, gone


async def test_pieces_come_in_order_and_are_acknowledged() -> None:
    sink = Sink()

    taken, gone = await pumped(sink, HEAD, body(b"one"), body(b"three"), body(b"", end=True))

    assert sink.seen == [(201, [("a", "b")]), b"one", b"three"]
    assert (taken, gone) == ([3, 5], [])


async def test_a_caller_who_left_is_told_once_and_the_rest_is_dropped() -> None:
    sink = Sink(until=2)

    taken, gone = await pumped(sink, HEAD, body(b"one"), body(b"two"), body(b"three"))

    assert sink.seen[1:] == [b"one"]
    assert gone == ["gone"]
    # Acknowledged all the same: the worker must not wait for a caller who is not there.
    assert taken == [3, 3, 5]


async def test_a_call_without_a_response_ends() -> None:
    assert await pumped(Sink()) == ([], [])


async def test_a_caller_who_leaves_while_nothing_comes_is_told_once() -> None:
    sink = Sink()
    left = asyncio.Event()
    gone: list[str] = []

    def tell() -> None:
        gone.append("gone")
        left.set()

    pump = ResponsePump(sink, lambda _: None, tell, look_s=0.001)
    pump.put(HEAD)
    pump.put(body(b"one"))
    running = asyncio.create_task(pump.run())
    sink.is_left = True
    await left.wait()
    pump.put(body(b"two"))
    pump.end()
    await running

    assert sink.seen == [(201, [("a", "b")]), b"one"]
    assert gone == ["gone"]
