from __future__ import annotations

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
