"""One request and its response as an ASGI application sees them, and what the wire sees meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from funcjson.workers.python_worker.http_exchange import Exchange, scope_of

HTTP: dict[str, Any] = {
    "method": "post",
    "url": "http://localhost:7071/api/a%20b?q=%C3%A9&q=2",
    "headers": {"host": "localhost:7071", "x-name": "é"},
    "query": {"q": "é,2"},
    "params": {},
    "body": {"bytes": b"whole"},
}
STREAM = {**HTTP, "body": {"stream": True}}
MEBIBYTE = 1 << 20


class Wire:
    """An exchange and what it sent to the host."""

    def __init__(self, http: dict[str, Any], in_pieces: bool = True) -> None:
        self.sent: list[dict[str, Any]] = []
        self.exchange = Exchange("1", http, self.sent.append, in_pieces)

    def body(self, data: bytes, **more: Any) -> None:
        self.exchange.take({"op": "body", "id": "1", "data": {"bytes": data}, **more})

    async def start(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        await self.exchange.send(
            {"type": "http.response.start", "status": status, "headers": list(headers)}
        )

    async def write(self, data: bytes, more: bool = True) -> None:
        await self.exchange.send({"type": "http.response.body", "body": data, "more_body": more})


def piece(data: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


GONE = {"type": "http.disconnect"}


def test_the_scope_has_what_the_caller_sent() -> None:
    scope = scope_of(HTTP, "id")

    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "POST", "http")
    assert (scope["path"], scope["raw_path"]) == ("/api/a b", b"/api/a%20b")
    assert scope["query_string"] == b"q=%C3%A9&q=2"
    assert dict(scope["headers"]) == {
        b"host": b"localhost:7071",
        b"x-name": "é".encode(),
        b"x-ms-invocation-id": b"id",
    }
    assert (scope["server"], scope["client"]) == (("localhost", 7071), ("127.0.0.1", 0))


def test_a_proxy_in_front_is_believed_as_on_the_real_worker() -> None:
    headers = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1, 192.0.2.7"}
    scope = scope_of({**HTTP, "url": "http://a.example/", "headers": headers}, "id")

    assert (scope["scheme"], scope["client"]) == ("https", ("192.0.2.7", 0))
    assert scope["server"] == ("a.example", 443)


async def test_a_whole_body_is_one_piece_and_needs_no_acknowledgement() -> None:
    for body, data in [({"bytes": b"b"}, b"b"), ({"string": "é"}, "é".encode()), ({}, b"")]:
        wire = Wire({**HTTP, "body": body})

        assert await wire.exchange.receive() == piece(data, False)
        assert wire.sent == []


async def test_a_body_comes_piece_by_piece_and_is_acknowledged_when_read() -> None:
    wire = Wire(STREAM)
    reading = asyncio.create_task(wire.exchange.receive())
    await asyncio.sleep(0)
    assert not reading.done()
    wire.body(b"one")
    wire.body(b"", end=True)

    assert await reading == piece(b"one", True)
    assert wire.sent == [{"op": "taken", "id": "1", "size": 3}]
    assert await wire.exchange.receive() == piece(b"", False)


async def test_a_body_that_breaks_off_is_a_caller_who_left_after_what_came() -> None:
    wire = Wire(STREAM)
    wire.body(b"one")
    wire.body(b"", end=True, error="gone")

    assert await wire.exchange.receive() == piece(b"one", True)
    assert await wire.exchange.receive() == GONE


async def test_who_waits_hears_that_the_caller_left_and_that_the_response_is_whole() -> None:
    for ends in (False, True):
        wire = Wire(HTTP)
        await wire.exchange.receive()
        waiting = asyncio.create_task(wire.exchange.receive())
        await asyncio.sleep(0)
        if ends:
            await wire.start()
            await wire.write(b"", more=False)
        else:
            wire.exchange.take({"op": "cancel", "id": "1"})

        assert await waiting == GONE


async def test_a_response_goes_out_in_pieces_without_headers_of_the_connection() -> None:
    wire = Wire(HTTP)
    await wire.start((b"X-A", b"1"), (b"set-cookie", b"a=b"), (b"Transfer-Encoding", b"chunked"))
    assert wire.exchange.is_begun
    await wire.write(b"one")
    assert not wire.exchange.whole.done()
    await wire.write(b"", more=False)

    assert wire.exchange.whole.done()
    assert wire.exchange.response() == {}
    assert wire.sent == [
        {
            "op": "response",
            "id": "1",
            "status": 200,
            "headers": [["x-a", "1"], ["set-cookie", "a=b"]],
        },
        {"op": "body", "id": "1", "data": {"bytes": b"one"}},
        {"op": "body", "id": "1", "data": {}, "end": True},
    ]


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 199, 1000])
@pytest.mark.parametrize("in_pieces", [True, False])
async def test_a_status_that_cannot_end_a_response_ends_the_exchange_and_is_left_to_the_host(
    status: int, in_pieces: bool
) -> None:
    wire = Wire(HTTP, in_pieces)
    with pytest.raises(ConnectionError, match=str(status)):
        await wire.start((b"x-a", b"1"), status=status)
    with pytest.raises(ConnectionError):
        await wire.write(b"endless")

    assert wire.sent == []
    assert wire.exchange.whole.done()
    assert wire.exchange.response()["http"]["status"] == status


async def test_at_most_a_mebibyte_is_under_way() -> None:
    wire = Wire(HTTP)
    await wire.start()
    writing = asyncio.create_task(wire.write(bytes(2 * MEBIBYTE), more=False))
    await asyncio.sleep(0)
    sent = [len(m["data"]["bytes"]) for m in wire.sent if m["op"] == "body"]
    assert sum(sent) == MEBIBYTE
    assert not writing.done()
    for size in [*sent, *sent]:
        wire.exchange.take({"op": "taken", "id": "1", "size": size})
    await writing

    assert wire.exchange.whole.done()


async def test_nothing_is_sent_to_who_is_gone() -> None:
    wire = Wire(HTTP)
    await wire.start()
    writing = asyncio.create_task(wire.write(bytes(2 * MEBIBYTE)))
    await asyncio.sleep(0)
    wire.exchange.take({"op": "cancel", "id": "1"})
    with pytest.raises(ConnectionError):
        await writing
    count = len(wire.sent)
    with pytest.raises(ConnectionError):
        await wire.write(b"more")

    assert len(wire.sent) == count


async def test_a_response_that_nobody_takes_in_pieces_is_collected() -> None:
    wire = Wire(HTTP, in_pieces=False)
    await wire.start((b"x-a", b"1"), (b"set-cookie", b"a=b; Path=/; HttpOnly"), status=201)
    await wire.write(bytes(2 * MEBIBYTE))
    await wire.write(b"!", more=False)

    assert wire.sent == []
    http = wire.exchange.response()["http"]
    assert (http["status"], http["headers"]) == (201, {"x-a": "1"})
    assert http["body"] == {"bytes": bytes(2 * MEBIBYTE) + b"!"}
    (cookie,) = http["cookies"]
    assert (cookie["name"], cookie["value"], cookie["path"], cookie["httpOnly"]) == (
        "a",
        "b",
        "/",
        True,
    )
