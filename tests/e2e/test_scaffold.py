"""`funcjson init` and `new`: the apps they make run at once, each function of each model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.e2e.conftest import run_and_check
from tests.e2e.processes import RunningHost, run_funcjson, start_host

FUNCTIONS = {
    "tick": "timer",
    "negotiate": "signalr-negotiate",
    "tell": "signalr-broadcast",
    "say": "signalr-trigger",
    "order": "manual",
    "seen": "event-grid",
}
END = "\x1e"


@pytest.fixture(scope="module", params=["v1", "v2", "v3", "v4"])
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, npm_packages: Path
) -> Iterator[RunningHost]:
    """An app made by the commands alone, running."""
    scratch = tmp_path_factory.mktemp("made")
    app = scratch / "app"
    assert run_funcjson("init", str(app), "--model", request.param)[0] == 0
    for name, template in FUNCTIONS.items():
        code, _, err = run_funcjson("new", name, "--template", template, "--app", str(app))
        assert code == 0, err
    if request.param == "v4":
        # What --install would bring.
        (app / "node_modules").symlink_to(npm_packages, target_is_directory=True)
    yield from run_and_check(start_host(app, scratch))


@asynccontextmanager
async def connected(host: RunningHost) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A client of the hub, as bare as can be."""
    info = host.call("POST", "/api/negotiate").json()
    url = info["url"].replace("http", "ws", 1)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}&access_token={info['accessToken']}") as socket,
    ):
        await socket.send_str(f'{{"protocol":"json","version":1}}{END}')
        assert (await socket.receive_str()).startswith("{}")
        yield socket


async def next_message(socket: aiohttp.ClientWebSocketResponse) -> Any:
    async with asyncio.timeout(10):
        while True:
            for part in (await socket.receive_str()).split(END):
                message = json.loads(part) if part else {}
                if message.get("type") == 1:
                    return message["target"], message["arguments"]


def test_the_first_function_answers(host: RunningHost) -> None:
    assert host.call("GET", "/api/hello?name=Ann").text == "Hello, Ann!"
    assert host.call("GET", "/api/hello").text == "Hello, world!"


def test_every_function_is_listed(host: RunningHost) -> None:
    assert host.ready["functions"] == sorted(["hello", *FUNCTIONS])


def test_the_timer_runs(host: RunningHost) -> None:
    assert host.call("POST", "/admin/functions/tick", {}).status == 202
    host.output.wait_for("tick ran")


def test_a_function_is_run_by_hand(host: RunningHost) -> None:
    assert host.call("POST", "/admin/functions/order", {"input": "two teas"}).status == 202
    host.output.wait_for("order got two teas")


def test_an_event_runs_its_function(host: RunningHost) -> None:
    event = {
        "id": "1",
        "eventType": "Made.Up",
        "subject": "a/b",
        "dataVersion": "1",
        "data": {},
        "eventTime": "2026-01-01T00:00:00Z",
    }
    url = "/runtime/webhooks/eventgrid?functionName=seen"

    assert host.call("POST", url, [event]).status == 202
    host.output.wait_for("seen got Made.Up of a/b")


async def test_a_broadcast_reaches_a_client(host: RunningHost) -> None:
    async with connected(host) as socket:
        answer = await asyncio.to_thread(host.call, "POST", "/api/tell", "hello")
        assert answer.status == 202, host.output.text()

        assert await next_message(socket) == ("newMessage", ["hello"])


async def test_what_a_client_sends_runs_the_trigger(host: RunningHost) -> None:
    async with connected(host) as socket:
        call = {"type": 1, "target": "say", "arguments": ["hi", 1]}
        await socket.send_str(json.dumps(call) + END)

        assert await next_message(socket) == ("newMessage", ["hi", 1])
