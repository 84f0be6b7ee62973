"""Errors that say why, with real clients: what a client hears, what the log tells, and that neither can be forged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.e2e.processes import run_funcjson, start_host
from tests.e2e.signalr_world import KEY, Driver, Service, client_token, free_port, start_service

NODE = ("node", "signalr_client.mjs")
PORT_SETTING = "AzureSignalRConnectionString"
NEAR = "no function for hub 'chat', category 'messages', event 'helo' (nearest: hello: event 'helo' is not 'hello')"
EVIL = "evil\x1b[31m\nWARNING: fake line"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """One hub method, `hello`."""
    trigger = {"hubName": "chat", "category": "messages", "event": "hello"}
    binding = {"type": "signalRTrigger", "direction": "in", "name": "call", **trigger}
    folder = tmp_path / "app" / "hello"
    folder.mkdir(parents=True)
    (folder.parent / "host.json").write_text('{"version": "2.0"}')
    (folder / "function.json").write_text(json.dumps({"bindings": [binding]}))
    (folder / "index.js").write_text("module.exports = async () => 'hi';")
    return tmp_path / "app"


@pytest.fixture(params=[(), ("--detailed-errors",)], ids=["plain", "detailed"])
def pair(
    request: pytest.FixtureRequest, app: Path, tmp_path: Path, node: str
) -> Iterator[tuple[Service, bool]]:
    """The service as a process of its own, and the app as its upstream over HTTP."""
    port = free_port()
    template = {"UrlTemplate": f"http://localhost:{port}/runtime/webhooks/signalr"}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
    service = start_service(settings, *request.param)
    extra = {PORT_SETTING: f"Endpoint={service.url};AccessKey={KEY};Version=1.0;"}
    host = start_host(app, tmp_path, "--port", str(port), extra=extra, any_service_port=False)
    try:
        yield service, bool(request.param)
        assert host.stop() == 0
    finally:
        host.kill()
        service.kill()


def client(service: Service, user: str = "ann") -> Driver:
    return Driver(
        NODE,
        url=f"{service.url}/client/?hub=chat",
        token=client_token(user),
        transport="WebSockets",
    )


def start(driver: Driver) -> str:
    driver.do("start")
    return str(driver.expect("connected")["id"])


def test_near_misses_of_the_host_reach_the_log_and_a_client_that_may_know(
    pair: tuple[Service, bool],
) -> None:
    service, is_detailed = pair
    with client(service) as driver:
        start(driver)
        assert driver.call("hello")["value"] == "hi"
        said = driver.call("helo")["error"]
        nameless = driver.call("")["error"]

    assert "Invocation failed, status code 404" in said
    assert (NEAR in said) is is_detailed
    assert NEAR in service.output.text()
    assert "Invocation failed, status code 400" in nameless
    assert "the header X-ASRS-Event is empty" in service.output.text()


def test_an_upstream_that_is_down_is_told_once_and_with_the_remedy(
    tmp_path: Path, node: str
) -> None:
    template = {"UrlTemplate": f"http://localhost:{free_port()}/api"}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
    service = start_service(settings, "--detailed-errors")
    try:
        with client(service) as driver:
            start(driver)
            for number in range(5):
                said = driver.call(f"m{number}")["error"]
                assert "status code 500 (nothing listens there: start the function app" in said
        assert service.output.text().count("nothing listens there") == 1
    finally:
        service.kill()


def test_what_clients_say_cannot_forge_lines_or_colours(tmp_path: Path, node: str) -> None:
    template = {"UrlTemplate": "http://localhost:1/", "EventPattern": "other"}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
    service = start_service(settings)
    try:
        with client(service, EVIL) as driver:
            start(driver)
            driver.call(EVIL)
            _, out, _ = run_funcjson("signalr", "ps", "--url", service.url)
        service.output.wait_for(r"evil\\x1b\[31m\\nWARNING: fake line")
        assert "\x1b" not in service.output.text() + out
        assert not any(
            line.startswith("WARNING: fake") for line in service.output.text().splitlines()
        )
        assert "evil\\x1b[31m\\nWARNING: fake line" in out
    finally:
        service.kill()


def test_nor_in_the_hosts_own_log(app: Path, tmp_path: Path, node: str) -> None:
    port = free_port()
    extra = {PORT_SETTING: f"Endpoint=http://localhost:{port};AccessKey={KEY};Version=1.0;"}
    host = start_host(app, tmp_path, extra=extra, any_service_port=False)
    try:
        service = Service(host.process, host.output, f"http://localhost:{port}")
        with client(service) as driver:
            start(driver)
            said = driver.call(EVIL)["error"]
        assert "event 'evil\\x1b[31m\\nWARNING: fake line'" in said
        assert "\x1b" not in host.output.text()
        assert not any("] WARNING: fake" in line for line in host.output.text().splitlines())
        assert host.stop() == 0
    finally:
        host.kill()


@pytest.mark.parametrize("option", [(), ("--compat", "azure")], ids=["ours", "azure"])
async def test_the_embedded_service_tells_details_unless_it_is_to_be_like_azure(
    app: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    port = free_port()
    extra = {PORT_SETTING: f"Endpoint=http://localhost:{port};AccessKey={KEY};Version=1.0;"}
    host = start_host(app, tmp_path, *option, extra=extra, any_service_port=False)
    try:
        url = f"http://localhost:{port}/client/?hub=chat&access_token={client_token('ann')}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            await socket.send_str('{"version":1}\x1e')
            said = (await socket.receive_str()).rstrip("\x1e")
        assert json.loads(said)["error"].startswith("An unexpected error occurred")
        assert ("Missing required property 'protocol'" in said) is (option == ())
        host.output.wait_for("the handshake failed: Missing required property .protocol")
        assert host.stop() == 0
    finally:
        host.kill()


async def test_the_embedded_service_has_limits_and_a_tier_as_the_one_alone(
    app: Path, tmp_path: Path
) -> None:
    port = free_port()
    extra = {PORT_SETTING: f"Endpoint=http://localhost:{port};AccessKey={KEY};Version=1.0;"}
    options = ("--tier", "free", "--no-limits")
    host = start_host(app, tmp_path, *options, extra=extra, any_service_port=False)
    try:
        url = f"http://localhost:{port}/client/?hub=chat&access_token={client_token('ann')}"
        long_url = f"{url}&long={'x' * 20_000}"
        async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as sockets:
            for _ in range(20):
                await sockets.enter_async_context(session.ws_connect(long_url))
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(long_url)
        assert refused.value.status == 429
        assert host.stop() == 0
    finally:
        host.kill()
