from __future__ import annotations

import asyncio
import gc
from typing import Any

from funcjson.signalr.backplane.base import Answers, Reply, Request
from funcjson.signalr.backplane.memory import Exchange, MemoryBackplane


async def echo(request: Request) -> Reply:
    return request


async def test_a_node_without_an_exchange_is_alone() -> None:
    node = MemoryBackplane()
    await node.join(echo)

    assert node.is_alone
    assert await node.call({"a": 1}) == Answers()


async def test_nodes_of_one_exchange_meet() -> None:
    exchange = Exchange()
    a, b = MemoryBackplane(exchange), MemoryBackplane(exchange)
    await a.join(echo)
    await b.join(echo)

    assert await a.call({"a": 1}) == Answers(({"a": 1},))
    await b.leave()
    await b.leave()
    assert a.is_alone


async def test_a_node_that_fails_beside_one_that_is_enough_leaves_nothing_behind() -> None:
    left: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))
    exchange = Exchange()

    async def fails(_request: Request) -> Reply:
        raise ValueError("a bug")

    for _ in range(20):
        await MemoryBackplane(exchange).join(fails)
    await MemoryBackplane(exchange).join(echo)

    answers = await MemoryBackplane(exchange).call({"a": 1}, enough=bool)

    assert answers == Answers(({"a": 1},))
    gc.collect()
    assert left == []
