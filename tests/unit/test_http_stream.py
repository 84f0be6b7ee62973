"""http_stream: a response is begun once, with all headers; HEAD gets no body; a request's body is read in pieces."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from funcjson.http_stream import StreamedBody, StreamedResponse
from funcjson.http_wire import BodyTooLarge


class Written:
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        self.head = ""
        self.pieces: list[bytes] = []

    async def write_headers(self, status: str, headers: Any) -> None:
        self.head = "\n".join([status, *(f"{name}: {value}" for name, value in headers.items())])

    async def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def stream(method: str = "GET") -> tuple[StreamedResponse, Written]:
    written = Written()
    request: Any = make_mocked_request(method, "/", writer=written)

    def finish(response: web.StreamResponse) -> None:
        response.headers["X-Last"] = "yes"

    return StreamedResponse(request, (("X-Own", "o"), ("X-Given", "no")), finish), written


async def test_the_head_has_the_handlers_headers_first() -> None:
    sink, written = stream()
    assert sink.response is None

    await sink.begin(418, [("x-given", "1"), ("set-cookie", "a=b"), ("set-cookie", "c=d")])

    assert sink.response is not None
    assert sink.response.status == 418
    assert written.head.split("\n")[1:6] == [
        "x-given: 1",
        "set-cookie: a=b",
        "set-cookie: c=d",
        "X-Own: o",
        "X-Last: yes",
    ]
    assert "Content-Type" not in written.head


async def test_pieces_are_written_but_not_for_head() -> None:
    for method, expected in (("GET", [b"a", b"b"]), ("HEAD", [])):
        sink, written = stream(method)
        await sink.begin(200, [("content-type", "text/plain")])
        await sink.write(b"a")
        await sink.write(b"b")

        assert written.pieces == expected


def arriving(*pieces: bytes, limit: int = 100) -> StreamedBody:
    payload = StreamReader(
        Mock(BaseProtocol, _reading_paused=False), 2**16, loop=asyncio.get_running_loop()
    )
    for piece in pieces:
        payload.feed_data(piece)
    payload.feed_eof()
    return StreamedBody(make_mocked_request("POST", "/", payload=payload), limit)


async def test_a_body_is_counted_as_it_is_read() -> None:
    source = arriving(b"abc")

    assert await source.read() == b"abc"
    assert (source.passed.size, source.passed.kept, source.passed.state) == (3, b"abc", "running")
    assert await source.read() == b""
    assert source.passed.state == "whole"


async def test_a_body_larger_than_the_limit_is_refused() -> None:
    source = arriving(b"abc", limit=2)

    with pytest.raises(BodyTooLarge):
        await source.read()
    assert source.too_large is not None
    with pytest.raises(BodyTooLarge):
        StreamedBody(make_mocked_request("POST", "/", headers={"Content-Length": "3"}), 2)


async def test_what_is_over_keeps_no_connection() -> None:
    sink, _ = stream()
    await sink.begin(200, [])
    source = arriving(b"abc")

    assert sink.let_go() is not None
    source.let_go()

    assert (sink.passed.state, source.passed.state) == ("whole", "left unread")
    assert await source.read() == b""
    assert sink.let_go() is None


async def test_looking_tells_of_a_caller_who_left_while_nothing_is_sent() -> None:
    transport = Mock()
    transport.is_closing.return_value = False
    request: Any = make_mocked_request("GET", "/", transport=transport)
    sink = StreamedResponse(request, (), lambda _: None)

    sink.look()
    transport.is_closing.return_value = True
    with pytest.raises(ConnectionResetError):
        sink.look()

    assert sink.passed.state == "broken off"
