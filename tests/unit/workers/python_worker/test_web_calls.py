"""Calls that a web framework answers: what the host says reaches them, and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from funcjson.workers.python_worker.http_exchange import Exchange
from funcjson.workers.python_worker.web_calls import WebCalls

REQUEST = {
    "method": "POST",
    "url": "http://localhost/",
    "headers": {},
    "params": {},
    "body": {"stream": True},
}
CALL = {"op": "invoke", "id": "1", "function": "f", "inputs": [["req", {"http": REQUEST}]]}
Answer = Callable[[Exchange, Any], Awaitable[None]]


class Framework:
    """Asks the handler, then does what the test says."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def call(self, exchange: Exchange, params: Any, handle: Any) -> None:
        await self._answer(exchange, handle)


class Host:
    def __init__(self, answer: Answer, root: str = "") -> None:
        self.sent: list[dict[str, Any]] = []
        framework: Any = Framework(answer)
        loop = asyncio.get_running_loop()
        self.calls = WebCalls(framework, self.sent.append, loop, root)

    def run(self, handle: Any = None, **more: Any) -> asyncio.Task[dict[str, Any]]:
        self.calls.expect("1")
        return asyncio.create_task(self.calls.run({**CALL, **more}, "req", handle or _text))


async def _text(_: Any) -> str:
    return "text"


async def respond(exchange: Exchange, body: bytes, more: bool = False) -> None:
    if not exchange.is_begun:
        await exchange.send({"type": "http.response.start", "status": 200, "headers": []})
    await exchange.send({"type": "http.response.body", "body": body, "more_body": more})


async def test_what_the_host_says_before_the_call_began_is_not_lost() -> None:
    async def answer(exchange: Exchange, handle: Any) -> None:
        await respond(exchange, (await exchange.receive())["body"])

    host = Host(answer)
    host.calls.expect("1")
    host.calls.receive({"op": "body", "id": "1", "data": {"bytes": b"early"}, "end": True})
    host.calls.receive({"op": "body", "id": "other", "data": {"bytes": b"no"}, "end": True})
    heard = asyncio.Event()
    asyncio.get_running_loop().call_soon(heard.set)
    await heard.wait()

    response = await host.calls.run(CALL, "req", _text)

    assert response["http"]["body"] == {"bytes": b"early"}


async def test_a_stream_leaves_nothing_to_collect() -> None:
    async def answer(exchange: Exchange, handle: Any) -> None:
        await respond(exchange, (await handle("a request")).encode())

    host = Host(answer)

    assert await host.run(stream=True) == {}
    assert [m["op"] for m in host.sent] == ["response", "body", "body"]


async def test_an_error_is_the_calls_error_without_the_frameworks_frames(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    names: dict[str, Any] = {}
    code = "async def handle(_):\n  raise KeyError('no')\n"
    exec(compile(code, str(file), "exec"), names)

    async def answer(exchange: Exchange, handle: Any) -> None:
        await handle("a request")

    with pytest.raises(KeyError) as caught:
        await Host(answer, str(tmp_path)).run(names["handle"])

    files = [str(entry.path) for entry in caught.traceback]
    assert files[-1] == str(file)
    assert not any("test_web_calls" in name for name in files[2:])


async def test_a_handled_error_is_a_response_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(exchange: Exchange, handle: Any) -> None:
        with pytest.raises(LookupError):
            await handle("a request")
        await respond(exchange, b"handled")

    async def handle(_: Any) -> None:
        raise LookupError("no")

    assert (await Host(answer).run(handle))["http"]["body"] == {"bytes": b"handled"}
    assert "LookupError was raised, and became the response 200" in caplog.text


async def test_what_follows_the_response_is_not_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, over = asyncio.Event(), asyncio.Event()

    async def answer(exchange: Exchange, handle: Any) -> None:
        await respond(exchange, b"whole")
        await gate.wait()
        asyncio.get_running_loop().call_soon(over.set)
        raise ValueError("late")

    host = Host(answer)
    response = await host.run()
    gate.set()
    await over.wait()

    assert response["http"]["body"] == {"bytes": b"whole"}
    assert (logging.ERROR, "'f' failed after its response") in [
        (record.levelno, record.getMessage()) for record in caplog.records
    ]


async def test_a_caller_who_leaves_ends_what_makes_the_response() -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    class Response:
        @staticmethod
        async def made() -> Any:
            try:
                yield b"piece"
                yield b"another"
            finally:
                ended.append("generator")

        def __init__(self) -> None:
            self.body_iterator = self.made()

    async def answer(exchange: Exchange, handle: Any) -> None:
        response = await handle("a request")
        async for piece in response.body_iterator:
            await respond(exchange, piece, more=True)
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("framework")

    async def handle(_: Any) -> Response:
        return Response()

    host = Host(answer)
    call = host.run(handle, stream=True)
    await begun.wait()
    host.calls.receive({"op": "cancel", "id": "1"})

    assert await call == {}
    assert ended == ["framework", "generator"]


async def test_a_handler_that_runs_is_left_alone_when_the_caller_leaves() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()
    heard: list[Any] = []

    async def answer(exchange: Exchange, handle: Any) -> None:
        heard.append(await handle("a request"))
        await respond(exchange, b"nobody")

    async def handle(_: Any) -> str:
        begun.set()
        await gate.wait()
        return "done"

    host = Host(answer)
    call = host.run(handle, stream=True)
    await begun.wait()
    host.calls.receive({"op": "cancel", "id": "1"})
    asyncio.get_running_loop().call_soon(gate.set)

    assert await call == {}
    assert heard == ["done"]
    assert host.sent == []


async def test_a_generator_that_fails_when_it_is_closed_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    over = asyncio.Event()

    class Response:
        class body_iterator:
            @staticmethod
            async def aclose() -> None:
                asyncio.get_running_loop().call_soon(over.set)
                raise ValueError("no end")

    async def answer(exchange: Exchange, handle: Any) -> None:
        await handle("a request")
        await respond(exchange, b"whole")

    async def handle(_: Any) -> Response:
        return Response()

    with caplog.at_level(logging.ERROR):
        await Host(answer).run(handle)
        await over.wait()

    assert "ValueError: no end" in caplog.text
