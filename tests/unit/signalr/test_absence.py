from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from funcjson.signalr.absence import Absence
from funcjson.signalr.backplane.base import Answers, Reply, Request

SOON_S = 0.03


class World:
    """The node "us", which may hold clients, beside others that a test plays."""

    def __init__(self, promise_s: float = 60.0) -> None:
        self.clients: set[str] = set()
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Answers] = lambda _: Answers()
        self.now = 100.0
        self.absence = Absence(
            "us", self.ask, lambda hub: hub in self.clients, lambda: self.now, promise_s
        )

    async def ask(self, request: Request, **_: Any) -> Answers:
        self.asked.append(request)
        return self.answer(request)

    def promised(self, name: str, asked_at: float = 100.0) -> None:
        self.absence.learn("chat", asked_at, [{"delivered": 0, "absent": name}])


def acknowledged_by(*names: str) -> Callable[[Request], Answers]:
    return lambda _: Answers(tuple({"from": name} for name in names))


def called_back_by(name: str, hub: str = "chat") -> Request:
    return {"verb": "arrive", "hub": hub, "from": name}


# Who holds a promise


def test_a_promise_is_kept_for_its_hub_until_it_ends() -> None:
    world = World(2.0)
    world.promised("b")
    assert world.absence.absent("chat") == {"b"}
    assert world.absence.absent("other") == frozenset()

    world.now = 102.0

    assert world.absence.absent("chat") == frozenset()


def test_an_answer_without_a_promise_promises_nothing() -> None:
    world = World()
    world.absence.learn("chat", 100.0, [{"delivered": 0}, {"delivered": 1, "absent": ""}])

    assert world.absence.absent("chat") == frozenset()


async def test_a_promise_that_is_called_back_counts_no_more() -> None:
    world = World()
    world.promised("b")
    world.promised("c")

    assert await world.absence.call_back(called_back_by("b")) == {"from": "us"}

    assert world.absence.absent("chat") == {"c"}


async def test_an_answer_from_before_the_calling_back_is_too_late() -> None:
    world = World()
    await world.absence.call_back(called_back_by("b"))
    world.promised("b", asked_at=99.5)
    assert world.absence.absent("chat") == frozenset()

    world.promised("b", asked_at=100.5)

    assert world.absence.absent("chat") == {"b"}


async def test_who_leaves_says_so_once_and_relies_on_nothing() -> None:
    world = World()
    world.promised("b")
    await world.absence.renounce()
    await world.absence.renounce()
    world.promised("b")

    assert world.asked == [{"verb": "renounce", "from": "us"}]
    assert world.absence.absent("chat") == frozenset()


# Who gives one


def test_nothing_is_promised_of_a_hub_with_clients_or_to_a_node_without_a_name() -> None:
    world = World()
    world.clients.add("chat")

    assert world.absence.promise("chat", "a") == ""
    assert world.absence.promise("other", None) == ""
    assert world.absence.promise("other", "a") == "us"


async def test_nobody_arrives_before_each_holder_has_let_go() -> None:
    world = World()
    world.answer = acknowledged_by("a", "b")
    world.absence.promise("chat", "a")
    world.absence.promise("chat", "b")

    async with world.absence.arriving("Chat"):
        assert world.asked == [called_back_by("us")]
        assert world.absence.promise("chat", "a") == ""
    async with world.absence.arriving("chat"):
        assert len(world.asked) == 1  # nothing was promised meanwhile
    assert world.absence.promise("chat", "a") == "us"


async def test_a_holder_that_is_silent_is_waited_for_until_its_promise_ends() -> None:
    loop = asyncio.get_running_loop()
    asked: list[Request] = []

    async def ask(request: Request, **_: Any) -> Answers:
        asked.append(request)
        return Answers(({"from": "a"},), ("b",))

    absence = Absence("us", ask, lambda _: False, loop.time, SOON_S)
    absence.promise("chat", "a")
    absence.promise("chat", "b")
    given = loop.time()

    async with absence.arriving("chat"):
        assert loop.time() >= given + SOON_S * 0.99
    assert len(asked) == 1


async def test_a_promise_that_has_ended_is_not_called_back() -> None:
    world = World(2.0)
    world.absence.promise("chat", "a")
    world.now += 2.0

    async with world.absence.arriving("chat"):
        pass

    assert world.asked == []


async def test_a_holder_that_has_left_is_not_waited_for() -> None:
    world = World()
    world.absence.promise("chat", "a")
    renounced: Reply = await world.absence.renounced({"verb": "renounce", "from": "a"})

    async with world.absence.arriving("chat"):
        pass

    assert (renounced, world.asked) == ({}, [])


def test_promises_of_very_many_hubs_are_forgotten_when_they_have_ended() -> None:
    world = World(2.0)
    for number in range(1000):
        world.now += 0.1
        world.absence.promise(f"hub{number}", "a")
        world.absence.learn(f"hub{number}", world.now, [{"absent": "b"}])

    assert len(world.absence._given) < 300
    assert len(world.absence._held) < 300
    assert world.absence.absent("hub999") == {"b"}
