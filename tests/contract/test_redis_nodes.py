"""What only Redis can do to nodes: they are processes that die, and it goes away and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio
from tests.contract.redis_process import RedisProcess, redis_server
from tests.contract.service_client import KEY, Clients, clients

from funcjson.signalr.backplane.base import Answers, Handler, Reply, Request
from funcjson.signalr.backplane.redis import RedisBackplane
from funcjson.signalr.errors import BackplaneUnavailable
from funcjson.signalr.messages import Invocation
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import Verdict

HELLO = Invocation("hello", ())
DEAD_AFTER_S = 0.6


class Watched:
    """A backplane whose return to the others can be awaited."""

    def __init__(self, inner: RedisBackplane) -> None:
        self.inner = inner
        self.is_back = asyncio.Event()

    @property
    def others(self) -> Set[str]:
        return self.inner.others

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def is_alone(self) -> bool:
        return self.inner.is_alone

    @property
    def gone(self) -> str:
        return self.inner.gone

    async def join(
        self, handler: Handler, rejoined: Callable[[bool], Awaitable[None]] | None = None
    ) -> None:
        async def both(was_missed: bool) -> None:
            assert rejoined is not None
            await rejoined(was_missed)
            self.is_back.set()

        await self.inner.join(handler, both)

    async def leave(self) -> None:
        await self.inner.leave()

    async def call(
        self,
        request: Request,
        *,
        timeout_s: float = 5,
        enough: Callable[[Reply], bool] | None = None,
        without: Collection[str] = (),
    ) -> Answers:
        return await self.inner.call(request, timeout_s=timeout_s, enough=enough, without=without)


@dataclass
class World:
    redis: RedisProcess
    clients: Clients
    stack: AsyncExitStack

    async def node(self, dead_after_s: float = DEAD_AFTER_S) -> tuple[SignalRServer, Watched]:
        backplane = Watched(
            RedisBackplane(
                self.redis.url, beat_s=DEAD_AFTER_S / 4, dead_after_s=dead_after_s, retry_s=0.02
            )
        )
        server = SignalRServer(ServiceOptions(port=0, keys=(KEY,)), backplane=backplane)
        await server.start()
        self.stack.push_async_callback(server.stop)
        return server, backplane

    @asynccontextmanager
    async def process(self) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
        """A node as a process of its own, and its port."""
        program = str(Path(__file__).with_name("service_node.py"))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            program,
            self.redis.url,
            str(DEAD_AFTER_S),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            yield process, int(await process.stdout.readline())
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_server())
        http = await stack.enter_async_context(clients())
        yield World(server, http, stack)
        await http.leave()


async def until_alone(server: SignalRServer) -> None:
    while not server.service.backplane.is_alone:
        await server.service.send_to_all("nobody", HELLO)


# Nodes that die


async def test_a_killed_node_loses_only_its_own_sockets_which_reconnect_elsewhere(
    world: World,
) -> None:
    a, _ = await world.node()
    near = await world.clients.connect(a.port, user="near")
    async with world.process() as (process, port):
        far = await world.clients.connect(port, user="far")
        assert await a.service.send_to_all("chat", HELLO) == Verdict(2)
        await far.called()

        process.kill()
        await process.wait()

        with pytest.raises(ConnectionError):
            await far.receive()
        verdict = await a.service.send_to_all("chat", HELLO)
        assert verdict.delivered == 1
        await world.clients.connect(a.port, user="far")
        await until_alone(a)
        assert await a.service.send_to_all("chat", HELLO) == Verdict(2)
    for _ in range(3):  # the first one's socket has noticed nothing
        assert await near.called() == ("hello", [])


async def test_a_dead_node_is_named_also_when_it_is_known_to_be_gone_and_its_clients_reconnect(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    a, _ = await world.node()
    async with world.process() as (process, port):
        client = await world.clients.connect(port, user="ann")
        asking = asyncio.create_task(a.service.send_to_all("chat", HELLO))
        assert (await asking).why == ""
        assert await a.service.connection_exists("chat", client.id)

        os.kill(process.pid, signal.SIGSTOP)  # dead to the others, but its connections stay

        verdict = await a.service.send_to_all("chat", HELLO)
        assert verdict.delivered == 0
        assert "hub 'chat' has 0 connections" in verdict.why
        assert "1 of 1 other nodes did not answer" in verdict.why
        await until_alone(a)
        gone = f"-{process.pid}-"
        verdict = await a.service.send_to_user("chat", "ann", HELLO)
        assert gone in verdict.why
        assert "gone" in verdict.why
        assert not await a.service.add_connection_to_group("chat", client.id, "g")
        assert gone in a.service.gap

        os.kill(process.pid, signal.SIGCONT)
        assert await client.called() == ("hello", [])
        while (end := await client.receive()).get("type") != 7:
            assert end["target"] == "hello"  # what came before it was taken for dead
        assert end["allowReconnect"] is True  # it has missed messages
        assert "missed" in end["error"]
        assert f"{gone}" in caplog.text.split("is back")[0].splitlines()[-1]
        await world.clients.connect(port, user="ann")
        assert (await a.service.send_to_user("chat", "ann", HELLO)).delivered == 1
        assert a.service.gap == ""


async def test_a_node_that_stood_still_brings_nothing_back_that_was_removed_meanwhile(
    world: World,
) -> None:
    a, _ = await world.node()
    async with world.process() as (process, port):
        await a.service.add_user_to_group("chat", "ann", "old")
        await world.clients.negotiate(port)  # by now it waits for nothing whose time could run out
        os.kill(process.pid, signal.SIGSTOP)
        await until_alone(a)
        await a.service.remove_user_from_group("chat", "ann", "old")
        await a.service.add_user_to_group("chat", "ann", "new")

        os.kill(process.pid, signal.SIGCONT)
        while a.service.backplane.is_alone:
            await world.clients.negotiate(port)
        while (await a.service.whole_state())["hubs"]["chat"]["remembered"] != {"ann": ["new"]}:
            pass  # it is catching up
        await world.clients.connect(port, user="ann")
        assert (await a.service.send_to_group("chat", "old", HELLO)).delivered == 0
        assert (await a.service.send_to_group("chat", "new", HELLO)).delivered == 1


async def test_a_request_that_a_killed_node_has_not_read_is_not_waited_for(world: World) -> None:
    a, _ = await world.node(dead_after_s=1000)
    async with world.process() as (process, port):
        await world.clients.connect(port)
        assert (await a.service.send_to_all("chat", HELLO)).delivered == 1
        os.kill(process.pid, signal.SIGSTOP)  # so that the request is certainly unread
        asking = asyncio.create_task(a.service.backplane.call({"verb": "why"}, timeout_s=1000))
        await a.service.backplane.call({"verb": "why"}, timeout_s=0.01)
        process.kill()

        assert "1 of 1 other nodes did not answer" in (await asking).gap


async def test_a_client_result_is_not_waited_for_when_the_node_of_the_client_dies(
    world: World,
) -> None:
    a, _ = await world.node()
    async with world.process() as (process, port):
        far = await world.clients.connect(port)
        asking = asyncio.create_task(
            a.service.invoke_connection("chat", far.id, "sum", [], timeout_s=50)
        )
        await far.receive()

        process.kill()

        with pytest.raises(Exception, match="1 of 1 other nodes did not answer"):
            await asking


# Redis goes away and comes back


async def test_without_redis_sends_act_here_and_say_so_and_the_nodes_find_each_other_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    a, a_link = await world.node()
    b, b_link = await world.node()
    near = await world.clients.connect(a.port)
    far = await world.clients.connect(b.port)
    assert await a.service.send_to_all("chat", HELLO) == Verdict(2)

    await world.redis.kill()
    verdict = await a.service.send_to_all("chat", HELLO)
    while "only this node was asked" not in verdict.why:  # the loss is being noticed
        verdict = await a.service.send_to_all("chat", HELLO)

    assert verdict.delivered == 1
    assert "Redis at " in verdict.why
    assert verdict.why in caplog.text
    assert not a.service.backplane.is_alone

    a_link.is_back.clear()
    b_link.is_back.clear()
    await world.redis.start()
    await asyncio.gather(a_link.is_back.wait(), b_link.is_back.wait())
    assert await b.service.send_to_all("chat", Invocation("again", ())) == Verdict(2)
    for client in (near, far):
        while await client.called() != ("again", []):
            pass


async def test_a_redis_that_stands_still_makes_no_node_believe_that_it_or_another_did(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    a, a_link = await world.node()
    b, b_link = await world.node()
    near = await world.clients.connect(a.port)
    far = await world.clients.connect(b.port)
    for link in (a_link, b_link):
        link.is_back.clear()
    world.redis.stand_still()
    for server in (a, b):
        while "only this node" not in (await server.service.send_to_all("chat", HELLO)).why:
            pass

    world.redis.go_on()
    await asyncio.gather(a_link.is_back.wait(), b_link.is_back.wait())

    while (await a.service.send_to_all("chat", Invocation("again", ()))).delivered < 2:
        pass
    for client in (near, far):
        while await client.called() != ("again", []):
            pass
    assert "is gone" not in caplog.text
    assert "went on without it" not in caplog.text


async def test_what_a_node_changed_while_cut_off_is_known_everywhere_afterwards(
    world: World,
) -> None:
    a, a_link = await world.node()
    b, b_link = await world.node()
    for group in ("kept", "left on a", "left on b"):
        await a.service.add_user_to_group("chat", "ann", group)
    await world.redis.kill()
    for server in (a, b):
        while "only this node" not in (await server.service.send_to_all("chat", HELLO)).why:
            pass

    await a.service.add_user_to_group("chat", "ann", "joined on a", ttl_s=60)
    await b.service.add_user_to_group("chat", "ann", "joined on b")
    await a.service.remove_user_from_group("chat", "ann", "left on a")
    await b.service.remove_user_from_group("chat", "ann", "left on b")
    await a.service.add_user_to_group("chat", "bob", "g")
    await world.redis.start()
    await asyncio.gather(a_link.is_back.wait(), b_link.is_back.wait())

    for server in (a, b):
        tags = server.service.sessions.hub("chat").tags
        assert sorted(tags["ann"]) == ["joined on a", "joined on b", "kept"]
        assert sorted(tags["bob"]) == ["g"]
        assert tags["ann"]["joined on a"].has_ttl


@pytest.mark.parametrize("knows", [True, False])
async def test_a_node_that_stops_while_redis_is_away_waits_for_none_of_its_times(
    world: World, knows: bool
) -> None:
    forever_s = 1000.0
    backplane = RedisBackplane(
        world.redis.url, beat_s=forever_s, dead_after_s=forever_s, retry_s=forever_s
    )
    node = SignalRServer(ServiceOptions(port=0, keys=(KEY,)), backplane=backplane)
    await node.start()
    await world.redis.kill()
    while knows and backplane.is_alone:  # noqa: ASYNC110 - no event tells that the loss is noticed
        await asyncio.sleep(0)

    await node.stop()


# Joining


async def test_a_redis_that_is_not_there_is_told_without_its_password() -> None:
    backplane = RedisBackplane("redis://user:secret@127.0.0.1:1/0")

    async def handler(_request: Request) -> Reply:
        return {}

    with pytest.raises(BackplaneUnavailable) as told:
        await backplane.join(handler)
    assert "Redis at 127.0.0.1:1 cannot be used" in str(told.value)
    assert "secret" not in str(told.value)


async def test_nodes_with_another_prefix_do_not_meet(world: World) -> None:
    async def handler(_request: Request) -> Reply:
        return {}

    ours = RedisBackplane(world.redis.url, prefix="ours")
    theirs = RedisBackplane(world.redis.url, prefix="theirs")
    await ours.join(handler)
    await theirs.join(handler)

    assert (ours.is_alone, theirs.is_alone) == (True, True)
    await ours.leave()
    await theirs.leave()


async def test_what_no_node_has_said_is_ignored(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_request: Request) -> Reply:
        return {"is": "there"}

    a, b = RedisBackplane(world.redis.url), RedisBackplane(world.redis.url)
    await a.join(handler)
    await b.join(handler)
    async with redis.asyncio.Redis.from_url(world.redis.url) as stranger:
        for noise in (b"", b"noise", b"\x00\x00\x00\x02[]", b"\xff\xff\xff\xff"):
            await stranger.publish("funcjson:all", noise)

    assert (await a.call({})).replies == ({"is": "there"},)
    assert "no node has said" in caplog.text
    await a.leave()
    await b.leave()
