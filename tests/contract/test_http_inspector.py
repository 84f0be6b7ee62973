"""The inspector behind a real HTTP server: its URLs, its live updates, and what it is told of."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aiohttp import web
from tests.contract.http_world import plan, world
from tests.unit.inspector.inspected_host import http, inspected

from funcjson.inspector import Inspector

ELSEWHERE = "https://elsewhere.example"


async def _inspect(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"inspector {request.raw_path}")


async def test_it_has_its_urls_whatever_routes_an_app_has() -> None:
    everything = plan("all", route="{*path}")
    async with world(everything, host_json=None) as host:
        host.server.use_inspector(_inspect)

        _, body = await host.ask("GET", "/_/api/app?x=1")
        assert body == b"inspector /_/api/app?x=1"
        assert host.facade.requests == []
        await host.ask("GET", "/_x")
        assert (await host.ask("GET", "/api/_/x"))[1] == b"ok"


async def test_without_it_the_urls_are_nobodys() -> None:
    async with world() as host:
        answer, _ = await host.ask("GET", "/_/")

    assert answer.status == 404


async def test_pages_of_other_origins_get_no_cors_headers_from_it() -> None:
    async with world(cors_origins=(ELSEWHERE,)) as host:
        host.server.use_inspector(_inspect)
        answer, _ = await host.ask("GET", "/_/", headers={"Origin": ELSEWHERE})

    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_requests_that_no_function_saw_are_kept(tmp_path: Path) -> None:
    async with world(plan("f"), plan("g"), root=tmp_path, auth=True) as host:
        await host.ask("GET", "/api/nope?code=secret")
        await host.ask("GET", "/api/f")
        await host.ask("GET", "/favicon.ico")
        found = [(one.status, one.path, one.why) for one in host.server.turned_away]

    assert [one[:2] for one in found] == [(404, "/api/nope"), (401, "/api/f")]
    assert "'f' needs a key" in found[1][2]


async def test_pages_that_may_not_read_an_answer_are_kept() -> None:
    async with world(cors_origins=("https://mine.example",)) as host:
        await host.ask("GET", "/api/f", headers={"Origin": ELSEWHERE})
        asks = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
        await host.ask("OPTIONS", "/api/f", headers=asks)
        found = [(one.method, one.status, one.origin) for one in host.server.turned_away]

    assert found == [("GET", 0, ELSEWHERE), ("OPTIONS", 204, ELSEWHERE)]


async def test_live_updates_tell_what_changed_and_end_with_the_host(tmp_path: Path) -> None:
    async with inspected(tmp_path) as app, world() as host:
        inspector = Inspector(app)
        host.server.use_inspector(inspector.handle)
        async with host.client.get("/_/api/events") as stream:
            assert await _next(stream.content) == ["app", "activity", "hubs"]

            await app.invoke("send", http("/api/send"))
            assert "activity" in await _next(stream.content)

            await inspector.close()
            async with asyncio.timeout(5):
                await stream.content.read()  # to its end
        # Nobody watches any more, so invocations pay nothing for it.
        assert app.recorder._listeners == []


async def _next(content: asyncio.StreamReader | object) -> list[str]:
    async with asyncio.timeout(5):
        async for line in content:  # type: ignore[union-attr]
            if line.startswith(b"data: "):
                names: list[str] = json.loads(line[6:])
                return names
    raise AssertionError("the stream ended")
