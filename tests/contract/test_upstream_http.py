"""The HTTP sender of upstream requests against a real server."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from funcjson.signalr.upstream_sender import (
    MAX_RESPONSE_BYTES,
    HttpSender,
    ResponseTooLarge,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamResponse,
)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.ServerRunner] = []

    async def start(handler: Handler) -> str:
        runner = web.ServerRunner(web.Server(handler))
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def sender() -> AsyncIterator[HttpSender]:
    made = HttpSender()
    yield made
    await made.close()


async def test_the_request_arrives_as_it_is(serve: Serve, sender: HttpSender) -> None:
    seen: list[tuple[str, str, str, bytes]] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        user = request.headers["X-ASRS-User-Id"]
        seen.append((request.method, request.raw_path, user, await request.read()))
        return web.Response(status=200, body=b"ok")

    url = await serve(handler)
    request = UpstreamRequest(
        f"{url}/chat/a%20b%2F%C3%BC?code=x",
        {"X-ASRS-User-Id": "jürgen", "Content-Type": "application/json"},
        b'{"type":10}',
    )

    assert await sender(request) == UpstreamResponse(200, b"ok")
    assert seen == [("POST", "/chat/a%20b%2F%C3%BC?code=x", "jürgen", b'{"type":10}')]


async def test_redirects_are_not_followed(serve: Serve, sender: HttpSender) -> None:
    async def handler(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    response = await sender(UpstreamRequest(await serve(handler), {}, b""))

    assert response.status == 302


@pytest.mark.parametrize("is_told", [True, False])
async def test_too_much_is_cut_off(serve: Serve, sender: HttpSender, is_told: bool) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        if is_told:
            response.content_length = MAX_RESPONSE_BYTES + 1
        await response.prepare(request)
        chunk = b"x" * (1 << 20)
        try:
            for _ in range(17):
                await response.write(chunk)
        except ConnectionError:
            pass  # the sender has gone, as it should
        return response

    with pytest.raises(ResponseTooLarge):
        await sender(UpstreamRequest(await serve(handler), {}, b""))


async def test_a_refused_connection_is_status_500(serve: Serve, sender: HttpSender) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        await sender(UpstreamRequest("http://127.0.0.1:1/", {}, b""))

    assert caught.value.status == 500
    assert "nothing listens there: start the function app" in str(caught.value)


async def test_an_answer_that_does_not_come_whole_is_told(sender: HttpSender) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    for bytes_sent, says in ((b"", "closed the connection without an answer"), (half, "broke off")):

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(bytes_sent)  # noqa: B023 - the loop waits for this server
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UpstreamFailed, match=says):
            await sender(UpstreamRequest(f"http://127.0.0.1:{port}/", {}, b""))
        server.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed one, as `func start --useHttps` has, and its key."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed by this test"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    subprocess.run(
        [openssl, *made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
    )
    return cert, key


async def test_a_self_signed_certificate_is_told_with_the_way_out(
    sender: HttpSender, certificate: tuple[Path, Path]
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(UpstreamFailed) as caught:
        await sender(UpstreamRequest(f"https://127.0.0.1:{port}/", {}, b""))
    server.close()

    assert "self-signed certificate" in str(caught.value)
    assert "SSL_CERT_FILE" in str(caught.value)
    assert "_ssl.c" not in str(caught.value)


async def test_a_hint_of_the_upstream_is_kept(serve: Serve, sender: HttpSender) -> None:
    async def handler(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=404, headers={"x-funcjson-hint": "no function"})

    response = await sender(UpstreamRequest(await serve(handler), {}, b""))

    assert response == UpstreamResponse(404, b"", "no function")


async def test_a_time_out_is_status_500(serve: Serve) -> None:
    async def handler(_request: web.BaseRequest) -> web.Response:
        return web.Response()

    sender = HttpSender(timeout_s=0.000001)
    with pytest.raises(UpstreamFailed, match="no answer within"):
        await sender(UpstreamRequest(await serve(handler), {}, b""))
    await sender.close()
