"""The command line: what it understands, and its exit codes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from funcjson.signalr.__main__ import main, parser
from funcjson.signalr.commands.start import StartOptions, options_of
from funcjson.signalr.options import EMULATOR_KEY, ServiceOptions


def options(line: str, **environment: str) -> StartOptions:
    return options_of(parser().parse_args(line.split()), environment)


def test_the_defaults_are_those_of_the_official_emulator() -> None:
    assert options("start") == StartOptions(
        ServiceOptions(host="localhost", port=8888, keys=(EMULATOR_KEY,))
    )


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ("-p 0", {"port": 0}),
        ("--port 9", {"port": 9}),
        ("-i 0.0.0.0", {"host": "0.0.0.0"}),
        ("--ip 127.0.0.2", {"host": "127.0.0.2"}),
        ("--host ::1", {"host": "::1"}),
        ("--key A --key B", {"keys": ("A", "B")}),
        ("--client-endpoint http://pc:1/", {"client_endpoint": "http://pc:1"}),
        ("--certfile c --keyfile k", {"certfile": "c", "keyfile": "k"}),
        ("--tier free", {"tier": "free"}),
        ("--no-limits", {"limits": False}),
        ("--strict-versions", {"strict_versions": True}),
        ("--strict-delivery", {"strict_delivery": True}),
        ("--forward-streams", {"forward_streams": True}),
        ("--detailed-errors", {"detailed_errors": True}),
        ("--close-allows-reconnect", {"rest_close_allows_reconnect": True}),
        ("--accept-entra", {"accept_entra": True}),
        ("--audience strict", {"audience": "strict"}),
        ("--cors http://a,http://b", {"cors_origins": ("http://a", "http://b")}),
        ("--keep-alive 1", {"keep_alive_s": 1.0}),
        ("--client-timeout 30", {"client_timeout_s": 30.0}),
    ],
)
def test_every_option_of_the_service_arrives(given: str, changes: dict[str, Any]) -> None:
    assert options(f"start {given}") == StartOptions(ServiceOptions(**changes))


def test_the_options_of_the_command_arrive() -> None:
    assert options("start -c x --show-key --trace - --redis redis://h") == StartOptions(
        ServiceOptions(), config="x", show_key=True, trace="-", redis="redis://h"
    )


def test_key_and_port_may_come_from_the_functions_setting() -> None:
    text = f"Endpoint=http://localhost;Port=9999;AccessKey={'k' * 44};Version=1.0;"

    alone = options("start", AzureSignalRConnectionString=text).service
    assert (alone.port, alone.keys) == (9999, ("k" * 44,))
    given = options("start -p 1 --key A", AzureSignalRConnectionString=text).service
    assert (given.port, given.keys) == (1, ("A",))


def test_a_port_that_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "-p", "x"]) == 1
    assert capsys.readouterr().err == "Invalid port value: x\n"


def test_without_a_command_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "start" in capsys.readouterr().out
    assert main(["upstream"]) == 2
    assert "init" in capsys.readouterr().out


def test_wrong_usage_ends_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["start", "--tier", "huge"])
    assert caught.value.code == 2


def test_ps_asks_where_it_is_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"

        assert main(["ps", "--url", url]) == 1

    assert f"no local SignalR service answers at {url}" in capsys.readouterr().err


def test_upstream_settings_are_made_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upstream", "init", "-o", str(tmp_path)]) == 0
    (tmp_path / "settings.json").write_text("")
    assert main(["upstream", "init", "-o", str(tmp_path), "-y"]) == 0
    assert main(["upstream", "list", "-c", str(tmp_path)]) == 0

    assert "http://localhost:7071/runtime/webhooks/signalr" in capsys.readouterr().out


def test_a_reader_that_has_gone_is_no_fault() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "funcjson.signalr", "token", "http://localhost/client/?hub=chat"],
        stdout=writes,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writes)

    assert (done.returncode, done.stderr) == (0, b"")
