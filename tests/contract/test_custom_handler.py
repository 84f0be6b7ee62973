"""Custom handlers over a real socket: requests passed on, and each way in which a program can fail."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import HandlerError, WorkerStartError
from funcjson.http_response import from_output
from funcjson.model import Binding, Call, Direction, Function, HttpResponse, Language, WorkerLog
from funcjson.workers.child import WorkerProgram
from funcjson.workers.custom_handler import HandlerProcess
from funcjson.workers.custom_handler_program import HandlerProgram
from funcjson.workers.process import ProcessWorker

PROGRAM = Path(__file__).with_name("handler_program.py")
HTTP = (
    Binding("req", "httpTrigger", Direction.IN, {}, "/bindings/0"),
    Binding("res", "http", Direction.OUT, {}, "/bindings/1"),
)


def program(root: Path, *arguments: str, **members: Any) -> HandlerProgram:
    return HandlerProgram(Path(sys.executable), arguments or (str(PROGRAM),), root, **members)


def worker_program(root: Path, start_timeout_s: float = 30.0) -> WorkerProgram:
    return WorkerProgram(Language.CUSTOM, (), root, {}, start_timeout_s=start_timeout_s)


class App:
    """A started worker with one function `f`."""

    def __init__(self, worker: ProcessWorker, logs: list[WorkerLog]) -> None:
        self.worker = worker
        self.logs = logs

    async def call(self, method: str = "POST", target: str = "/api/f", **members: Any) -> Any:
        message = {
            "method": method,
            "url": f"http://localhost:7071{target}",
            "headers": {"host": "localhost:7071"},
            "query": {},
            "params": {},
            "body": {},
            **members,
        }
        return await self.worker.invoke(Call("the-id", "f", (("req", {"http": message}),)))

    async def response(self, method: str = "POST", target: str = "/api/f") -> HttpResponse:
        return from_output((await self.call(method, target)).outputs["res"])


@asynccontextmanager
async def started(root: Path, source: str, passes_on: bool = False) -> AsyncIterator[App]:
    (root / "f").mkdir()
    (root / "f/handler.py").write_text(source, encoding="utf-8")
    logs: list[WorkerLog] = []
    start = partial(HandlerProcess.start, program(root, passes_on=passes_on))
    worker = ProcessWorker(worker_program(root), logs.append, start_child=start)
    await worker.start()
    try:
        await worker.load(Function("f", root / "f", HTTP, Language.CUSTOM))
        yield App(worker, logs)
    finally:
        await worker.stop()


# -- calls ---------------------------------------------------------------------------------------


async def test_a_call_is_a_post_to_the_functions_name(tmp_path: Path) -> None:
    source = "import json\ndef main(c): return {'Outputs': {'res': {'body': json.dumps(c)}}}"
    async with started(tmp_path, source) as app:
        seen = json.loads((await app.response("GET", "/api/f?x=1")).body)

    headers = {name.lower(): text for name, text in seen["headers"]}
    assert (seen["method"], seen["target"]) == ("POST", "/f")
    assert headers["x-azure-functions-invocationid"] == "the-id"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert seen["Data"]["req"]["Method"] == "GET"
    assert seen["Data"]["req"]["Url"].endswith("/api/f?x=1")


async def test_logs_of_an_answer_are_of_its_invocation(tmp_path: Path) -> None:
    source = "def main(c): return {'Outputs': {'res': {'body': ''}}, 'Logs': ['one', 'two']}"
    async with started(tmp_path, source) as app:
        await app.call()
        lines = [(log.message, log.function, log.invocation_id) for log in app.logs]

    assert lines == [("one", "f", "the-id"), ("two", "f", "the-id")]


async def test_what_a_handler_may_want_to_know_is_in_its_environment(tmp_path: Path) -> None:
    source = """
import json, os
def main(c): return {"Outputs": {"res": {"body": json.dumps(dict(os.environ))}}}
"""
    async with started(tmp_path, source) as app:
        seen = json.loads((await app.response()).body)

    assert seen["FUNCTIONS_CUSTOMHANDLER_PORT"] == seen["FUNCTIONS_HTTPWORKER_PORT"]
    assert seen["FUNCTIONS_APP_ROOT_PATH"] == str(tmp_path)
    assert seen["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"]


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("def main(c): raise ValueError('no luck')", "FJ0524", "no luck"),
        ("def main(c): return (404, [], b'no such path')", "FJ0524", "no such path"),
        ("def main(c): return (200, [], b'{}')", "FJ0525", "Content-Type is missing"),
        (
            "def main(c): return (200, [('Content-Type', 'application/json')], b'plain')",
            "FJ0525",
            "plain",
        ),
        ("def main(c): return None", "FJ0525", "did not answer"),
    ],
)
async def test_a_call_that_fails_says_how(
    tmp_path: Path, source: str, code: str, said: str
) -> None:
    async with started(tmp_path, source) as app:
        with pytest.raises(HandlerError) as caught:
            await app.call()

        problem = caught.value.problems[0]
        assert problem.code == code
        assert said in problem.what + problem.why
        assert problem.function == "f"
        # The program goes on.
        with pytest.raises(HandlerError):
            await app.call()


# -- requests passed on --------------------------------------------------------------------------


async def test_a_request_passed_on_arrives_as_it_came(tmp_path: Path) -> None:
    source = "import json\ndef main(c): return (200, [], json.dumps(c).encode())"
    async with started(tmp_path, source, passes_on=True) as app:
        result = await app.call(
            "PUT",
            "/api/f/a%2Fb?x=1&x=2",
            headers={"host": "example.org", "content-type": "text/x"},
            header_list=(("Host", "example.org"), ("Content-Type", "text/x"), ("X-A", "1")),
            body={"bytes": b"\x00\xff"},
        )
        seen = json.loads(from_output(result.outputs["res"]).body)

    headers = dict(seen["headers"])
    assert (seen["method"], seen["target"]) == ("PUT", "/api/f/a%2Fb?x=1&x=2")
    assert seen["body"].encode("latin-1") == b"\x00\xff"
    assert headers["Host"] == "example.org"
    assert (headers["Content-Type"], headers["X-A"]) == ("text/x", "1")
    assert "Accept" not in headers


@pytest.mark.parametrize("status", [201, 302, 404, 500])
async def test_the_answer_to_a_request_passed_on_is_the_callers(
    tmp_path: Path, status: int
) -> None:
    pairs = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Location", "/api/f/9")]
    source = f"def main(c): return ({status}, {pairs}, b'made')"
    async with started(tmp_path, source, passes_on=True) as app:
        response = await app.response()

    assert (response.status, response.body) == (status, b"made")
    assert [pair for pair in response.headers if pair in pairs] == pairs


async def test_a_head_request_passed_on_has_no_body(tmp_path: Path) -> None:
    async with started(tmp_path, "def main(c): return (200, [], b'12345')", passes_on=True) as app:
        response = await app.response("HEAD")

    assert (response.body, dict(response.headers)["Content-Length"]) == (b"", "5")


# -- programs that do not start ------------------------------------------------------------------


async def test_a_program_that_ends_at_once_shows_its_last_words(tmp_path: Path) -> None:
    bad = program(tmp_path, "-c", "import sys; print('no database', file=sys.stderr); sys.exit(3)")

    with pytest.raises(WorkerStartError) as caught:
        await HandlerProcess.start(bad, worker_program(tmp_path), lambda _: None)

    problem = caught.value.problems[0]
    assert problem.code == "FJ0523"
    assert "exit code 3" in problem.why
    assert "no database" in problem.why


async def test_a_program_that_does_not_listen_is_told_where_to(tmp_path: Path) -> None:
    deaf = program(tmp_path, "-c", "import threading; threading.Event().wait()")

    with pytest.raises(WorkerStartError) as caught:
        await HandlerProcess.start(deaf, worker_program(tmp_path, 0.1), lambda _: None)

    assert caught.value.problems[0].code == "FJ0523"
    assert "FUNCTIONS_CUSTOMHANDLER_PORT" in caught.value.problems[0].fix


async def test_a_port_that_is_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WorkerStartError) as caught:
            await HandlerProcess.start(
                program(tmp_path, port=port), worker_program(tmp_path), lambda _: None
            )

    assert str(port) in caught.value.problems[0].what


async def test_a_file_that_is_no_program_says_so(tmp_path: Path) -> None:
    (tmp_path / "handler").write_bytes(b"\x00not a program")
    (tmp_path / "handler").chmod(0o755)
    bad = HandlerProgram(tmp_path / "handler", (), tmp_path)

    with pytest.raises(WorkerStartError) as caught:
        await HandlerProcess.start(bad, worker_program(tmp_path), lambda _: None)

    assert "Exec format error" in caught.value.problems[0].why


async def test_a_program_that_does_not_listen_is_told_while_one_waits(tmp_path: Path) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    waits = program(tmp_path, "-c", "import threading; threading.Event().wait()")

    def hear(line: WorkerLog) -> None:
        if "does not listen on port" in line.message:
            told.set_result(line.message)

    starting = asyncio.create_task(HandlerProcess.start(waits, worker_program(tmp_path), hear))

    assert "FUNCTIONS_CUSTOMHANDLER_PORT" in await told
    assert not starting.done()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
