"""What `start` refuses, and what it tells a person; it is run for real in the end-to-end tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funcjson.signalr.commands.start import (
    StartOptions,
    from_environment,
    greeting,
    options_fault,
    start,
)
from funcjson.signalr.options import EMULATOR_KEY, ServiceOptions
from funcjson.signalr.server import SignalRServer

OWN_KEY = "k" * 44


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, ""),
        ({"keys": ("é" * 16,)}, ""),
        ({"keys": (OWN_KEY, "k" * 31)}, "The key has 31 bytes"),
        ({"keys": ("k" * 40 + ";",)}, "must not contain ';'"),
        ({"port": 65536}, "Invalid port value: 65536"),
        ({"host": "0.0.0.0"}, ""),
        ({"host": "::1"}, ""),
        ({"host": "my.host"}, "Invalid IP address value: my.host"),
        ({"client_endpoint": "http://pc:8888"}, ""),
        ({"client_endpoint": "pc"}, "ClientEndpoint"),
        ({"keyfile": "x"}, "--keyfile needs --certfile."),
        ({"keep_alive_s": 0.0}, "--keep-alive 0"),
        ({"keep_alive_s": -1.0}, "--keep-alive -1"),
        ({"keep_alive_s": float("nan")}, "--keep-alive nan"),
        ({"keep_alive_s": 0.5, "client_timeout_s": 0.0}, ""),
        ({"client_timeout_s": -5.0}, "--client-timeout -5"),
        ({"client_timeout_s": float("inf")}, "--client-timeout inf"),
        ({"cors_origins": ()}, "--cors needs origins"),
        ({"cors_origins": ("http://ok", "ok.example")}, "write it as http://ok.example."),
        ({"cors_origins": ("http://ok.example/path",)}, "write it as http://ok.example."),
        ({"cors_origins": ("*", "HTTPS://ok.example:443/")}, ""),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], says: str) -> None:
    fault = options_fault(ServiceOptions(**options))

    assert says in fault
    assert bool(fault) is bool(says)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"Endpoint=https://my.service.signalr.net;AccessKey={OWN_KEY};Version=1.0;",
    ],
)
def test_only_a_connection_string_of_this_machine_says_key_and_port(text: str) -> None:
    environment = {"AzureSignalRConnectionString": text}

    assert from_environment(environment) == (EMULATOR_KEY, "8888")


def test_wrong_options_end_with_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(StartOptions(ServiceOptions(port=-1)), {}) == 1
    assert start(StartOptions(ServiceOptions(), config="/nowhere"), {}) == 1
    assert "Unable to find config file" in capsys.readouterr().err


def told(settings: Path, *, show_key: bool = False, rules: int | None = 0, **options: Any) -> str:
    server = SignalRServer(ServiceOptions(**options))
    return "\n".join(greeting(server, settings, rules, show_key=show_key))


def test_the_public_key_is_shown(tmp_path: Path) -> None:
    text = told(tmp_path / "settings.json")

    assert f"  Endpoint=http://localhost:8888;AccessKey={EMULATOR_KEY};Version=1.0;\n" in text
    assert f"  Endpoint=http://localhost;Port=8888;AccessKey={EMULATOR_KEY};Version=1.0;" in text
    assert "No upstream" in text


def test_another_key_is_shown_only_when_asked_for(tmp_path: Path) -> None:
    masked = told(tmp_path, keys=(OWN_KEY,))

    assert OWN_KEY not in masked
    assert "AccessKey=***;" in masked
    assert OWN_KEY in told(tmp_path, keys=(OWN_KEY,), show_key=True)


def test_where_clients_are_told_to_go(tmp_path: Path) -> None:
    assert "ClientEndpoint=http://pc:1;" in told(tmp_path, client_endpoint="http://pc:1")


def test_which_settings_count(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert "2 upstream rules come from environment variables" in told(path, rules=2)
    path.write_text("{}")

    assert f"Loaded settings from '{path}' (2 upstream rules)" in told(path, rules=2)
    assert "(1 upstream rule). Changes" in told(path, rules=1)
    assert "Loaded" not in told(path, rules=None)
    assert "has a fault" in told(path, rules=None)
