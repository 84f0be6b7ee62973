"""http_stream: a response is begun once, with all headers; HEAD gets no body."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from funcjson.http_stream import StreamedResponse


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
