"""HTTP streams of Python v2 apps through a whole host, with the real package that Microsoft publishes for them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.conformance.host_world import World, running
from tests.contract.streaming import Upload, url

from funcjson.trace_view import view

CODE = """
import asyncio, hashlib, logging, threading
import azure.functions as func
from azurefunctions.extensions.http.fastapi import (
    FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Request, Response, StreamingResponse)
from fastapi import HTTPException
from pydantic import BaseModel

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
pieces = asyncio.Queue()

async def until_closed():
    yield "first"
    while (piece := await pieces.get()) is not None:
        if piece == "fail":
            raise ValueError("broke on the way")
        yield piece

@app.route(route="open")
async def open_(req: Request) -> StreamingResponse:
    response = StreamingResponse(until_closed(), status_code=202, media_type="text/event-stream", headers={"x-a": "1"})
    response.set_cookie("c", "d")
    response.set_cookie("e", "f", httponly=True)
    return response

@app.route(route="more")
async def more(req: Request):
    pieces.put_nowait((await req.body()).decode() or None)
    return Response(status_code=204)

go_on = threading.Event()

@app.route(route="slow")
def slow(req: Request) -> StreamingResponse:
    def count():
        try:
            yield b"one"
            go_on.wait()
            yield b"two"
        finally:
            logging.info("count ended in a thread: %s", threading.current_thread() is not threading.main_thread())
    return StreamingResponse(count())

@app.route(route="go")
def go(req: Request) -> dict:
    go_on.set()
    return {"method": req.method, "id": req.headers["x-ms-invocation-id"] != ""}

@app.route(route="waits")
async def waits(req: Request) -> StreamingResponse:
    async def wait():
        try:
            yield "here"
            while True:
                await asyncio.sleep(0)
                yield "x" * 1000
        finally:
            logging.info("the generator of waits ended")
    return StreamingResponse(wait())

@app.route(route="silent")
async def silent(req: Request) -> StreamingResponse:
    async def wait():
        try:
            yield "here"
            await asyncio.Event().wait()
        finally:
            logging.info("the generator of silent ended")
    return StreamingResponse(wait())

@app.route(route="big")
async def big(req: Request) -> StreamingResponse:
    return StreamingResponse(b"a" * (1 << 18) for _ in range(64))

@app.route(route="back")
async def back(req: Request) -> StreamingResponse:
    return StreamingResponse(req.stream())

@app.route(route="sum")
async def sum_(req: Request) -> JSONResponse:
    digest = hashlib.sha256()
    async for piece in req.stream():
        digest.update(piece)
    return JSONResponse({"sum": digest.hexdigest()})

@app.route(route="broken")
async def broken(req: Request):
    try:
        async for piece in req.stream():
            logging.info("got %s", piece.decode())
    except Exception as error:
        logging.info("the body broke: %s", type(error).__name__)
    return Response()

@app.route(route="all/{name}/{number:int?}")
async def all_(req: Request) -> JSONResponse:
    return JSONResponse({
        "json": await req.json(), "query": req.query_params.multi_items(), "path": req.path_params,
        "header": req.headers["x-one"], "cookies": req.cookies, "client": req.client.host, "method": req.method,
        "url": f"{req.url.scheme} {req.url.netloc} {req.url.query}"})

@app.route(route="form")
async def form(req: Request):
    form = await req.form()
    return [form["text"], len(await form["file"].read())]

@app.route(route="status/{n}")
async def status(req: Request) -> StreamingResponse:
    async def endless():
        try:
            while True:
                yield "x"
        finally:
            logging.info("the generator of status ended")
    return StreamingResponse(endless(), status_code=int(req.path_params["n"]))

@app.route(route="html")
def html(req: Request) -> HTMLResponse:
    return HTMLResponse("<b>hi</b>")

@app.route(route="plain")
def plain(req: Request) -> PlainTextResponse:
    return PlainTextResponse("hi")

@app.route(route="redirect")
def redirect(req: Request) -> RedirectResponse:
    return RedirectResponse("/api/html")

@app.route(route="file")
def file(req: Request) -> FileResponse:
    return FileResponse("host.json", filename="h.json")

@app.route(route="text")
def text(req: Request) -> str:
    return "text"

@app.route(route="bytes")
def bytes_(req):
    return b"bytes"

class Item(BaseModel):
    name: str = "n"

@app.route(route="item")
def item(req: Request) -> Item:
    return Item()

@app.route(route="nothing")
async def nothing(req: Request):
    pass

@app.route(route="throws")
def throws(req: Request) -> Response:
    raise KeyError("no")

@app.route(route="exits")
async def exits(req: Request):
    raise SystemExit(3)

@app.route(route="teapot")
async def teapot(req: Request):
    raise HTTPException(418, "short and stout")

@app.route(route="lost")
async def lost(req: Request) -> FileResponse:
    return FileResponse("no such file")

@app.route(route="strange")
async def strange(req: Request):
    return object

@app.route(route="later")
async def later(req: Request) -> Response:
    from starlette.background import BackgroundTask
    async def task():
        await asyncio.to_thread(go_on.wait)
        logging.info("the task ran")
        raise ValueError("after the end")
    return Response("sent", background=BackgroundTask(task))

@app.route(route="who", methods=["POST"])
@app.generic_input_binding(arg_name="info", type="signalRConnectionInfo", hubName="h", userId="{who}")
async def who(req: Request, info: str):
    return [await req.json(), bool(info)]

@app.route(route="told")
@app.generic_output_binding(arg_name="messages", type="signalR", hubName="h")
def told(req: Request, messages: func.Out[str], context: func.Context) -> str:
    messages.set('{"target": "t", "arguments": []}')
    return context.function_name
"""
FILES = {
    "host.json": '{"version": "2.0", "extensions": {"http": {"customHeaders": {"X-Own": "o"}}}}',
    "function_app.py": CODE,
}
SETTING = {"PYTHON_ENABLE_INIT_INDEXING": "1"}
LIMIT = 64 << 20


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[World]:
    settings = {**SETTING, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT)}
    async with running(tmp_path, FILES, settings, cors=("http://page.test",)) as world:
        assert world.problems() == []
        yield world


async def post(host: World, name: str, text: str = "") -> tuple[int, bytes]:
    async with host.http.post(url(host, name), data=text.encode()) as answer:
        return answer.status, await answer.read()


async def get(host: World, name: str, **options: Any) -> tuple[int, str | None, str]:
    async with host.http.get(url(host, name), allow_redirects=False, **options) as answer:
        return answer.status, answer.headers.get("Content-Type"), await answer.text()


@pytest.mark.parametrize("status", [99, 100, 101, 199, 1000])
async def test_a_status_that_cannot_end_a_response_fails_the_call(host: World, status: int) -> None:
    answer = await get(host, f"status/{status}")

    trace = list(host.host.recorder)[-1]
    assert answer[0] == 500
    assert (trace.outcome, [p.code for p in trace.problems]) == ("failed", ["FJ0408"])
    assert f"{status} is not a status that can end a response" in trace.problems[0].what
    assert (await get(host, "text"))[0] == 200


async def test_pieces_come_as_they_are_made(host: World) -> None:
    origin = {"Origin": "http://page.test"}
    async with host.http.get(url(host, "open"), headers=origin) as answer:
        first = await answer.content.readexactly(5)
        await post(host, "more", "second")
        second = await answer.content.readexactly(6)
        await post(host, "more")
        rest = await answer.read()

    assert (answer.status, first, second, rest) == (202, b"first", b"second", b"")
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["x-a"], answer.headers["X-Own"]) == ("1", "o")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://page.test"
    assert [c.partition(";")[0] for c in answer.headers.getall("Set-Cookie")] == ["c=d", "e=f"]


async def test_a_plain_generator_runs_in_a_thread_and_blocks_nobody(host: World) -> None:
    async with host.http.get(url(host, "slow")) as answer:
        first = await answer.content.readexactly(3)
        went = await get(host, "go")
        rest = await answer.read()

    assert (first, rest) == (b"one", b"two")
    assert went == (200, "application/json", '{"method":"GET","id":true}')
    assert await host.lines.containing("count ended in a thread: True")


async def test_a_generator_that_raises_breaks_the_connection_and_is_told(host: World) -> None:
    async with host.http.get(url(host, "open")) as answer:
        assert await answer.content.readexactly(5) == b"first"
        await post(host, "more", "fail")
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()

    line = 1 + CODE.splitlines().index('            raise ValueError("broke on the way")')
    said = await host.lines.containing("FJ0514")
    assert "'open_' raised ValueError: broke on the way" in said
    assert f"function_app.py:{line}" in said
    assert "starlette" not in "".join(text for text in host.logs if "Traceback" in text)


@pytest.mark.parametrize("name", ["waits", "silent"])
async def test_a_caller_who_leaves_ends_the_generator(host: World, name: str) -> None:
    answer = await host.http.get(url(host, name))
    assert await answer.content.readexactly(4) == b"here"
    answer.close()

    await host.lines.containing(f"the generator of {name} ended")
    await host.lines.containing(f"Executed 'Functions.{name}' (Succeeded")


async def test_large_responses_and_heads(host: World) -> None:
    status, body = await post(host, "big")
    assert (status, len(body)) == (200, 64 << 18)
    async with host.http.head(url(host, "big")) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


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


async def test_an_upload_of_any_size(host: World) -> None:
    piece, count = bytes(range(256)) * 4096, LIMIT >> 20

    async def pieces(more: int = 0) -> AsyncIterator[bytes]:
        for _ in range(count + more):
            yield piece

    async with host.http.post(url(host, "sum"), data=pieces()) as answer:
        assert await answer.json() == {"sum": hashlib.sha256(piece * count).hexdigest()}
    async with host.http.post(url(host, "sum"), data=pieces(1)) as answer:
        assert (answer.status, answer.headers["x-funcjson-error"]) == (413, "FJ0155")


async def test_the_handler_sees_that_the_caller_left(host: World) -> None:
    upload = Upload()
    upload.send(b"some")
    asking = asyncio.create_task(host.http.post(url(host, "broken"), data=upload))
    await host.lines.containing("got some")
    asking.cancel()

    await host.lines.containing("the body broke: ClientDisconnect")
    await host.lines.containing("Executed 'Functions.broken' (Succeeded")


async def test_a_request_has_all_its_parts(host: World) -> None:
    async with host.http.post(
        url(host, "all/a%20b/7?q=1&q=2&e="),
        json={"k": "é"},
        headers={"X-One": "1"},
        cookies={"c": "d"},
    ) as answer:
        assert await answer.json() == {
            "json": {"k": "é"},
            "query": [["q", "1"], ["q", "2"], ["e", ""]],
            "path": {"name": "a b", "number": "7"},
            "header": "1",
            "cookies": {"c": "d"},
            "client": "127.0.0.1",
            "method": "POST",
            "url": f"http {host.host.url.partition('//')[2]} q=1&q=2&e=",
        }


async def test_a_form_with_a_file(host: World) -> None:
    form = aiohttp.FormData({"text": "t"})
    form.add_field("file", b"f" * 500_000, filename="f.bin")
    async with host.http.post(url(host, "form"), data=form) as answer:
        assert await answer.json() == ["t", 500_000]


@pytest.mark.parametrize(
    ("name", "status", "kind", "text"),
    [
        ("html", 200, "text/html; charset=utf-8", "<b>hi</b>"),
        ("plain", 200, "text/plain; charset=utf-8", "hi"),
        ("redirect", 307, None, ""),
        ("file", 200, "application/json", FILES["host.json"]),
        ("text", 200, "application/json", '"text"'),
        ("bytes", 200, "application/json", '"bytes"'),
        ("item", 200, "application/json", '{"name":"n"}'),
        ("told", 200, "application/json", '"told"'),
    ],
)
async def test_what_a_handler_may_return(
    host: World, name: str, status: int, kind: str | None, text: str
) -> None:
    assert await get(host, name) == (status, kind, text)
    if name == "told":
        await host.invoked()
        assert json.loads(host.sent()["messages"])["target"] == "t"


async def test_an_http_exception_is_a_response_and_is_told(host: World) -> None:
    assert await get(host, "teapot") == (418, "application/json", '{"detail":"short and stout"}')
    said = await host.lines.containing("the real host counts this call as failed")
    assert "HTTPException was raised, and became the response 418" in said
    assert (await host.invoked()).outcome == "succeeded"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "ValueError: No http response found for invocation"),
        ("throws", "KeyError: 'no'"),
        ("exits", "SystemExit: 3"),
        ("lost", "RuntimeError: File at path no such file does not exist."),
        ("strange", "ValueError: "),
    ],
)
async def test_what_fails_before_the_first_piece_is_a_500_and_told(
    host: World, name: str, said: str
) -> None:
    status, _, text = await get(host, name)

    assert (status, text) == (500, "")
    assert f"'{name}' raised {said}" in await host.lines.containing("FJ0514")
    assert await get(host, "text") == (200, "application/json", '"text"')


async def test_a_task_after_the_response_holds_nobody_up(host: World) -> None:
    assert await post(host, "later") == (200, b"sent")
    await host.lines.containing("Executed 'Functions.later' (Succeeded")
    await get(host, "go")

    await host.lines.containing("the task ran")
    said = await host.lines.containing("'later' failed after its response")
    assert "after the end" in said
    assert said.count('File "') == 1


async def test_expressions_see_a_body_that_comes_in_pieces(host: World) -> None:
    upload = Upload()
    asking = asyncio.create_task(host.http.post(url(host, "who"), data=upload))
    upload.send(b'{"who":')
    upload.send(b'"ann"}')
    upload.end()
    async with await asking as answer:
        assert await answer.json() == [{"who": "ann"}, True]


async def test_a_call_by_hand_has_nobody_to_stream_to(host: World) -> None:
    async with host.http.post(
        f"{host.host.url}/admin/functions/big", json={"input": "by hand"}
    ) as answer:
        assert answer.status == 202
    trace = await host.invoked()

    assert trace.outcome == "succeeded"
    assert view(trace)["steps"][6]["outputs"][0]["type"] == "http"


async def test_the_trace_tells_what_passed(host: World) -> None:
    upload = Upload()
    upload.send(b"first")
    async with host.http.post(url(host, "back"), data=upload) as answer:
        await answer.content.readexactly(5)
        (trace,) = host.host.recorder
        running = view(trace)["steps"]
        upload.end()
        await answer.read()
    await host.invoked()
    ended = view(trace)["steps"]

    assert running[7]["answer"]["streamed"] == {"bytes": 5, "state": "running"}
    assert ended[0]["request"]["streamed"] == {"bytes": 5, "state": "whole"}
    assert ended[7]["answer"]["streamed"] == {"bytes": 5, "state": "whole"}
    assert json.dumps(ended)


async def test_functiontimeout_counts_for_the_whole_stream(tmp_path: Path) -> None:
    files = {**FILES, "host.json": '{"version": "2.0", "functionTimeout": "00:00:01"}'}
    async with running(tmp_path, files, SETTING) as host:
        async with host.http.get(url(host, "silent")) as answer:
            assert await answer.content.readexactly(4) == b"here"
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        await host.lines.containing(
            "Timeout value of 00:00:01 was exceeded by function: Functions.silent"
        )
        assert await get(host, "text") == (200, "application/json", '"text"')


MIXED = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response
app = func.FunctionApp()
@app.route(route="new")
def new(req: Request) -> Response:
    return Response()
@app.route(route="old")
def old(req{}){}:
    return "old"
"""


@pytest.mark.parametrize(
    ("parameter", "returns", "said"),
    [
        (": func.HttpRequest", "", 'annotation "HttpRequest"'),
        (": Request", " -> func.HttpResponse", 'return annotation "HttpResponse"'),
    ],
)
async def test_requests_of_the_library_do_not_mix_with_streams(
    tmp_path: Path, parameter: str, returns: str, said: str
) -> None:
    files = {**FILES, "function_app.py": MIXED.format(parameter, returns)}
    async with running(tmp_path, files, SETTING) as host:
        (problem,) = [p for p in host.problems() if p.code == "FJ0148"]

        assert said in problem.what
        assert str(problem.where) == "function_app.py:8:1"
        assert "azurefunctions.extensions.http.fastapi" in problem.fix
        assert (await get(host, "new"))[0] == 404


@pytest.mark.parametrize("value", [None, "0"])
async def test_without_the_setting_nothing_is_found(tmp_path: Path, value: str | None) -> None:
    given = {} if value is None else {"PYTHON_ENABLE_INIT_INDEXING": value}
    async with running(tmp_path, FILES, given) as host:
        (problem,) = [p for p in host.problems() if p.code == "FJ0148"]

        assert "AppSettingDisabledError: HTTP Streaming is enabled but" in problem.what
        assert "PYTHON_ENABLE_INIT_INDEXING" in problem.fix
        assert "local.settings.json" in problem.fix
