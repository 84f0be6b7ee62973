"""HTTP streams of v4 apps through a whole host: a piece comes before the other side has made the last one."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from tests.conformance.host_world import World, running
from tests.contract.streaming import Upload, url

from funcjson.trace_view import view

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
http('back', (request) => ({ body: request.body }));
http('dies', async (request) => { for await (const _ of request.body) process.exit(3) });
http('unread', () => ({ body: 'not read' }));
http('form', async (request) => {
  const form = await request.formData();
  return { jsonBody: [form.get('text'), (await form.get('file').text()).length] } });
http('sum', async (request) => {
  const hash = require('crypto').createHash('sha256');
  const before = process.memoryUsage().rss;
  let most = before;
  for await (const piece of request.body) { hash.update(piece); most = Math.max(most, process.memoryUsage().rss) }
  return { jsonBody: { sum: hash.digest('hex'), grown: most - before } } });
http('broken', async (request, context) => {
  try { for await (const piece of request.body) context.log(`got ${Buffer.from(piece)}`) }
  catch (error) { context.log(`the body broke: ${error.message}`) } });
const who = { type: 'signalRConnectionInfo', name: 'info', hubName: 'h', userId: '{who}' };
app.http('needs', { methods: ['POST'], extraInputs: [who], handler: async (request, context) =>
  ({ jsonBody: [await request.json(), context.extraInputs.get('info') !== undefined] }) });
for (const [name, method] of [['rm', 'DELETE'], ['opt', 'OPTIONS']])
  app.http(name, { methods: [method], handler: async (request) => ({ body: `${method} ${await request.text()}` }) });
http('sized', () => ({ headers: { 'content-length': '12345' }, body: '' }));
http('throws', () => { throw new Error('no') });
"""


LIMIT = 200 << 20


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[World]:
    files = {
        "host.json": '{"version": "2.0", "extensions": {"http": {"customHeaders": {"X-Own": "o"}}}}',
        "package.json": '{"main": "f.js"}',
        "f.js": CODE,
    }
    limit = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT)}
    async with running(tmp_path, files, limit, cors=("http://page.test",)) as world:
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
    async with host.http.head(f"{host.host.url}/api/sized") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "12345")


@pytest.mark.parametrize("size", [7, 300_000], ids=["small", "in pieces"])
@pytest.mark.parametrize(("name", "method"), [("rm", "DELETE"), ("opt", "OPTIONS")])
async def test_bodies_of_methods_that_seldom_have_one(
    host: World, name: str, method: str, size: int
) -> None:
    url = f"{host.host.url}/api/{name}"
    async with host.http.request(method, url, data=b"x" * size) as answer:
        assert (answer.status, await answer.text()) == (200, f"{method} {'x' * size}")


async def test_a_body_is_never_read_as_the_next_request(host: World) -> None:
    smuggled = b"GET /api/echo HTTP/1.1\r\nhost: a\r\nx-ms-invocation-id: b\r\n\r\n"
    url = f"{host.host.url}/api/unread"
    async with host.http.get(url, data=smuggled) as answer:
        await answer.read()

    for _ in range(3):
        async with host.http.get(url) as answer:
            assert (answer.status, await answer.text()) == (200, "not read")
    assert not [line for line in host.logs if "missing header" in line]


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


async def test_a_handler_gets_the_body_as_it_arrives(host: World) -> None:
    upload = Upload()
    upload.send(b"first")
    async with host.http.post(url(host, "back"), data=upload) as answer:
        first = await answer.content.readexactly(5)
        upload.send(b"second")
        second = await answer.content.readexactly(6)
        upload.end()
        rest = await answer.read()

    assert (answer.status, first, second, rest) == (200, b"first", b"second", b"")


def peak() -> int:
    """The most memory that this process, which is the host, had since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def test_a_large_upload_costs_little_memory(host: World) -> None:
    piece, count = bytes(range(256)) * 4096, LIMIT >> 20

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    forget_peak()
    before = peak()
    async with host.http.post(url(host, "sum"), data=pieces()) as answer:
        told = await answer.json()

    expected = hashlib.sha256()
    for _ in range(count):
        expected.update(piece)
    assert told["sum"] == expected.hexdigest()
    assert peak() - before < 60 << 20
    assert told["grown"] < 150 << 20  # garbage of Node, which is in no hurry


async def test_a_handler_may_leave_the_body_unread(host: World) -> None:
    upload = Upload()
    upload.send(b"x" * 1000)
    async with host.http.post(url(host, "unread"), data=upload) as answer:
        assert (answer.status, await answer.read()) == (200, b"not read")
    upload.end()
    assert await post(host, "echo", "next") == (200, b'{"text":"next","q":null}')


async def test_a_body_in_pieces_is_read_whole_as_text_and_as_a_form(host: World) -> None:
    upload = Upload()
    for letter in "abc":
        upload.send(letter.encode())
    upload.end()
    async with host.http.post(url(host, "echo"), data=upload) as answer:
        assert await answer.json() == {"text": "abc", "q": None}
    form = aiohttp.FormData({"text": "t"})
    form.add_field("file", b"f" * 500_000, filename="f.bin")
    async with host.http.post(url(host, "form"), data=form) as answer:
        assert await answer.json() == ["t", 500_000]


async def test_the_handler_sees_that_the_caller_left(host: World) -> None:
    upload = Upload()
    upload.send(b"some")
    asking = asyncio.create_task(host.http.post(url(host, "broken"), data=upload))
    await host.lines.containing("got some")
    asking.cancel()

    assert await host.lines.containing("the body broke")
    await host.lines.containing("Executed 'Functions.broken' (Succeeded")


async def test_a_worker_that_dies_ends_the_upload(host: World) -> None:
    upload = Upload()
    upload.send(b"some")
    async with host.http.post(url(host, "dies"), data=upload) as answer:
        assert (answer.status, await answer.read()) == (500, b"")
        assert answer.headers["x-funcjson-error"] == "FJ0512"
    upload.end()
    assert await post(host, "echo", "again") == (200, b'{"text":"again","q":null}')


async def test_expressions_see_a_body_that_comes_in_pieces(host: World) -> None:
    upload = Upload()
    asking = asyncio.create_task(host.http.post(url(host, "needs"), data=upload))
    upload.send(b'{"who":')
    upload.send(b'"ann"}')
    upload.end()
    async with await asking as answer:
        assert await answer.json() == [{"who": "ann"}, True]


async def test_a_body_that_turns_out_too_large_is_refused(host: World) -> None:
    piece = bytes(1 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range((LIMIT >> 20) + 1):
            yield piece

    async with host.http.post(url(host, "sum"), data=pieces()) as answer:
        assert answer.status == 413
        assert answer.headers["x-funcjson-error"] == "FJ0155"
    problem = (await host.invoked()).problems[0]
    assert problem.code == "FJ0514"
    assert f"the request's body is too large: the host takes {LIMIT} bytes" in problem.why
    assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT" in problem.fix
    async with host.http.post(
        url(host, "sum"), headers={"Content-Length": str(LIMIT + 1)}
    ) as answer:
        assert answer.status == 413


async def test_the_trace_tells_what_passed(host: World) -> None:
    upload = Upload()
    upload.send(b"first")
    async with host.http.post(url(host, "back"), data=upload) as answer:
        await answer.content.readexactly(5)
        (trace,) = host.host.recorder
        running = view(trace)["steps"]
        upload.send(b"second")
        upload.end()
        await answer.read()
    await host.invoked()
    ended = view(trace)["steps"]

    assert running[0]["request"]["bodyBytes"] == 5
    assert running[7]["answer"]["streamed"] == {"bytes": 5, "state": "running"}
    assert ended[0]["request"]["body"] == "firstsecond"
    assert ended[0]["request"]["streamed"] == {"bytes": 11, "state": "whole"}
    assert ended[6]["outputs"][0]["by"] == "the stream"
    answered = ended[7]["answer"]
    assert (answered["status"], answered["body"]) == (200, "firstsecond")
    assert answered["streamed"] == {"bytes": 11, "state": "whole"}
    assert json.dumps(ended)
