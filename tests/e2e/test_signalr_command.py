"""`funcjson signalr` as a user types it: start, ps, upstream; the official emulator's settings and key."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from tests.e2e.conftest import need
from tests.e2e.processes import SECRET, Output, funcjson, request, run_funcjson
from tests.e2e.signalr_world import (
    KEY,
    Driver,
    Functions,
    Service,
    client_token,
    free_port,
    start_service,
)

NODE = ("node", "signalr_client.mjs")
EMULATOR_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"


@pytest.fixture
def services() -> Iterator[list[Service]]:
    """Those that a test started; they end with it."""
    started: list[Service] = []
    yield started
    for service in started:
        service.kill()


def client(service: Service, user: str = "u1") -> Driver:
    token = client_token(user)
    return Driver(NODE, url=f"{service.url}/client/?hub=chat", token=token, transport="WebSockets")


def connect(driver: Driver) -> str:
    driver.do("start")
    found: str = driver.expect("connected")["id"]
    return found


def test_without_options_it_is_the_official_emulator(tmp_path: Path) -> None:
    port = free_port()
    process = funcjson("signalr", "start", "-p", str(port), "-c", str(settings(tmp_path)))
    assert process.stdout is not None and process.stderr is not None
    output = Output(process.stdout, process.stderr)
    try:
        output.wait_for("Changes are taken without a restart")
        assert (
            f"Endpoint=http://localhost:{port};AccessKey={EMULATOR_KEY};Version=1.0;"
            in output.text()
        )
        assert (
            f"Endpoint=http://localhost;Port={port};AccessKey={EMULATOR_KEY};Version=1.0;"
            in output.text()
        )
        audience = f"http://localhost:{port}/api/hubs/chat/:send"
        token = jwt.encode({"aud": audience, "exp": 9_999_999_999}, EMULATOR_KEY, algorithm="HS256")
        headers = {"Authorization": f"Bearer {token}"}
        sent = request("POST", audience, {"target": "m", "arguments": []}, headers)
        assert sent.status == 202
        assert sent.headers["x-funcjson-delivered"] == "0"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        output.close()


def settings(folder: Path, port: int = 7071) -> Path:
    template = {
        "UrlTemplate": f"http://localhost:{port}/{{hub}}?code=secret-code",
        "HubPattern": "chat, b",
    }
    path = folder / "settings.json"
    path.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))
    return path


def test_a_key_of_the_users_own_is_printed_only_when_asked_for(services: list[Service]) -> None:
    masked, shown = start_service(), start_service(None, "--show-key")
    services += [masked, shown]

    shown.output.wait_for(re.escape(KEY))
    masked.output.wait_for(r"AccessKey=\*\*\*")
    assert KEY not in masked.output.text()
    assert masked.stop() == 0
    assert SECRET.search(masked.output.text()) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--key", "short"], "The key has 5 bytes; SDKs sign only with 32 bytes or more."),
        (["-p", "eighty"], "Invalid port value: eighty"),
        (["-p", "70000"], "Invalid port value: 70000"),
        (["-i", "300.1.1.1"], "Invalid IP address value: 300.1.1.1"),
        (
            ["-c", "/nowhere/x"],
            "Unable to find config file '/nowhere/x' or '/nowhere/x/settings.json'.",
        ),
        (
            ["-p", "0", "--certfile", "/nowhere/x.pem"],
            "the certificate /nowhere/x.pem cannot be read",
        ),
        (
            ["-p", "0", "--keep-alive", "0"],
            "--keep-alive 0: it must be a number of seconds above 0",
        ),
        (["-p", "0", "--cors", "ok.example"], "write it as http://ok.example"),
        (["-p", "0", "--keyfile", "/nowhere/x.pem"], "--keyfile needs --certfile."),
        (["-p", "0", "--trace", "/nowhere/x/y"], "the trace file cannot be written"),
        (["-p", "0", "--redis", "http://x"], "the URL of Redis begins with redis://"),
        (["-p", "0", "--redis", "redis://127.0.0.1:1"], "Redis at 127.0.0.1:1"),
        (["-p", "0", "--redis", "redis://h/0?retries=3"], "the option 'retries'; leave it out"),
        (["-p", "0", "--redis", "redis://:p/w@h"], "write the password's '/'"),
        (["-p", "0", "--client-endpoint", "no-url"], "ClientEndpoint"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(arguments: list[str], says: str) -> None:
    code, out, err = run_funcjson("signalr", "start", *arguments)

    assert code == 1, (out, err)
    assert says in err
    assert "Traceback" not in err


def test_it_stops_at_once_while_it_waits_for_a_redis_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        process = funcjson("signalr", "start", "-p", "0", "--redis", url)
        try:
            asked, _ = silent.accept()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
        asked.close()

    assert (process.returncode, err) == (0, "")
    assert out == "Stopping.\n"


def test_a_port_in_use_is_told_with_the_remedy(services: list[Service]) -> None:
    services.append(start_service())
    code, _, err = run_funcjson("signalr", "start", "-p", str(services[0].port))

    assert code == 1
    assert f"cannot listen on port {services[0].port}" in err
    assert "--port 0" in err


def test_both_loopback_addresses_are_served(services: list[Service]) -> None:
    services.append(start_service())
    port = services[0].port

    assert request("GET", f"http://127.0.0.1:{port}/api/health").status == 200
    assert request("GET", f"http://[::1]:{port}/api/health").status == 200


def test_ps_shows_who_is_connected(services: list[Service]) -> None:
    services.append(start_service())
    service = services[0]
    where = ("--url", service.url)
    assert run_funcjson("signalr", "ps", *where)[1] == "No connections.\n"
    with client(service, "ann") as driver:
        connection = connect(driver)
        path = f"/api/hubs/chat/groups/g1/connections/{connection}?api-version=2022-06-01"
        assert service.rest(f"PUT {path}").status == 200
        code, out, _ = run_funcjson("signalr", "ps", *where)
        _, as_json, _ = run_funcjson("signalr", "ps", "--json", *where)

    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["HUB", "CONNECTION", "USER", "TRANSPORT", "PROTOCOL", "GROUPS"]
    assert lines[1].split() == ["chat", connection, "ann", "WebSockets", "json", "g1"]
    assert lines[-1] == "hub chat: 1 connection, 1 user, 1 group"
    assert json.loads(as_json)["hubs"]["chat"]["users"] == {"ann": [connection]}


def test_ps_without_a_service_says_so() -> None:
    code, out, err = run_funcjson("signalr", "ps", "--url", f"http://127.0.0.1:{free_port()}")

    assert (code, out) == (1, "")
    assert "no local SignalR service answers" in err
    assert "funcjson signalr start" in err


def test_upstream_init_and_list(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    code, out, _ = run_funcjson("signalr", "upstream", "init", "-o", str(folder))
    assert (code, out) == (0, f"Exported default settings to '{folder / 'settings.json'}'.\n")

    code, out, _ = run_funcjson("signalr", "upstream", "list", "-c", str(folder))
    assert code == 0
    assert out.splitlines()[2].split() == [
        "0",
        "*",
        "*",
        "*",
        "http://localhost:7071/runtime/webhooks/signalr",
    ]


def test_upstream_init_asks_before_it_overwrites(tmp_path: Path) -> None:
    path = settings(tmp_path)
    before = path.read_text()
    code, out, _ = run_funcjson("signalr", "upstream", "init", "-o", str(tmp_path))
    assert code == 0
    assert out.startswith(f"Already contains '{path}'")
    assert path.read_text() == before

    run_funcjson("signalr", "upstream", "init", "-o", str(tmp_path), "--yes")
    assert path.read_text() != before


def test_upstream_list_shows_no_function_key(tmp_path: Path) -> None:
    code, out, _ = run_funcjson("signalr", "upstream", "list", "-c", str(settings(tmp_path)))

    assert code == 0
    assert "secret-code" not in out
    assert "chat, b" in out


def test_upstream_list_takes_the_environment(tmp_path: Path) -> None:
    name = "UpstreamSettings__Templates__0__EventPattern"
    config = str(settings(tmp_path))
    _, out, _ = run_funcjson("signalr", "upstream", "list", "-c", config, extra={name: "mine"})

    assert "mine" in out


def test_settings_are_taken_without_a_restart(
    services: list[Service], tmp_path: Path, npm_packages: Path
) -> None:
    functions = Functions(npm_packages)
    try:
        path = settings(tmp_path, free_port())  # nobody listens there
        services.append(start_service(path))
        with client(services[0]) as driver:
            connect(driver)
            assert "Invocation failed, status code 500" in driver.call("echo")["error"]
            functions.settings(tmp_path)
            assert driver.call("echo", 1) == {"event": "result", "value": [1]}
            path.write_text("{ broken")
            assert driver.call("echo", 2) == {"event": "result", "value": [2]}
        assert "the rules before it stay" in services[0].output.text()
        assert "secret-code" not in services[0].output.text()
    finally:
        functions.close()


def test_new_settings_are_told_before_they_are_used(
    services: list[Service], tmp_path: Path
) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"UpstreamSettings":{"Templates":[{"UrlTemplate":"/rel"}]}}')
    services.append(start_service(path))
    output = services[0].output
    output.wait_for("No upstream: .* has a fault")
    assert "Loaded settings" not in output.text()
    settings(tmp_path)

    output.wait_for(r"Loaded settings from '.*settings\.json' \(1 upstream rule\)\.")


def test_without_an_upstream_a_call_is_answered_at_once(services: list[Service]) -> None:
    services.append(start_service())
    with client(services[0]) as driver:
        connect(driver)
        said = driver.call("hello")["error"]

    assert "no upstream is configured for hub 'chat', category 'messages', event 'hello'" in said


def test_the_trace_is_json_lines(services: list[Service], tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    services.append(start_service(None, "--trace", str(file)))
    service = services[0]
    with client(service, "ann") as driver:
        connect(driver)
        service.send("/users/ann", "hello")
        driver.messages(1)
    followed = request("GET", f"http://127.0.0.1:{service.port}/_lss/trace")
    assert service.stop() == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]

    assert [line["eventName"] for line in lines[:2]] == ["ConnectionConnected", "MessageSent"]
    assert lines[0]["userId"] == "ann"
    assert lines[0]["transport"] == "WebSockets"
    assert lines[0]["ip"] in ("127.0.0.1", "::1")
    assert followed.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in followed.text.splitlines()][:2] == lines[:2]


def test_the_log_tells_of_sends_that_nobody_got(services: list[Service]) -> None:
    services.append(start_service())
    services[0].send("")

    services[0].output.wait_for(
        r"WARNING: hub chat: Sent message 'newMessage' to everybody: 0 connections\. "
        r"\(hub 'chat' has 0 connections\)"
    )


def test_verbose_shows_clients_and_sends(services: list[Service]) -> None:
    services.append(start_service(None, "--verbose"))
    service = services[0]
    with client(service, "ann") as driver:
        connection = connect(driver)
        service.send("/users/ann", "hello")
        driver.messages(1)
    about = rf"INFO: hub chat, connection {connection}, user 'ann', WebSockets"

    service.output.wait_for(f"{about}: Connection started")
    service.output.wait_for(
        r"INFO: hub chat: Sent message 'newMessage' to user 'ann': 1 connection\."
    )
    service.output.wait_for(f"{about}: Connection ended")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate and its key in one file."""
    path = tmp_path / "both.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)
    subprocess.run(
        [need("openssl"), *made, "-keyout", str(path), "-out", str(tmp_path / "cert.pem")],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path


def test_https(services: list[Service], certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services.append(start_service(None, "--certfile", str(certificate)))
    service = services[0]
    assert service.url.startswith("https://")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(certificate.parent / "cert.pem"))
    with client(service) as driver:
        connection = connect(driver)
        code, out, err = run_funcjson("signalr", "ps", "--json", "--url", service.url)

    assert code == 0, err
    found: dict[str, Any] = json.loads(out)["hubs"]["chat"]["connections"][0]
    assert found["id"] == connection


def test_help_names_every_command() -> None:
    code, out, _ = run_funcjson("signalr", "-h")

    assert code == 0
    assert all(word in out for word in ("start", "upstream", "ps"))
    assert run_funcjson("signalr")[0] == 2
    assert run_funcjson("signalr", "upstream")[0] == 2
