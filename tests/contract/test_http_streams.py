"""HTTP streams of v4 apps through a whole host: the first piece comes before the handler has made the last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from tests.conformance.host_world import World, running

CODE = """const { app } = require('@azure/functions');
const { ReadableStream } = require('stream/web');
app.setup({ enableHttpStream: true });
let stream;
const open = () => new ReadableStream({ start(c) { stream = c; c.enqueue(Buffer.from('first')) } });
const http = (name, handler) => app.http(name, { methods: ['GET', 'POST', 'HEAD'], handler });
http('open', () => ({ status: 202, headers: { 'content-type': 'text/event-stream', 'x-a': '1' },
  cookies: [{ name: 'c', value: 'd' }, { name: 'e', value: 'f' }], body: open() }));
http('more', async (request) => { stream.enqueue(Buffer.from(await request.text())) });
http('close', () => stream.close());
http('fail', () => stream.error(new Error('broke')));
http('big', () => ({ body: new ReadableStream({ pull(c) {
  this.n = (this.n ?? 0) + 1;
  if (this.n <= 64) c.enqueue(Buffer.alloc(1 << 18, 97)); else c.close() } }) }));
http('echo', async (request) => ({ jsonBody: { text: await request.text(), q: request.query.get('q') } }));
http('throws', () => { throw new Error('no') });
"""


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[World]:
    files = {
        "host.json": '{"version": "2.0", "extensions": {"http": {"customHeaders": {"X-Own": "o"}}}}',
        "package.json": '{"main": "f.js"}',
        "f.js": CODE,
    }
    async with running(tmp_path, files, cors=("http://page.test",)) as world:
        yield world


async def post(host: World, name: str, text: str = "") -> tuple[int, bytes]:
    async with host.http.post(f"{host.host.url}/api/{name}", data=text.encode()) as answer:
        return answer.status, await answer.read()


async def test_pieces_come_as_they_are_made(host: World) -> None:
    origin = {"Origin": "http://page.test"}
    async with host.http.get(f"{host.host.url}/api/open", headers=origin) as answer:
        first = await answer.content.readexactly(5)
        await post(host, "more", "second")
        await post(host, "close")
        rest = await answer.read()

    assert (answer.status, first, rest) == (202, b"first", b"second")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["X-Own"] == "o"
    assert answer.headers["Access-Control-Allow-Origin"] == "http://page.test"
    assert [c.partition(";")[0] for c in answer.headers.getall("Set-Cookie")] == ["c=d", "e=f"]


async def test_a_whole_response_of_any_size(host: World) -> None:
    assert await post(host, "echo?q=1", "héllo") == (200, '{"text":"héllo","q":"1"}'.encode())
    status, body = await post(host, "big")
    assert (status, len(body)) == (200, 64 << 18)


async def test_a_head_has_no_body(host: World) -> None:
    async with host.http.head(f"{host.host.url}/api/big") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_nothing_returned_and_an_error_before_the_first_piece(host: World) -> None:
    async with host.http.get(f"{host.host.url}/api/open"):
        assert await post(host, "more", "x") == (204, b"")
        await post(host, "close")
    assert await post(host, "throws") == (500, b"")


async def test_an_error_on_the_way_breaks_the_connection(host: World) -> None:
    async with host.http.get(f"{host.host.url}/api/open") as answer:
        assert await answer.content.readexactly(5) == b"first"
        await post(host, "fail")
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_caller_who_leaves_holds_nothing_up(host: World) -> None:
    answer = await host.http.get(f"{host.host.url}/api/big")
    answer.close()
    answer = await host.http.get(f"{host.host.url}/api/big")
    answer.close()

    assert await post(host, "echo", "still there") == (200, b'{"text":"still there","q":null}')


async def test_a_call_by_the_admin_has_nobody_to_stream_to(host: World) -> None:
    async with host.http.post(
        f"{host.host.url}/admin/functions/echo", json={"input": "by hand"}
    ) as answer:
        assert answer.status == 202
    trace = await host.invoked()
    assert trace.outcome == "succeeded"
