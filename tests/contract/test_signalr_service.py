"""The whole service over real sockets: upstreams over HTTP, many clients, clients that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.conformance.client_sockets import TIMEOUT_S, RawSocket
from tests.conformance.client_world import KEY, OTHER_KEY, RS, ClientWorld

from funcjson.signalr.messages import Invocation
from funcjson.signalr.upstream import Upstream
from funcjson.signalr.upstream_sender import HttpSender
from funcjson.signalr.upstream_settings import Rules, SettingsFile, UpstreamRule, fixed

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The URL of an HTTP server that answers with `handler`."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/{{hub}}/{{category}}/{{event}}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def world_with(rules: Rules) -> AsyncIterator[ClientWorld]:
    """A service whose upstream follows `rules`."""
    world = ClientWorld({}, "WebSockets")
    sender = HttpSender()
    world.server.service.sessions.upstream.events = Upstream(rules, (OTHER_KEY, KEY), sender)
    async with world:
        yield world
    await sender.close()


def call(target: str, call_id: str = "", *arguments: Any) -> bytes:
    body: dict[str, Any] = {"type": 1, "target": target, "arguments": list(arguments)}
    if call_id:
        body["invocationId"] = call_id
    return json.dumps(body).encode() + RS


async def send(world: ClientWorld, name: str, data: bytes) -> None:
    wire = world.clients[name].wire
    assert wire is not None
    await wire.send(data)


async def next_of(world: ClientWorld, name: str) -> dict[str, Any]:
    record = await world.clients[name].next_record()
    assert record is not None
    found: dict[str, Any] = json.loads(record[:-1])
    return found


async def test_calls_of_one_client_reach_the_upstream_one_at_a_time_in_order() -> None:
    seen: list[str] = []
    running = 0

    async def handler(request: web.BaseRequest) -> web.Response:
        nonlocal running
        running += 1
        await request.read()
        await asyncio.sleep(0)
        assert running == 1, "two calls of one client at once"
        seen.append(request.path.rpartition("/")[2])
        running -= 1
        return web.Response()

    async with serving(handler) as url, world_with(fixed(UpstreamRule(url))) as world:
        await world.connect("A", {})
        await send(world, "A", b"".join(call(f"m{n}") for n in range(10)) + call("last", "1"))

        assert await next_of(world, "A") == {"type": 3, "invocationId": "1"}
    assert seen == ["connected", *(f"m{n}" for n in range(10)), "last", "disconnected"]


async def test_a_slow_call_of_one_client_does_not_hold_up_another() -> None:
    release = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/slow"):
            await release.wait()
        return web.Response()

    async with serving(handler) as url, world_with(fixed(UpstreamRule(url))) as world:
        await world.connect("A", {})
        await world.connect("B", {"user": "u2"})
        await send(world, "A", call("slow", "a"))
        await send(world, "B", call("quick", "b"))

        assert await next_of(world, "B") == {"type": 3, "invocationId": "b"}
        release.set()
        assert await next_of(world, "A") == {"type": 3, "invocationId": "a"}


async def test_messages_wait_until_the_upstream_has_taken_connected() -> None:
    seen: list[str] = []
    release = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/connected"):
            await release.wait()
        seen.append(request.path.rpartition("/")[2])
        return web.Response()

    async with serving(handler) as url, world_with(fixed(UpstreamRule(url))) as world:
        await world.connect("A", {})
        await send(world, "A", call("m", "1"))
        # What REST sends does not wait.
        await world.rest(
            "POST /api/hubs/chat/:send?api-version=2022-06-01", {"target": "x", "arguments": []}
        )
        assert (await next_of(world, "A"))["target"] == "x"
        assert seen == []
        release.set()

        assert await next_of(world, "A") == {"type": 3, "invocationId": "1"}
        assert seen == ["connected", "m"]


async def test_an_upstream_may_ask_the_client_whose_call_it_answers() -> None:
    answers: list[Any] = []

    async with contextlib.AsyncExitStack() as stack:
        worlds: list[ClientWorld] = []

        async def handler(request: web.BaseRequest) -> web.Response:
            if request.path.endswith("/start"):
                connection = request.headers["X-ASRS-Connection-Id"]
                path = f"/api/hubs/chat/connections/{connection}/:invoke?api-version=2024-12-01"
                body = {"target": "ask", "arguments": [21]}
                answer = await worlds[0].rest(f"POST {path}", body)
                answers.append(json.loads(answer.body))
            return web.Response()

        url = await stack.enter_async_context(serving(handler))
        world = await stack.enter_async_context(world_with(fixed(UpstreamRule(url))))
        worlds.append(world)
        await world.connect("A", {})
        await send(world, "A", call("start", "1"))
        asked = await next_of(world, "A")
        done = {"type": 3, "invocationId": asked["invocationId"], "result": 42}
        await send(world, "A", json.dumps(done).encode() + RS)

        assert await next_of(world, "A") == {"type": 3, "invocationId": "1"}
        assert answers == [{"result": 42}]


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_client_stays_when_the_upstream_does_not_take_connected(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status if request.path.endswith("/connected") else 200)

    async with serving(handler) as url, world_with(fixed(UpstreamRule(url))) as world:
        await world.connect("A", {})
        await send(world, "A", call("m", "1"))

        assert await next_of(world, "A") == {"type": 3, "invocationId": "1"}
    assert f"was answered {status}" in caplog.text


async def test_changed_settings_count_at_once(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.path)
        return web.Response()

    def write(path: Path, url: str, stamp: int) -> None:
        template = {"UrlTemplate": url, "EventPattern": "m"}
        path.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
        os.utime(path, (stamp, stamp))

    async with serving(handler) as url:
        settings = tmp_path / "settings.json"
        write(settings, url.replace("{event}", "old"), 1)
        async with world_with(SettingsFile(tmp_path).rules) as world:
            await world.connect("A", {})
            await send(world, "A", call("m", "1"))
            await next_of(world, "A")
            write(settings, url.replace("{event}", "new"), 2)
            await send(world, "A", call("m", "2"))
            await next_of(world, "A")

    assert seen == ["/chat/messages/old", "/chat/messages/new"]


async def test_sends_to_one_connection_keep_the_order_of_each_sender() -> None:
    async with ClientWorld({}, "WebSockets") as world:
        await world.connect("A", {})
        path = f"/api/hubs/chat/connections/{world.clients['A'].id}/:send?api-version=2022-06-01"

        async def sender(number: int) -> None:
            for n in range(10):
                body = {"target": "m", "arguments": [number, n]}
                assert (await world.rest(f"POST {path}", body)).status == 202

        await asyncio.gather(*(sender(number) for number in range(10)))
        found = [(await next_of(world, "A"))["arguments"] for _ in range(100)]

    for number in range(10):
        assert [n for who, n in found if who == number] == list(range(10))


async def test_a_flood_without_tokens_is_refused_and_hardly_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="funcjson")
    async with ClientWorld({"upstream": {"answers": {"echo": {"result": 1}}}}, "") as world:
        await world.connect("A", {})

        async def flood() -> set[int]:
            target = "/client/?hub=chat&id=nobody"
            return {(await world.http.ask("GET", target, {})).status for _ in range(200)}

        floods = [asyncio.create_task(flood()) for _ in range(10)]
        calls = 0
        while not all(task.done() for task in floods):
            await send(world, "A", call("echo", "1"))
            assert (await next_of(world, "A"))["result"] == 1
            calls += 1
        statuses = set().union(*await asyncio.gather(*floods))

    assert statuses == {401}
    assert calls > 10, "a client was served while the flood lasted"
    assert len(caplog.records) <= 10


async def test_a_thousand_clients_all_get_a_broadcast() -> None:
    async with ClientWorld({}, "WebSockets") as world:
        target = f"/client/?hub=chat&access_token={world.token({})}"
        sockets: list[RawSocket] = []

        async def join() -> None:
            answer, socket = await RawSocket.upgrade(world.server.port, target, {})
            assert answer.status == 101
            sockets.append(socket)
            await socket.send(b'{"protocol":"json","version":1}\x1e')
            assert await socket.receive() == b"{}\x1e"

        for _ in range(20):
            await asyncio.gather(*(join() for _ in range(50)))
        verdict = await world.server.service.send_to_all("chat", Invocation("m", ["x" * 300]))
        found = [await socket.receive() for socket in sockets]
        for socket in sockets:
            socket.abort()

    assert verdict.delivered == 1000
    assert set(found) == {b'{"type":1,"target":"m","arguments":["' + b"x" * 300 + b'"]}\x1e'}


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_a_client_that_does_not_read_is_dropped_and_the_others_do_not_notice(
    transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    count, size = 10_000, 1024
    async with ClientWorld({"options": {"close_timeout_s": 0.5}}, "WebSockets") as world:
        await world.connect("A", {"user": "slow", "over": transport})
        await world.connect("B", {"user": "quick"})
        service = world.server.service
        slow = world.clients["A"].wire
        if isinstance(slow, RawSocket):  # the others read only when they are asked to
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        stalled = world.session("A").sink
        received = 0

        async def read() -> None:
            nonlocal received
            while received < count:
                assert (await next_of(world, "B"))["arguments"][0] == received
                received += 1

        reading = asyncio.create_task(read())
        largest = 0
        for number in range(count):
            world.clock.now += 0.0004  # 2.5 MB a second
            await service.send_to_all("chat", Invocation("m", [number, "x" * size]))
            largest = max(largest, stalled.unsent)
            if number % 50 == 49:
                # As many as REST could bring meanwhile: what was written can be read.
                await world.until(lambda least=number - 500: received >= least)  # type: ignore[misc]
        async with asyncio.timeout(TIMEOUT_S):
            await reading
        assert received == count
        # Between two polls a client cannot be told from one that is busy, so it has longer.
        most = 9 << 20 if transport == "LongPolling" else 2 << 20
        assert largest < most
        assert await service.connection_exists("chat", world.clients["A"].id) is False
        assert await service.connection_exists("chat", world.clients["B"].id) is True
    assert "it does not read" in caplog.text


async def test_the_live_trace_is_followed_until_the_service_stops() -> None:
    async with ClientWorld({}, "WebSockets") as world:
        headers = {"Host": f"localhost:{world.server.port}"}
        await world.connect("A", {})
        response = await world.http.open("GET", "/_lss/trace?follow=1", headers)
        lines = response.content
        async with asyncio.timeout(TIMEOUT_S):
            first = json.loads(await lines.readline())
            await world.connect("B", {"user": "u2"})
            second = json.loads(await lines.readline())
            await world.server.stop()
            rest = [json.loads(line) async for line in lines]

    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert (first["eventName"], first["connectionId"]) == (
        "ConnectionConnected",
        world.clients["A"].id,
    )
    assert (second["userId"], second["transport"]) == ("u2", "WebSockets")
    # The ends come after the stream's own.
    assert all(line["eventName"] == "ConnectionEnded" for line in rest)


async def test_a_web_page_cannot_look_at_the_service() -> None:
    async with ClientWorld({}, "WebSockets") as world:
        host = f"localhost:{world.server.port}"
        good = await world.http.ask("GET", "/_lss/state", {"Host": host})
        page = await world.http.ask("GET", "/_lss/state", {"Host": host, "Origin": "http://a"})
        rebound = await world.http.ask("GET", "/_lss/state", {"Host": "a.example"})

    assert (good.status, page.status, rebound.status) == (200, 403, 403)
    assert "access-control-allow-origin" not in page.headers
