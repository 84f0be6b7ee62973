"""`funcjson start` and `validate` as a user meets them: bad input, busy ports, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.conftest import SAMPLES, copy_sample, run_and_check
from tests.e2e.processes import (
    SECRET,
    ChatClient,
    RunningHost,
    funcjson,
    request,
    run_funcjson,
    start_host,
    wait_gone,
)

TRIGGER = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
ANSWER = {"type": "http", "direction": "out", "name": "$return"}
HELLO = "def main(req):\n    return 'hello'\n"
STUCK = """import threading

def main(req):
    print("stuck now", flush=True)
    threading.Event().wait()
"""
SHOW = """import logging, os

def main(req):
    logging.info(os.environ["AzureSignalRConnectionString"])
    return "shown"
"""


def write_app(root: Path, functions: dict[str, tuple[str, str]]) -> Path:
    """An app of Python functions: name -> (function.json, handler)."""
    root.mkdir()
    (root / "host.json").write_text('{"version": "2.0"}')
    for name, (document, handler) in functions.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(document)
        (root / name / "__init__.py").write_text(handler)
    return root


def document(*bindings: object) -> str:
    return json.dumps({"bindings": [TRIGGER, ANSWER, *bindings]}, indent=2)


SOUND = (document(), HELLO)


TICK = json.dumps(
    {
        "bindings": [
            {
                "type": "timerTrigger",
                "direction": "in",
                "name": "timer",
                "schedule": "0 0 0 1 1 *",
                "runOnStartup": True,
            }
        ]
    }
)


def test_a_timer_that_runs_at_the_start_runs_after_the_listing(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", {"tick": (TICK, "def main(timer):\n    print('ticked')\n")})
    process = funcjson("start", str(app), "--port", "0", "--service-port", "0")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Executed 'Functions.tick'" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    listed = next(at for at, line in enumerate(lines) if "Ctrl-C stops it." in line)
    began = next(at for at, line in enumerate(lines) if "Executing 'Functions.tick'" in line)
    assert listed < began
    assert any("ticked" in line for line in lines[began:])


def test_ctrl_c_before_the_host_runs_ends_as_one_after_it(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", {"hello": SOUND})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    process = funcjson("start", str(app), "--port", str(port), "--service-port", "0")
    # It listens before it has loaded the most of itself.
    listens = False
    while not listens:
        assert process.poll() is None
        with socket.socket() as caller:
            listens = caller.connect_ex(("127.0.0.1", port)) == 0
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)

    assert (process.returncode, error) == (0, "")


def test_with_json_every_line_of_the_output_is_an_object(tmp_path: Path) -> None:
    app = write_app(
        tmp_path / "app",
        {"hello": (document(), HELLO), "broken": (document(), "def main(req:\n")},
    )
    ready = tmp_path / "ready.json"
    process = funcjson(
        "start", str(app), "--port", "0", "--service-port", "0", "--log-format", "json",
        "--ready-file", str(ready),
    )  # fmt: skip
    assert process.stdout is not None
    rows = []
    for line in process.stdout:
        rows.append(json.loads(line))
        if rows[-1]["message"] == "Host started":
            break
    assert request("GET", f"{rows[-1]['host']}/api/hello").text == "hello"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    rest = [json.loads(line) for line in out.splitlines()]

    assert rows[-1]["functions"] == ["broken", "hello"]
    (problem,) = [row for row in rows if row.get("code") == "FJ0513"]
    assert (problem["level"], problem["function"]) == ("error", "broken")
    assert any("Executed 'Functions.hello'" in row["message"] for row in rest)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    code, _, err = run_funcjson("start", str(tmp_path / "nowhere"), "--port", "0")

    assert code == 1
    assert "nowhere" in err
    assert "error[FJ01" in err
    assert "Traceback" not in err


def test_an_app_whose_packages_cannot_be_had_is_started_without_them(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", {"hello": SOUND})
    package = {"dependencies": {"gone": "file:../nowhere.tgz"}}
    (app / "package.json").write_text(json.dumps(package))

    for host in run_and_check(start_host(app, tmp_path, "--install")):
        assert "error[FJ0520] installing package.json failed" in host.output.text()
        assert "the app is started without" in host.output.text()
        assert host.call("GET", "/api/hello").text == "hello"


def test_a_folder_without_any_function_is_refused(tmp_path: Path) -> None:
    code, _, err = run_funcjson("start", str(tmp_path), "--port", "0", "--service-port", "0")

    assert code == 1
    assert "error[FJ01" in err
    assert "function.json" in err


def test_a_broken_host_json_is_refused_with_its_place(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", {"hello": SOUND})
    (app / "host.json").write_text('{\n  "version": "2.0",\n  "extensions": {,}\n}\n')

    code, _, err = run_funcjson("start", str(app), "--port", "0", "--service-port", "0")

    assert code == 1
    assert "host.json:3:" in err


@pytest.mark.parametrize("option", ["--port", "--service-port"])
def test_a_busy_port_is_named_with_a_way_out(tmp_path: Path, option: str) -> None:
    output = {"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"}
    handler = "def main(req, messages):\n    return 'hello'\n"
    app = write_app(tmp_path / "app", {"hello": (document(output), handler)})
    other = "--service-port" if option == "--port" else "--port"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = run_funcjson("start", str(app), option, port, other, "0")

    assert code == 1
    assert port in err
    assert option in err
    assert "Traceback" not in err


def test_one_broken_function_leaves_the_others_working(tmp_path: Path) -> None:
    functions = {
        "hello": SOUND,
        "unreadable": ('{"bindings": [', HELLO),
        "unimportable": (document(), "import no_such_module_anywhere\n"),
        "raises": (document(), "def main(req):\n    raise ValueError('no luck')\n"),
    }
    app = write_app(tmp_path / "app", functions)

    for host in run_and_check(start_host(app, tmp_path)):
        assert host.call("GET", "/api/hello").text == "hello"
        assert host.call("GET", "/api/raises").status == 500
        assert host.call("GET", "/api/unreadable").status == 404
        host.output.wait_for("unreadable/function.json:1:")
        host.output.wait_for("no_such_module_anywhere")
        host.output.wait_for("no luck")


def test_bindings_that_cannot_work_fail_alone_and_name_their_place(tmp_path: Path) -> None:
    info = {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"}
    output = {"type": "signalR", "direction": "out", "name": "out", "hubName": "chat"}
    echo = "def main(req, info):\n    return info\n"
    shape = "def main(req, out):\n    out.set('{\"target\": 1, \"arguments\": 2}')\n    return ''\n"
    functions = {
        "hello": SOUND,
        "works": (document(info), echo),
        "malformed": (document({**info, "connectionStringSetting": "Malformed"}), echo),
        "setting": (document({**info, "userId": "%NoSuchSetting%"}), echo),
        "shape": (document(output), shape),
        "nohandler": (json.dumps({"scriptFile": "gone.py", "bindings": [TRIGGER, ANSWER]}), ""),
    }
    app = write_app(tmp_path / "app", functions)
    setting = {"Malformed": "Endpoint=http//x;AccessKey=never-shown-0123456789"}

    for host in run_and_check(start_host(app, tmp_path, extra=setting)):
        for name in ("malformed", "setting", "shape"):
            answer = host.call("GET", f"/api/{name}")
            assert (answer.status, answer.text) == (500, ""), name
        assert host.call("GET", "/api/hello").text == "hello"
        assert "accessToken" in host.call("GET", "/api/works").json()
        for name in ("malformed", "setting", "shape", "nohandler"):
            host.output.wait_for(f"{name}/function.json:")
        host.output.wait_for("'Malformed'")
        host.output.wait_for("NoSuchSetting")
        assert "never-shown" not in host.output.text()


def test_a_change_is_served_at_once_and_a_broken_one_is_not_taken(tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", {"hello": SOUND})
    for host in run_and_check(start_host(app, tmp_path)):
        (app / "hello/__init__.py").write_text("def main(req):\n    return 'changed'\n")
        host.output.wait_for("Reloaded in")
        assert host.call("GET", "/api/hello").text == "changed"

        (app / "hello/__init__.py").write_text("def main(req:\n")
        host.output.wait_for("The change was not taken")
        assert host.call("GET", "/api/hello").text == "changed"


def test_clients_stay_connected_while_the_app_is_reloaded(
    tmp_path: Path, npm_packages: Path
) -> None:
    app = copy_sample("chat-python", tmp_path, npm_packages)
    for host in run_and_check(start_host(app, tmp_path)):
        ann = ChatClient(("node", "node_client.mjs"), f"{host.host}/api", "ann")
        try:
            ann.connected()
            handler = app / "messages/__init__.py"
            handler.write_text(handler.read_text().replace('"everyone"', '"all of you"'))
            host.output.wait_for("Reloaded in")
            assert host.call("POST", "/api/messages", {"text": "hi"}, "bob").status == 202

            assert ann.next_message() == {"sender": "bob", "text": "hi", "to": "all of you"}
        finally:
            ann.stop()


def test_validate_prints_every_problem_with_its_place(tmp_path: Path) -> None:
    info = {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubname": 1}
    functions = {
        "hello": SOUND,
        "unreadable": ('{"bindings": [', HELLO),
        "two": (document(info, {**TRIGGER, "name": "again"}), HELLO),
    }
    app = write_app(tmp_path / "app", functions)

    code, out, err = run_funcjson("validate", str(app))

    assert code == 1
    assert "unreadable/function.json:1:" in out + err
    assert "two/function.json:" in out + err
    assert "hello/function.json" not in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("name", SAMPLES)
def test_validate_says_of_the_samples_only_that_they_need_a_login(
    tmp_path: Path, npm_packages: Path, name: str
) -> None:
    code, out, _ = run_funcjson("validate", str(copy_sample(name, tmp_path, npm_packages)))

    assert code == 0, out
    assert re.findall(r"^\w+\[\w+\] .*", out, re.MULTILINE) == [
        "warning[FJ0324] {headers.x-ms-client-principal-id} is there only for signed-in users"
    ]
    assert "negotiate/function.json:20:17" in out


def ctrl_c_in_a_terminal(host: RunningHost) -> None:
    # A terminal sends the signal to all processes of the group, the workers too.
    os.killpg(host.process.pid, signal.SIGINT)


def interrupt_the_host(host: RunningHost) -> None:
    host.process.send_signal(signal.SIGINT)


def terminate_the_host(host: RunningHost) -> None:
    host.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("stop", [ctrl_c_in_a_terminal, interrupt_the_host, terminate_the_host])
def test_stopping_ends_every_process_at_once(
    tmp_path: Path, npm_packages: Path, name: str, stop: Callable[[RunningHost], None]
) -> None:
    host = start_host(copy_sample(name, tmp_path, npm_packages), tmp_path)
    try:
        assert host.call("GET", "/api/index").status == 200
        started = host.processes()
        stop(host)
        code = host.ended()

        assert code == 0, host.output.text()
        assert wait_gone(started, 2.0) == []
        assert host.processes() == []
        assert "Traceback" not in host.output.text()
    finally:
        host.kill()


@pytest.mark.parametrize("name", SAMPLES)
def test_workers_do_not_outlive_a_host_that_was_killed(
    tmp_path: Path, npm_packages: Path, name: str
) -> None:
    host = start_host(copy_sample(name, tmp_path, npm_packages), tmp_path)
    try:
        assert host.call("GET", "/api/index").status == 200
        started = host.processes()
        assert len(started) > 1, "the handlers run in a process of their own"
        os.kill(host.process.pid, signal.SIGKILL)
        host.process.wait(10)

        assert wait_gone(started, 5.0) == []
    finally:
        host.kill()


def test_a_request_that_runs_when_the_host_stops_does_not_hold_it(tmp_path: Path) -> None:
    host = start_host(write_app(tmp_path / "app", {"stuck": (document(), STUCK)}), tmp_path)
    try:
        with socket.create_connection(("127.0.0.1", int(host.host.rpartition(":")[2]))) as caller:
            caller.sendall(b"GET /api/stuck HTTP/1.1\r\nHost: localhost\r\n\r\n")
            host.output.wait_for("stuck now")
            started = host.processes()
            host.process.send_signal(signal.SIGINT)

            assert wait_gone(started, 3.0) == []
        assert host.ended() == 0
    finally:
        host.kill()


def test_keys_and_tokens_in_use_are_never_printed(tmp_path: Path, npm_packages: Path) -> None:
    # It names a place on this machine where nothing listens: the local service listens there.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    key = "0123456789-a-key-that-nobody-may-ever-see-0123456789"
    text = f"Endpoint=http://127.0.0.1:{port};AccessKey={key};Version=1.0;"
    app = copy_sample("chat-python", tmp_path, npm_packages)
    (app / "show").mkdir()
    (app / "show/function.json").write_text(document())
    (app / "show/__init__.py").write_text(SHOW)

    setting = {"AzureSignalRConnectionString": text}
    host = start_host(app, tmp_path, extra=setting, any_service_port=False)
    try:
        assert host.service.endswith(f":{port}")
        info = host.call("POST", "/api/negotiate", user="ann").json()
        negotiate = info["url"].replace("/client/?", "/client/negotiate?")
        bearer = {"authorization": f"Bearer {info['accessToken']}"}
        assert request("POST", negotiate, headers=bearer).status == 200
        assert request("POST", f"{negotiate}&access_token={info['accessToken']}x").status == 401
        assert host.call("POST", "/api/messages", {"text": "hi"}, "ann").status == 202
        assert host.call("GET", "/api/show").text == "shown"
        assert host.stop() == 0
    finally:
        host.kill()
    output = host.output.text() + json.dumps(dict(host.ready))

    assert key not in output
    assert info["accessToken"] not in output
    assert info["accessToken"].split(".")[2] not in output
    assert SECRET.search(output) is None


def test_the_banner_names_every_function_its_url_and_its_methods(sample: RunningHost) -> None:
    sample.output.wait_for("Ctrl-C stops it")
    output = sample.output.text()

    assert sample.host in output
    assert sample.service in output
    for name, methods in {"negotiate": "GET,POST", "messages": "POST", "index": "GET"}.items():
        line = rf"^ *{name} +\[{methods}\] {re.escape(sample.host)}/api/{name}$"
        assert re.search(line, output, re.MULTILINE), output
