"""The sample of a custom handler: compiled as its README says, it negotiates and broadcasts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import need, run_and_check
from tests.e2e.processes import ROOT, ChatClient, RunningHost, run_funcjson, start_host, wait_gone

SAMPLE = "sample_functions/custom-handler-c"
README = (ROOT / "sample_functions/README.md").read_text(encoding="utf-8")


def copy(into: Path) -> Path:
    app = into / SAMPLE
    shutil.copytree(ROOT / SAMPLE, app, ignore=shutil.ignore_patterns("handler"))
    return app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample, compiled by the command of the README."""
    need("cc")
    scratch = tmp_path_factory.mktemp("custom")
    made = copy(scratch)
    command = re.search(rf"`(cc .*?{SAMPLE}.*?) && ", README)
    assert command is not None
    subprocess.run(command[1].split(), cwd=scratch, check=True, timeout=60)
    return made


@pytest.fixture(scope="module")
def host(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    yield from run_and_check(start_host(app, tmp_path_factory.mktemp("run")))


def test_a_client_that_negotiated_gets_what_is_broadcast(host: RunningHost) -> None:
    client = ChatClient((sys.executable, "pysignalr_client.py"), f"{host.host}/api", "ann")
    try:
        client.connected()
        answer = host.call("POST", "/api/broadcast", {"text": 'é "quoted" \\ ☕\n'}, "ann")

        assert answer.status == 202, (answer, host.output.text())
        assert client.next_message() == {"text": 'é "quoted" \\ ☕\n'}
        host.output.wait_for("told everybody, in")
    finally:
        client.stop()


def test_negotiate_without_a_user_fails_before_the_handler(host: RunningHost) -> None:
    assert host.call("POST", "/api/negotiate").status == 500
    info = host.call("POST", "/api/negotiate", user="ann").json()
    assert info["url"] == f"{host.service}/client/?hub=chat"


@pytest.mark.parametrize("body", ["plain text", "[1]", '{"text": ', '{"text": 1} more', ""])
def test_what_is_no_message_gets_the_handlers_own_answer(host: RunningHost, body: str) -> None:
    answer = host.call("POST", "/api/broadcast", body)

    assert answer.status == 400
    assert answer.text.startswith("post an object")


def test_a_handler_that_is_not_compiled_is_named_and_its_functions_answer_500(
    tmp_path: Path,
) -> None:
    for host in run_and_check(start_host(copy(tmp_path), tmp_path)):
        host.output.wait_for(r"error\[FJ0522\].*'handler' was not found")
        host.output.wait_for("build it from handler.c")
        assert host.call("POST", "/api/broadcast", {"text": "x"}).status == 500


def test_the_handler_does_not_outlive_a_host_that_was_killed(app: Path, tmp_path: Path) -> None:
    host = start_host(app, tmp_path)
    try:
        processes = host.processes()
        assert len(processes) == 2
        os.kill(host.process.pid, signal.SIGKILL)
        host.process.wait(10)

        assert wait_gone(processes, 5.0) == []
    finally:
        host.kill()


def test_a_handler_that_is_built_while_the_host_runs_is_live(tmp_path: Path) -> None:
    app = copy(tmp_path)
    for host in run_and_check(start_host(app, tmp_path)):
        assert host.call("POST", "/api/broadcast", "x").status == 500
        built = tmp_path / "handler"
        subprocess.run([need("cc"), "-o", built, app / "handler.c"], check=True, timeout=60)
        built.replace(app / "handler")
        host.output.wait_for("Reloaded in")

        assert host.call("POST", "/api/broadcast", "x").status == 400


def test_the_sample_has_no_problem_to_report() -> None:
    code, out, _ = run_funcjson("validate", str(ROOT / SAMPLE))

    assert code == 0, out
    assert "0 errors" in out
