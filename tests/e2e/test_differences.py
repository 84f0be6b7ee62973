"""The deliberate differences from Azure that only a running host shows; README lists them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from tests.e2e.conftest import E2E, copy_sample, run_and_check
from tests.e2e.processes import RunningHost, request, signed_in_as, start_host
from tests.e2e.signalr_world import Driver

LOCAL_PAGE = "http://localhost:3000"
ANYWHERE = "0.0.0.0"


@pytest.fixture(scope="module")
def chat(
    tmp_path_factory: pytest.TempPathFactory, npm_packages: Path, node: str
) -> Iterator[RunningHost]:
    """The Python chat with one JavaScript function more."""
    scratch = tmp_path_factory.mktemp("chat")
    app = copy_sample("chat-python", scratch, npm_packages)
    settings = json.loads((app / "local.settings.json").read_text())
    del settings["Values"]["FUNCTIONS_WORKER_RUNTIME"]
    (app / "local.settings.json").write_text(json.dumps(settings))
    (app / "hello").mkdir()
    trigger = {"type": "httpTrigger", "name": "req", "authLevel": "anonymous"}
    (app / "hello/function.json").write_text(
        json.dumps({"bindings": [trigger, {"type": "http", "direction": "out", "name": "res"}]})
    )
    (app / "hello/index.js").write_text(
        "module.exports = async (context, req) => { context.res = { body: req.rawBody ?? 'js' } };\n"
    )
    yield from run_and_check(start_host(app, scratch))


def test_principal_headers_of_a_local_client_are_believed_with_a_note(chat: RunningHost) -> None:
    assert chat.call("POST", "/api/negotiate", user="ann").status == 200

    chat.output.wait_for(r"(?i)x-ms-client-principal.*App Service")


def test_principal_headers_of_a_client_are_dropped_beyond_loopback(
    tmp_path: Path, npm_packages: Path
) -> None:
    app = copy_sample("chat-python", tmp_path, npm_packages)
    for host in run_and_check(start_host(app, tmp_path, "--address", ANYWHERE)):
        answer = host.call("POST", "/api/negotiate", user="ann")

        assert answer.status == 500
        assert answer.headers["x-funcjson-error"] == "FJ0302"


def test_clients_of_another_machine_reach_the_local_service(
    tmp_path: Path, npm_packages: Path, node: str
) -> None:
    app = copy_sample("hub-methods-javascript", tmp_path, npm_packages)
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
    # This machine by another of its names, which a service on localhost alone does not have.
    options = ("--service-port", str(port), "--client-endpoint", f"http://127.0.0.2:{port}")
    host_options = ("--address", ANYWHERE, *options)
    for host in run_and_check(
        start_host(app, tmp_path, *host_options, "--as", "ann", any_service_port=False)
    ):
        info = host.call("POST", "/api/negotiate").json()
        command = [node, str(E2E / "clients/signalr_client.mjs")]
        with Driver(command, url=f"{host.host}/api") as driver:
            driver.do("start")
            told = {event["event"]: event for event in (driver.next(), driver.next())}

        assert info["url"] == f"http://127.0.0.2:{port}/client/?hub=desk"
        assert "connected" in told
        assert told["message"]["arguments"] == ["Hello ann"]


def test_a_service_that_other_machines_cannot_find_says_so(
    tmp_path: Path, npm_packages: Path
) -> None:
    app = copy_sample("hub-methods-javascript", tmp_path, npm_packages)
    for host in run_and_check(start_host(app, tmp_path, "--address", ANYWHERE)):
        host.output.wait_for(r"--client-endpoint http://NAME-OF-THIS-MACHINE:\d+")


def test_a_login_wins_over_principal_headers(chat: RunningHost) -> None:
    login = request("POST", f"{chat.host}/.auth/login/aad", {"userDetails": "bob"})
    cookie = login.headers["set-cookie"].partition(";")[0]
    forged = {**signed_in_as("ann"), "cookie": cookie}
    info = request("POST", f"{chat.host}/api/negotiate", headers=forged).json()
    told = request("GET", f"{chat.host}/.auth/me", headers=forged)

    claims = jwt.decode(info["accessToken"], options={"verify_signature": False})
    assert claims["asrs.s.uid"] == "bob"
    assert "bob" in told.text
    assert "ann" not in told.text


def test_a_failed_call_has_an_empty_body_and_a_code_in_a_header(chat: RunningHost) -> None:
    answer = chat.call("POST", "/api/negotiate")

    assert (answer.status, answer.text) == (500, "")
    assert answer.headers["x-funcjson-error"] == "FJ0302"


def test_pages_of_this_machine_may_call_without_any_cors_setting(chat: RunningHost) -> None:
    ask = {"origin": LOCAL_PAGE, "access-control-request-method": "POST"}
    allowed = request("OPTIONS", f"{chat.host}/api/negotiate", headers=ask)
    refused = request(
        "OPTIONS", f"{chat.host}/api/negotiate", headers={**ask, "origin": "https://example.org"}
    )

    assert allowed.headers["access-control-allow-origin"] == LOCAL_PAGE
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in refused.headers


def test_functions_of_two_languages_run_side_by_side(chat: RunningHost) -> None:
    assert chat.call("GET", "/api/hello").text == "js"
    assert chat.call("GET", "/api/index").status == 200


def test_a_chunked_body_is_read(chat: RunningHost) -> None:
    chunked = {"transfer-encoding": "chunked", "content-type": "text/plain"}
    answer = request("POST", f"{chat.host}/api/hello", "5\r\nhello\r\n0\r\n\r\n", chunked)

    assert answer.text == "hello"


def test_without_a_connection_string_the_local_service_is_used(chat: RunningHost) -> None:
    info = chat.call("POST", "/api/negotiate", user="ann").json()

    assert info["url"] == f"{chat.service}/client/?hub=chat"
