"""URLs and headers of any length get an answer that says the limit, over a real socket; without limits they pass."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator

import pytest

from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.server import SignalRServer, serve

KEY = "k" * 44
PATH = "/api/hubs/chat/:send"
BODY = b'{"target":"m"}'


@pytest.fixture
async def service(request: pytest.FixtureRequest) -> AsyncIterator[SignalRServer]:
    limits = getattr(request, "param", True)
    async with serve(ServiceOptions(port=0, keys=(KEY,), limits=limits)) as server:
        yield server


async def answer(
    service: SignalRServer, target: str, extra: str = "", body: bytes = BODY
) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body that one request gets."""
    endpoint = ServiceEndpoint(f"http://localhost:{service.port}", access_key=KEY)
    token = mint_server_token(endpoint, PATH.lstrip("/"), now=time.time())
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{extra}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        writer.write(head.encode() + body)
        said = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in said[1:])
        }
        found = await reader.readexactly(int(headers.get("content-length", 0)))
        return int(said[0].split()[1]), headers, found
    finally:
        writer.close()


@pytest.mark.parametrize("size", [12_290, 13_000, 60_000, 70_000, 300_000])
async def test_a_long_url_is_a_414_that_says_the_limit(service: SignalRServer, size: int) -> None:
    status, headers, body = await answer(service, f"{PATH}?excluded={'x' * size}")

    assert (status, headers["content-type"]) == (414, "application/problem+json")
    assert headers["x-ms-error-code"] == "Error.Request.Invalid"
    problem = json.loads(body)
    assert "12288" in problem["message"]
    assert "excluded" in problem["fix"]


@pytest.mark.parametrize("size", [16_400, 20_000, 60_000, 70_000, 300_000])
async def test_a_large_header_is_a_431_that_says_the_limit(
    service: SignalRServer, size: int
) -> None:
    status, headers, body = await answer(service, PATH, f"x-big: {'x' * size}\r\n")

    assert (status, headers["content-type"]) == (431, "application/problem+json")
    assert "16384" in json.loads(body)["message"]


@pytest.mark.parametrize("count", [1_000, 5_000])
async def test_many_headers_are_a_431(service: SignalRServer, count: int) -> None:
    many = "".join(f"x-{number}: some text\r\n" for number in range(count))

    assert (await answer(service, PATH, many))[0] == 431


async def test_a_head_that_is_not_read_is_told_in_the_log_and_the_trace(
    service: SignalRServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await answer(service, f"{PATH}?excluded={'x' * 300_000}")

    (record,) = caplog.records
    assert "414" in record.getMessage()
    assert "xxx" not in record.getMessage()
    assert [line.fields["status"] for line in service.trace] == [414]


@pytest.mark.parametrize(("extra", "status"), [("", 414), (f"x-big: {'x' * 17_000}\r\n", 431)])
async def test_a_clients_long_request_says_the_limit(
    service: SignalRServer, extra: str, status: int
) -> None:
    query = "" if extra else "x" * 13_000
    found, headers, body = await answer(service, f"/client/negotiate?hub=chat&{query}", extra)

    assert found == status
    assert b"the limit is" in body
    assert headers["content-type"].startswith("text/plain")


async def test_a_large_body_is_told_with_its_whole_size(service: SignalRServer) -> None:
    status, _, body = await answer(service, PATH, body=b" " * 5_000_000)

    assert status == 413
    assert "5000000 bytes" in json.loads(body)["message"]


@pytest.mark.parametrize("service", [False], indirect=True)
async def test_without_limits_they_pass(service: SignalRServer) -> None:
    long_url = await answer(service, f"{PATH}?excluded={'x' * 300_000}")
    large = await answer(service, PATH, f"x-big: {'x' * 300_000}\r\n")
    many = "".join(f"x-{number}: some text\r\n" for number in range(5_000))

    assert [found[0] for found in (long_url, large, await answer(service, PATH, many))] == [202] * 3
