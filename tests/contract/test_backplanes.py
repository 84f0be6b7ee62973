"""Several service nodes act as one, whatever joins them; one body, over each backplane."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgpack
import pytest
from tests.contract.redis_process import redis_server
from tests.contract.service_client import KEY, Client, Clients, clients, gathered

from funcjson.signalr.backplane.base import Answers, Backplane, Reply, Request
from funcjson.signalr.backplane.memory import Exchange, MemoryBackplane
from funcjson.signalr.backplane.redis import RedisBackplane
from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token
from funcjson.signalr.errors import ClientResultError, ClientResultTimeout, NoSuchConnection
from funcjson.signalr.messages import Completion, Invocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import SignalRService, Verdict
from funcjson.signalr.transactions import (
    CloseConnection,
    Executed,
    JoinGroup,
    LeaveGroup,
    SendMessage,
)

HELLO = Invocation("hello", ("world",))


class Clock:
    """Wall clock of all nodes."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass
class World:
    """Nodes that are joined, and clients for them."""

    new_backplane: Callable[[], Backplane]
    clients: Clients
    stack: AsyncExitStack
    wall: Clock = field(default_factory=Clock)

    async def node(self, **given: Any) -> SignalRServer:
        options = ServiceOptions(port=0, keys=(KEY,), wall=self.wall, **given)
        server = SignalRServer(options, backplane=self.new_backplane())
        await server.start()
        self.stack.push_async_callback(server.stop)
        return server

    async def two(self, **given: Any) -> tuple[SignalRServer, SignalRServer]:
        return await self.node(**given), await self.node(**given)

    async def join(self, handler: Callable[[Request], Awaitable[Reply]]) -> Backplane:
        """A backplane without a service."""
        backplane = self.new_backplane()
        await backplane.join(handler)
        self.stack.push_async_callback(backplane.leave)
        return backplane


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        exchange = Exchange()

        def new_backplane() -> Backplane:
            return MemoryBackplane(exchange)

        if request.param == "redis":
            redis = await stack.enter_async_context(redis_server())

            def new_backplane() -> Backplane:
                return RedisBackplane(redis.url)

        http = await stack.enter_async_context(clients())
        yield World(new_backplane, http, stack)
        await http.leave()


# What a backplane guarantees


class Handler:
    """Answers what a test wants and keeps what it was asked."""

    def __init__(self, name: str = "", gate: asyncio.Event | None = None) -> None:
        self.name = name
        self.gate = gate
        self.asked: list[Request] = []
        self.cancelled = asyncio.Event()

    async def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        if request.get("raise"):
            raise RuntimeError("broken")
        if self.gate is not None and request.get("wait"):
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return {"from": self.name, "echo": request.get("value")}


async def test_each_other_node_is_asked_once_and_the_caller_never(world: World) -> None:
    handlers = [Handler("a"), Handler("b"), Handler("c")]
    a, *_ = [await world.join(handler) for handler in handlers]

    answers = await a.call({"verb": "x"})

    assert sorted(reply["from"] for reply in answers.replies) == ["b", "c"]
    assert answers.gap == ""
    assert [len(handler.asked) for handler in handlers] == [0, 1, 1]


async def test_a_node_knows_whether_it_is_alone(world: World) -> None:
    a = await world.join(Handler())
    alone = a.is_alone
    b = await world.join(Handler())

    assert (alone, a.is_alone, b.is_alone) == (True, False, False)
    await b.leave()
    while not a.is_alone:  # the farewell is on its way
        await a.call({})
    assert await a.call({}) == Answers()


async def test_bytes_and_odd_texts_arrive_as_they_are(world: World) -> None:
    value = {"a": [b"\x00\xff", {"b": b""}], "\ud800": None, "": -1.5, "n": 2**70, "$bytes": 0}
    a = await world.join(Handler())
    await world.join(Handler())

    assert (await a.call({"value": value})).replies[0]["echo"] == value


async def test_requests_start_in_order_and_do_not_wait_for_each_other(world: World) -> None:
    gate = asyncio.Event()
    handler = Handler(gate=gate)
    a = await world.join(Handler())
    await world.join(handler)

    slow = asyncio.create_task(a.call({"number": -1, "wait": True}))
    others = await gathered(*(a.call({"number": number}) for number in range(100)))

    assert [request["number"] for request in handler.asked] == list(range(-1, 100))
    assert all(len(answers.replies) == 1 for answers in others)
    gate.set()
    assert len((await slow).replies) == 1


async def test_a_handler_that_raises_is_named_as_silent(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    a = await world.join(Handler())
    await world.join(Handler("b"))

    answers = await a.call({"verb": "dance", "raise": True})

    assert answers.replies == ()
    assert "1 of 1 other nodes did not answer" in answers.gap
    assert "could not answer 'dance'" in caplog.text


async def test_a_partial_answer_is_told_from_a_whole_one(world: World) -> None:
    gate = asyncio.Event()
    slow = Handler("slow", gate)
    a = await world.join(Handler())
    await world.join(slow)
    await world.join(Handler("quick"))

    answers = await a.call({"wait": True}, timeout_s=0.3)

    assert [reply["from"] for reply in answers.replies] == ["quick"]
    assert "1 of 2 other nodes did not answer" in answers.gap
    await slow.cancelled.wait()


async def test_with_enough_the_rest_is_cancelled(world: World) -> None:
    slow = Handler("slow", asyncio.Event())
    a = await world.join(Handler())
    await world.join(slow)
    await world.join(Handler("quick"))

    answers = await a.call({"wait": True}, enough=lambda reply: reply["from"] == "quick")

    assert [reply["from"] for reply in answers.replies] == ["quick"]
    assert answers.gap == ""
    await slow.cancelled.wait()


async def test_a_caller_that_gives_up_cancels_the_others(world: World) -> None:
    slow = Handler("slow", asyncio.Event())
    a = await world.join(Handler())
    b = await world.join(slow)
    calling = asyncio.create_task(a.call({"wait": True}))
    await b.call({})  # by now the first request has come, too
    while not slow.asked:
        await b.call({})

    calling.cancel()

    await slow.cancelled.wait()


async def test_a_node_that_leaves_is_not_waited_for(world: World) -> None:
    slow = Handler("slow", asyncio.Event())
    a = await world.join(Handler())
    b = await world.join(slow)
    calling = asyncio.create_task(a.call({"wait": True}, timeout_s=50))
    while not slow.asked:
        await b.call({})

    await b.leave()

    assert "1 of 1" in (await calling).gap


# Two nodes act as one


async def test_a_send_to_all_reaches_the_clients_of_every_node(world: World) -> None:
    a, b = await world.two()
    here, there = await gathered(world.clients.connect(a.port), world.clients.connect(b.port))

    verdict = await a.service.send_to_all("Chat", HELLO)

    assert verdict == Verdict(2)
    assert await here.called() == await there.called() == ("hello", ["world"])


async def test_excluded_connections_are_excluded_on_every_node(world: World) -> None:
    a, b = await world.two()
    near, far, kept = await gathered(
        world.clients.connect(a.port), world.clients.connect(b.port), world.clients.connect(b.port)
    )

    verdict = await a.service.send_to_all("chat", HELLO, excluded=[near.id, far.id])

    assert verdict.delivered == 1
    assert await kept.called() == ("hello", ["world"])


async def test_a_user_is_found_on_every_node(world: World) -> None:
    a, b = await world.two()
    ours, theirs, _ = await gathered(
        world.clients.connect(a.port, user="ann"),
        world.clients.connect(b.port, user="ann"),
        world.clients.connect(b.port, user="bob"),
    )

    assert await a.service.send_to_user("chat", "ann", HELLO) == Verdict(2)
    assert await ours.called() == await theirs.called() == ("hello", ["world"])
    assert await b.service.user_exists("chat", "ann")
    assert await a.service.user_exists("chat", "bob")
    assert not await a.service.user_exists("chat", "eve")
    assert not await a.service.user_exists("other", "ann")


async def test_groups_span_nodes(world: World) -> None:
    a, b = await world.two()
    near, far = await gathered(world.clients.connect(a.port), world.clients.connect(b.port))

    assert await a.service.add_connection_to_group("chat", far.id, "g")
    assert await b.service.add_connection_to_group("chat", near.id, "g")
    assert not await a.service.add_connection_to_group("chat", "nobody", "g")
    assert await a.service.send_to_group("chat", "g", HELLO) == Verdict(2)
    assert await near.called() == await far.called() == ("hello", ["world"])
    assert await a.service.group_exists("chat", "g")

    assert await a.service.remove_connection_from_group("chat", far.id, "g")
    assert await b.service.remove_connection_from_all_groups("chat", near.id)
    assert not await a.service.remove_connection_from_group("chat", "nobody", "g")
    assert not await b.service.group_exists("chat", "g")


async def test_members_of_a_group_are_listed_over_all_nodes_in_pages(world: World) -> None:
    a, b = await world.two()
    ports = [a.port, b.port] * 3
    members = await gathered(*(world.clients.connect(port) for port in ports))
    for each in members:
        await a.service.add_connection_to_group("chat", each.id, "g")

    found: list[str] = []
    more, after = True, ""
    while more:
        page = await b.service.list_group_connections("chat", "g", after=after, limit=4)
        more, after = page.more, page.members[-1].connection_id
        found += [each.connection_id for each in page.members]

    assert found == sorted(each.id for each in members)


async def test_a_connection_is_found_from_the_wrong_node(world: World) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port)

    assert await a.service.connection_exists("chat", far.id)
    assert not await a.service.connection_exists("chat", "nobody")
    assert not await a.service.connection_exists("other", far.id)
    assert await a.service.send_to_connection("chat", far.id, HELLO) == Verdict(1)
    assert await far.called() == ("hello", ["world"])


CLOSINGS: dict[str, Callable[[SignalRService, Client], Awaitable[Any]]] = {
    "connection": lambda s, c: s.close_connection("chat", c.id, reason="go"),
    "all": lambda s, c: s.close_all("chat", reason="go"),
    "user": lambda s, c: s.close_user("chat", "ann", reason="go"),
    "group": lambda s, c: s.close_group("chat", "g", reason="go"),
}


@pytest.mark.parametrize("which", CLOSINGS)
async def test_closing_reaches_the_other_node(world: World, which: str) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port, user="ann")
    await a.service.add_connection_to_group("chat", far.id, "g")

    assert await CLOSINGS[which](a.service, far) == 1
    assert (await far.receive())["error"] == "go"
    assert not await a.service.connection_exists("chat", far.id)


async def test_a_client_is_asked_from_the_wrong_node(world: World) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port)

    async def answer(**given: Any) -> None:
        asked = await far.receive()
        assert (asked["target"], asked["arguments"]) == ("sum", [1, 2])
        await far.send(type=3, invocationId=asked["invocationId"], **given)

    answering = asyncio.create_task(answer(result={"is": 3}))
    found = await a.service.invoke_connection("chat", far.id, "sum", [1, 2])
    await answering
    assert (found.result, found.has_result, found.protocol) == ({"is": 3}, True, "json")

    answering = asyncio.create_task(answer(error="too hard"))
    with pytest.raises(ClientResultError, match="too hard"):
        await a.service.invoke_connection("chat", far.id, "sum", [1, 2])
    await answering

    with pytest.raises(ClientResultTimeout):
        await a.service.invoke_connection("chat", far.id, "sum", [1, 2], timeout_s=0.1)
    with pytest.raises(NoSuchConnection):
        await a.service.invoke_connection("chat", "nobody", "sum", [])


async def test_values_that_json_has_not_go_to_a_client_of_another_node_and_back(
    world: World,
) -> None:
    a, b = await world.two()
    far = await world.clients.connect_packed(b.port)
    values = [msgpack.Timestamp(1_700_000_000, 5), msgpack.ExtType(5, b"five"), {1: b"one"}]

    for node in (b, a):
        asking = asyncio.create_task(
            node.service.invoke_connection("chat", far.id, "ask", values, timeout_s=5)
        )
        asked = await far.receive()
        assert isinstance(asked, Invocation) and asked.invocation_id is not None
        assert repr(asked.arguments) == repr(values)
        await far.send(Completion(asked.invocation_id, list(reversed(values)), has_result=True))
        assert repr((await asking).result) == repr(list(reversed(values)))


async def test_a_result_that_no_node_can_pass_on_is_no_missing_connection(world: World) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port)
    asking = asyncio.create_task(a.service.invoke_connection("chat", far.id, "ask", []))
    call = (await far.receive())["invocationId"]
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    await far.send(type=3, invocationId=call, result=deep)

    with pytest.raises(ClientResultError, match="nested deeper than 200 levels"):
        await asking


async def test_a_client_that_leaves_ends_the_wait_on_the_other_node(world: World) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port)
    asking = asyncio.create_task(a.service.invoke_connection("chat", far.id, "sum", []))
    await far.receive()
    await far.leave()

    with pytest.raises(NoSuchConnection):
        await asking


async def test_a_hundred_sends_arrive_in_order_on_the_other_node(world: World) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port)

    await gathered(*(a.service.send_to_all("chat", Invocation("n", (n,))) for n in range(100)))

    assert [(await far.called())[1][0] for _ in range(100)] == list(range(100))


async def test_a_verdict_knows_what_the_other_node_holds(world: World) -> None:
    a, b = await world.two()
    far = await world.clients.connect(b.port)
    await b.service.add_connection_to_group("chat", far.id, "Blue")

    verdict = await a.service.send_to_group("chat", "blue", HELLO)

    assert verdict == Verdict(
        0, "hub 'chat' has no group 'blue' with a connection; did you mean 'Blue', which has 1?"
    )


# Transactions


async def test_a_transaction_runs_on_the_connections_of_every_node(world: World) -> None:
    a, b = await world.two()
    near = await world.clients.connect(a.port, user="listener-1")
    far = await world.clients.connect(b.port, user="listener-2")
    other = await world.clients.connect(b.port, user="other")
    listeners = "startswith(userId, 'listener-')"

    done = await a.service.execute("chat", [JoinGroup("g"), SendMessage(HELLO)], listeners)
    assert done == Executed(2, 3, (2,))
    assert await near.called() == await far.called() == ("hello", ["world"])
    assert (await b.service.send_to_group("chat", "g", HELLO)).delivered == 2

    closing = [LeaveGroup("g"), CloseConnection("enough")]
    done = await a.service.execute("chat", closing, "'g' in groups and userId eq 'listener-2'")
    assert done == Executed(1, 3)
    assert await far.called() == ("hello", ["world"])
    assert (await far.receive())["error"] == "enough"
    assert await a.service.send_to_group("chat", "g", HELLO) == Verdict(1)

    nobody = await b.service.execute("chat", [SendMessage(HELLO)], "userId eq 'ann'")
    assert nobody.why == "the filter matches none of the 2 connections of hub 'chat'"
    assert (await a.service.send_to_all("chat", Invocation("last"))).delivered == 2
    assert await other.called() == ("last", [])


# A node without clients in a hub is not given its messages


async def test_a_node_that_has_nobody_is_asked_once_and_again_when_it_says_so(
    world: World,
) -> None:
    a = await world.node()
    asked: list[Request] = []
    other = world.new_backplane()

    async def empty(request: Request) -> Reply:
        asked.append(request)
        return {
            "delivered": 0,
            "skipped": 0,
            "absent": other.name,
            "rank": 0,
            "text": "",
            "tags": [],
        }

    await other.join(empty)
    world.stack.push_async_callback(other.leave)
    near = await world.clients.connect(a.port)
    asked.clear()

    for _ in range(3):
        assert await a.service.send_to_all("Chat", HELLO) == Verdict(1)
    assert [request["verb"] for request in asked] == ["send"]
    await other.call({"verb": "arrive", "hub": "chat", "from": other.name})
    await a.service.send_to_all("chat", HELLO)

    assert [request["verb"] for request in asked] == ["send", "send"]
    for _ in range(4):
        assert await near.called() == ("hello", ["world"])


async def test_a_call_may_leave_nodes_out(world: World) -> None:
    a = await world.join(Handler())
    b = await world.join(Handler("b"))
    c = await world.join(Handler("c"))

    assert a.others == {b.name, c.name}
    found = await a.call({}, without={b.name})
    assert [reply["from"] for reply in found.replies] == ["c"]
    assert await a.call({}, without=a.others) == Answers()


@pytest.mark.parametrize("negotiates", [True, False])
async def test_whoever_is_connected_gets_what_is_sent_then_though_his_node_had_nobody_before(
    world: World, negotiates: bool
) -> None:
    a, b = await world.two()
    near = await world.clients.connect(a.port)
    for number in range(10):
        assert (await a.service.send_to_all("chat", Invocation("before", (number,)))) == Verdict(1)
        negotiated = await world.clients.negotiate(b.port) if negotiates else None
        far = await world.clients.connect(b.port, negotiated=negotiated)

        assert await a.service.send_to_all("chat", Invocation("n", (number,))) == Verdict(2)
        assert await far.called() == ("n", [number])
        await far.leave()
        while b.state()["hubs"]:  # the server has not noticed yet
            await a.service.send_to_connection("chat", "nobody", HELLO)
    for number in range(10):
        assert await near.called() == ("before", [number])
        assert await near.called() == ("n", [number])


async def test_clients_of_a_node_that_stops_go_at_once_to_one_that_had_nobody(world: World) -> None:
    a, b = await world.two()
    await world.clients.connect(a.port)
    assert await a.service.send_to_all("chat", HELLO) == Verdict(1)  # b has promised something
    await a.stop()

    client = await world.clients.connect(b.port)

    assert await b.service.send_to_all("chat", HELLO) == Verdict(1)
    assert await client.called() == ("hello", ["world"])


# Users that are remembered for groups


async def test_a_user_is_remembered_on_every_node_until_the_ttl_ends(world: World) -> None:
    a, b = await world.two()
    await a.service.add_user_to_group("chat", "ann", "g", ttl_s=60)

    assert await b.service.user_in_group("chat", "ann", "g")
    early = await world.clients.connect(b.port, user="ann")
    assert await a.service.send_to_group("chat", "g", HELLO) == Verdict(1)
    assert await early.called() == ("hello", ["world"])

    world.wall.ahead_s = 61
    await world.clients.connect(b.port, user="ann")
    assert await a.service.send_to_group("chat", "g", HELLO) == Verdict(1)  # who joined stays


async def test_a_node_that_starts_later_knows_remembered_users(world: World) -> None:
    a = await world.node()
    await a.service.add_user_to_group("chat", "ann", "g", ttl_s=60)
    await a.service.add_user_to_group("chat", "ann", "h")
    b = await world.node()
    await world.clients.connect(b.port, user="ann")

    assert (await a.service.send_to_group("chat", "g", HELLO)).delivered == 1
    assert (await a.service.send_to_group("chat", "h", HELLO)).delivered == 1


async def test_a_user_is_forgotten_on_every_node(world: World) -> None:
    a, b = await world.two()
    await world.clients.connect(b.port, user="ann")
    await a.service.add_user_to_group("chat", "ann", "g")
    await a.service.add_user_to_group("chat", "ann", "h")

    await a.service.remove_user_from_group("chat", "ann", "g")
    assert (await a.service.send_to_group("chat", "g", HELLO)).delivered == 0
    assert (await a.service.send_to_group("chat", "h", HELLO)).delivered == 1
    await a.service.remove_user_from_all_groups("chat", "ann")
    await world.clients.connect(b.port, user="ann")
    assert (await a.service.send_to_group("chat", "h", HELLO)).delivered == 0


async def test_a_node_that_stops_leaves_the_others_alone(world: World) -> None:
    a, b = await world.two()
    near = await world.clients.connect(a.port)
    far = await world.clients.connect(b.port)

    await b.stop()

    assert (await far.receive()) == {"type": 7, "allowReconnect": True}
    again = await world.clients.connect(a.port)
    assert (await a.service.send_to_all("chat", HELLO)).delivered == 2
    assert await near.called() == await again.called() == ("hello", ["world"])


# What is asked of one node and is about all of them


async def test_the_state_is_that_of_all_nodes(world: World) -> None:
    a, b = await world.two()
    near = await world.clients.connect(a.port, user="ann")
    far = await world.clients.connect(b.port, user="ann")
    await a.service.add_user_to_group("chat", "ann", "g")
    await a.service.add_user_to_group("chat", "bob", "later")
    names = {near.id: a.service.backplane.name, far.id: b.service.backplane.name}

    for node in (a, b):
        url = f"http://127.0.0.1:{node.port}/_lss/state"
        async with world.clients.http.get(url) as answer:
            state = await answer.json()
        hub = state["hubs"]["chat"]
        assert {each["id"]: each["node"] for each in hub["connections"]} == names
        assert hub["users"] == {"ann": sorted(names)}
        assert hub["groups"] == {"g": sorted(names)}
        assert hub["remembered"] == {"ann": ["g"], "bob": ["later"]}
        assert state["nodes"] == sorted(names.values())
        assert state["gap"] == ""


async def test_the_connections_of_a_tier_are_those_of_all_nodes(world: World) -> None:
    a, b = await world.two(tier="free")
    early = {node.port: await world.clients.negotiate(node.port) for node in (a, b)}
    kept = [await world.clients.connect((a, b)[n % 2].port) for n in range(20)]

    for port, negotiated in early.items():
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.clients.connect(port, negotiated=negotiated)
        assert refused.value.status == 429
        with pytest.raises(AssertionError, match=r"20 are open.* To do: close some"):
            await world.clients.negotiate(port)

    await b.stop()
    with pytest.raises(ConnectionError):
        while True:
            await kept[1].receive()  # one of those that b held
    await world.clients.connect(a.port)


async def test_a_burst_over_two_nodes_passes_the_tier_by_one_at_most(world: World) -> None:
    a, b = await world.two(tier="free")
    for node in (a, b):  # each promises the other that it has nobody, and has to take that back
        await node.service.send_to_all("chat", HELLO)

    async def come(number: int) -> bool:
        try:
            await world.clients.connect((a, b)[number % 2].port)
        except (AssertionError, aiohttp.WSServerHandshakeError) as refused:
            assert "429" in str(refused) or "are open" in str(refused)
            return False
        return True

    came = await asyncio.gather(*(come(number) for number in range(60)))

    assert 20 <= sum(came) <= 21


async def test_the_messages_of_a_day_are_those_of_all_nodes(world: World) -> None:
    a, b = await world.two(tier="free")
    client = await world.clients.connect(b.port)
    reading = asyncio.create_task(read_on(client))  # a client that does not read is dropped
    large = json.dumps({"target": "m", "arguments": ["x" * 1_000_000]}).encode()

    assert await statuses_until_refused(world, a, large) == {202, 429}
    assert await statuses_until_refused(world, b, b'{"target": "m"}') <= {202, 429}
    reading.cancel()


async def read_on(client: Client) -> None:
    while True:
        await client.receive()


async def statuses_until_refused(world: World, node: SignalRServer, body: bytes) -> set[int]:
    """What sends are answered, until one is refused."""
    path = "api/hubs/chat/:send?api-version=2022-06-01"
    endpoint = ServiceEndpoint(node.url, access_key=KEY)
    token = mint_server_token(endpoint, path, now=time.time())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    found: set[int] = set()
    while 429 not in found:
        async with world.clients.http.post(
            f"{node.url}/{path}", data=body, headers=headers
        ) as answer:
            found.add(answer.status)
    return found


# Requests that land on the wrong node


async def test_who_negotiated_with_one_node_connects_to_another(world: World) -> None:
    a, b = await world.two()
    found = await world.clients.negotiate(a.port, user="ann")

    client = await world.clients.connect(b.port, user="ann", negotiated=found)

    assert b.state()["hubs"]["chat"]["users"] == {"ann": [found["connectionId"]]}
    assert a.state()["hubs"] == {}
    assert await a.service.send_to_user("chat", "ann", HELLO) == Verdict(1)
    assert await client.called() == ("hello", ["world"])


async def test_a_connection_token_is_good_for_one_connection_on_all_nodes(world: World) -> None:
    a, b = await world.two()
    found = await world.clients.negotiate(a.port)
    await world.clients.connect(b.port, negotiated=found)

    for node in (a, b):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.clients.connect(node.port, negotiated=found)
        assert refused.value.status in (404, 409)


async def test_a_token_that_no_node_made_is_refused(world: World) -> None:
    a, _ = await world.two()
    made_up = {"connectionToken": "made-up", "connectionId": ""}

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await world.clients.connect(a.port, negotiated=made_up)

    assert refused.value.status == 404
    assert await world.clients.ask("POST", a.port, "made-up", b"x") == (
        404,
        b"No Connection with that ID",
    )


async def test_another_hubs_token_does_not_open_a_connection_of_another_node(
    world: World,
) -> None:
    a, b = await world.two()
    found = await world.clients.negotiate(a.port, "chat")

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await world.clients.connect(b.port, "other", negotiated=found)

    assert refused.value.status == 404
    await world.clients.connect(b.port, "chat", negotiated=found)


async def test_long_polling_goes_on_over_any_node(world: World) -> None:
    a, b = await world.two()
    c = await world.node()
    found = await world.clients.negotiate(a.port)
    ask, token = world.clients.ask, found["connectionToken"]

    assert await ask("GET", b.port, token) == (200, b"")
    assert await ask("POST", c.port, token, b'{"protocol":"json","version":1}\x1e') == (200, b"")
    assert await ask("GET", a.port, token) == (200, b"{}\x1e")
    polling = asyncio.create_task(ask("GET", c.port, token))
    assert await c.service.send_to_connection("chat", found["connectionId"], HELLO) == Verdict(1)
    status, body = await polling
    assert (status, json.loads(body[:-1])["target"]) == (200, "hello")
    assert await ask("DELETE", a.port, token) == (202, b"")
    assert (await ask("GET", c.port, token))[0] == 404


async def test_the_last_messages_of_a_polling_client_come_from_any_node(world: World) -> None:
    a, b = await world.two()
    found = await world.clients.negotiate(a.port)
    ask, token = world.clients.ask, found["connectionToken"]
    await ask("GET", a.port, token)
    await ask("POST", a.port, token, b'{"protocol":"json","version":1}\x1e')
    await ask("GET", a.port, token)

    await b.service.close_connection("chat", found["connectionId"], reason="go")

    status, body = await ask("GET", b.port, token)
    assert (status, json.loads(body[:-1])) == (200, {"type": 7, "error": "go"})
    assert (await ask("GET", b.port, token))[0] == 204


async def test_an_event_stream_is_opened_and_written_to_over_any_node(world: World) -> None:
    a, b = await world.two()
    found = await world.clients.negotiate(a.port)
    token = found["connectionToken"]

    async with world.clients.events(b.port, token) as stream:
        assert await stream.readline() == b":\r\n"
        hello = b'{"protocol":"json","version":1}\x1e'
        assert await world.clients.ask("POST", a.port, token, hello) == (200, b"")
        assert await stream.readline() == b"\r\n"
        assert await stream.readline() == b"data: {}\x1e\r\n"
        assert await a.service.send_to_connection("chat", found["connectionId"], HELLO) == Verdict(
            1
        )


async def test_a_client_that_reconnects_statefully_to_another_node_loses_nothing(
    world: World,
) -> None:
    a, b = await world.two()
    found = await world.clients.negotiate(a.port, user="ann", useStatefulReconnect="true")
    client = await world.clients.connect(a.port, user="ann", negotiated=found, version=2)
    await a.service.add_connection_to_group("chat", client.id, "g")
    await a.service.send_to_group("chat", "g", Invocation("n", (1,)))
    assert await client.called() == ("n", [1])
    await client.send(type=8, sequenceId=1)
    client.cut()
    await b.service.send_to_group("chat", "g", Invocation("n", (2,)))

    again = await world.clients.reconnect(b.port, user="ann", negotiated=found)

    assert await again.receive() == {"type": 9, "sequenceId": 2}
    assert await again.called() == ("n", [2])
    await a.service.send_to_group("chat", "g", Invocation("n", (3,)))
    assert await again.called() == ("n", [3])
    assert await a.service.user_exists("chat", "ann")
    assert "chat" not in a.state()["hubs"]
