"""What nodes tell each other of a tier's quotas; over real backplanes: the contract test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcjson.signalr.backplane.base import Answers, Reply
from funcjson.signalr.events import NoUpstream
from funcjson.signalr.limits import Quotas
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.quota_exchange import QuotaExchange
from funcjson.signalr.sessions import Sessions

DAY_S = 86_400.0


class Node:
    """One node; `answers` is what the others say."""

    def __init__(
        self, name: str, tier: Any = "free", wall: Callable[[], float] = lambda: DAY_S
    ) -> None:
        self.answers = Answers()
        self.asked = 0
        self.quotas = Quotas(tier, wall, name)
        sessions = Sessions(ServiceOptions(), NoUpstream())
        self.exchange = QuotaExchange(self.quotas, sessions, self.ask, name)

    async def ask(self, request: Any, **_: Any) -> Answers:
        self.asked += 1
        return self.answers


def reply(node: str, connections: int, day: int = 1, **sent: int) -> Reply:
    return {"node": node, "connections": connections, "sent": {"day": day, "by_node": sent}}


async def test_connections_and_messages_of_others_count() -> None:
    node = Node("a")
    node.quotas.spend(5, 1)
    node.answers = Answers((reply("b", 12, b=100), reply("c", 3, c=7, b=90)))
    await node.exchange.learn()

    assert node.quotas.sent_today == 112
    assert node.quotas.connection_excess(4) is None
    excess = node.quotas.connection_excess(5)
    assert excess is not None
    assert "20 are open" in excess.what


async def test_a_node_without_an_answer_counts_as_before_and_one_that_is_gone_does_not() -> None:
    node = Node("a")
    node.answers = Answers((reply("b", 12, b=1), reply("c", 5, c=1)))
    await node.exchange.learn()
    node.answers = Answers((), silent=("b",))
    await node.exchange.learn()

    assert node.quotas.connected_elsewhere == 12
    assert node.quotas.sent_today == 2


async def test_another_day_is_not_added() -> None:
    node = Node("a")
    node.answers = Answers((reply("b", 0, day=0, b=100),))
    await node.exchange.learn()

    assert node.quotas.sent_today == 0


async def test_who_asks_tells_its_own_counts_and_those_of_nodes_that_left() -> None:
    node = Node("b")
    node.quotas.spend(3, 1)
    asked = {"verb": "count", "sent": {"day": 1, "by_node": {"a": 4, "gone": 2}}}

    assert await node.exchange.answer(asked) == reply("b", 0, a=4, b=3, gone=2)
    assert node.quotas.sent_today == 9


async def test_without_a_tier_nobody_is_asked() -> None:
    node = Node("a", tier="off")
    await node.exchange.learn()

    assert node.asked == 0
