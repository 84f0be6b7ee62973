"""app_offline.htm: while it is in the app's folder, every caller gets that page and no function runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.conformance.host_world import World, running

BINDINGS = [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "$return"},
]
PAGE = "<p>back at noon, dés midi"


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[World]:
    files = {
        "host.json": '{"version": "2.0"}',
        "f/function.json": json.dumps({"bindings": BINDINGS}),
        "f/index.js": "module.exports = async () => ({ body: 'ran' })",
    }
    async with running(tmp_path, files) as world:
        yield world


async def ask(host: World, path: str, method: str = "GET") -> tuple[int, str, str]:
    answer = await host.request({"method": method, "path": path})
    return answer.status, answer.headers.get("content-type", ""), answer.body.decode()


async def test_the_page_stands_for_every_function_while_it_is_there(
    host: World, tmp_path: Path
) -> None:
    assert (await ask(host, "/api/f"))[::2] == (200, "ran")

    (tmp_path / "app/app_offline.htm").write_text(PAGE, encoding="utf-8")
    for path in ("/api/f", "/api/nothing", "/", "/runtime/webhooks/signalr"):
        assert await ask(host, path) == (503, "text/html", PAGE)
    assert (await ask(host, "/admin/functions/f", "POST"))[0] == 503
    _, _, status = await ask(host, "/admin/host/status")
    assert json.loads(status)["state"] == "Offline"
    assert "the app is offline" in await host.lines.containing("app_offline.htm")

    (tmp_path / "app/app_offline.htm").unlink()
    assert (await ask(host, "/api/f"))[::2] == (200, "ran")
    await host.lines.containing("the app is online again")
    assert len(host.host.recorder) == 2


async def test_no_timer_fires_meanwhile(tmp_path: Path) -> None:
    timer = {"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "* * * * * *"}
    files = {
        "host.json": '{"version": "2.0"}',
        "t/function.json": json.dumps({"bindings": [timer]}),
        "t/index.js": "module.exports = async () => {}",
        "app_offline.htm": PAGE,
    }
    async with running(tmp_path, files) as world:
        await world.lines.containing("timer 't' was due")
        assert len(world.host.recorder) == 0
        (tmp_path / "app/app_offline.htm").unlink()
        await world.invoked()
