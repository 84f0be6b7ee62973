"""Where a service is, and what it answers outside of clients and REST."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Set
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from funcjson.signalr.backplane.memory import MemoryBackplane
from funcjson.signalr.credentials import ServiceEndpoint, mint_server_token
from funcjson.signalr.errors import OptionsError
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.rest_message import RestRequest
from funcjson.signalr.server import SignalRServer

KEY = "k" * 44


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://localhost:8888"),
        ({"host": "127.0.0.1", "port": 1}, "http://localhost:1"),
        ({"host": "0.0.0.0"}, "http://localhost:8888"),
        ({"host": "10.1.2.3"}, "http://10.1.2.3:8888"),
        ({"host": "fe80::1"}, "http://[fe80::1]:8888"),
        ({"certfile": "x"}, "https://localhost:8888"),
    ],
)
def test_the_url(options: dict[str, Any], url: str) -> None:
    assert SignalRServer(ServiceOptions(**options)).url == url


def test_the_connection_string() -> None:
    plain = SignalRServer(ServiceOptions(keys=(KEY, "x" * 44)))
    container = SignalRServer(ServiceOptions(keys=(KEY,), client_endpoint="http://pc:1"))

    base = f"Endpoint=http://localhost:8888;AccessKey={KEY};Version=1.0;"
    assert plain.connection_string == base
    assert container.connection_string == f"{base}ClientEndpoint=http://pc:1;"


async def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_text("no certificate")
    with pytest.raises(OptionsError, match="holds no certificate"):
        await SignalRServer(ServiceOptions(port=0, certfile=str(path))).start()


async def test_rest_without_a_socket() -> None:
    answer = await SignalRServer().handle_rest(RestRequest("GET", "/api/health"))

    assert answer.status == 200


async def test_a_service_that_never_started_stops() -> None:
    await SignalRServer().stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/nothing", 404),
        ("GET", "/server/?hub=chat", 501),
        ("GET", "/aspnetclient/negotiate", 404),
        ("GET", "/_lss/state", 403),
        ("GET", "/api/health", 200),
        ("OPTIONS", "/anything", 204),
    ],
)
async def test_paths(method: str, path: str, status: int) -> None:
    request = make_mocked_request(method, path, headers={"Origin": "http://a"})
    answer = await SignalRServer()._handle(request)

    assert answer.status == status
    is_private = path.startswith("/_lss")
    assert ("Access-Control-Allow-Origin" in answer.headers) is not is_private


class BrokenBackplane(MemoryBackplane):
    @property
    def others(self) -> Set[str]:
        raise RuntimeError("a bug")


async def test_a_fault_inside_is_a_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    options = ServiceOptions(port=0, keys=(KEY,))
    server = SignalRServer(options, backplane=BrokenBackplane())
    await server.start()
    path = "api/hubs/chat/:send"
    token = mint_server_token(ServiceEndpoint(server.url, access_key=KEY), path, now=time.time())
    try:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            session.post(f"{server.url}/{path}", json={"target": "t", "arguments": []}) as answer,
        ):
            assert answer.status == 500
        async with aiohttp.ClientSession() as session, session.get(server.url) as answer:
            assert answer.status == 200
    finally:
        await server.stop()

    assert f"a request failed inside the service: POST /{path}" in caplog.text


async def test_a_body_that_cannot_be_decoded_is_the_senders_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    payload = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    payload.set_exception(web.RequestPayloadError("400, Can not decode content-encoding: gzip"))
    server = SignalRServer(ServiceOptions(keys=(KEY,)))
    path = "/api/v1/hubs/chat"
    token = mint_server_token(
        ServiceEndpoint(server.url, access_key=KEY), path[1:], now=time.time()
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"}
    answer = await server._handle(
        make_mocked_request("POST", path, headers=headers, payload=payload)
    )

    assert isinstance(answer, web.Response)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["fix"]
    assert answer.keep_alive is False
    assert payload.is_eof(), "aiohttp would read on, and log a traceback"
    assert "failed inside" not in caplog.text
