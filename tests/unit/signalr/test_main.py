"""The command line: what it understands, and its exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.signalr import __main__ as command_line
from funcjson.signalr.commands import ps, start, upstream
from funcjson.signalr.options import EMULATOR_KEY

main = command_line.main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `start` was called with."""
    calls: list[Any] = []
    monkeypatch.setattr(start, "start", lambda options, environment: calls.append(options) or 0)
    monkeypatch.setattr(start, "configure_log", lambda *, verbose: None)
    return calls


def test_the_defaults_are_those_of_the_official_emulator(started: list[Any]) -> None:
    assert main(["start"]) == 0

    (options,) = started
    service = options.service
    assert (service.host, service.port, service.keys) == ("localhost", 8888, (EMULATOR_KEY,))
    assert (service.forward_streams, service.detailed_errors) == (False, False)
    assert (service.audience, service.tier, service.limits) == ("local", "off", True)
    assert service.cors_origins == ("*",)
    assert (options.config, options.trace, options.redis) == ("", "", "")


def test_every_option_arrives(started: list[Any]) -> None:
    given = (
        "start -p 0 -i 0.0.0.0 --key A --key B -c x --client-endpoint http://pc:1/ --certfile c "
        "--keyfile k --tier free --no-limits --strict-versions --strict-delivery --forward-streams --detailed-errors "
        "--close-allows-reconnect --accept-entra "
        "--audience strict --trace - "
        "--redis redis://h --cors http://a,http://b --keep-alive 1 --client-timeout 30 --show-key"
    )
    assert main(given.split()) == 0

    (options,) = started
    service = options.service
    assert (service.host, service.port, service.keys) == ("0.0.0.0", 0, ("A", "B"))
    assert (service.client_endpoint, service.certfile, service.keyfile) == ("http://pc:1", "c", "k")
    assert (service.tier, service.limits, service.strict_delivery) == ("free", False, True)
    assert service.accept_entra and service.strict_versions
    assert service.rest_close_allows_reconnect
    assert (service.forward_streams, service.detailed_errors) == (True, True)
    assert (service.audience, service.cors_origins) == ("strict", ("http://a", "http://b"))
    assert (service.keep_alive_s, service.client_timeout_s) == (1.0, 30.0)
    assert options == start.StartOptions(service, "x", True, "-", "redis://h")


def test_key_and_port_may_come_from_the_functions_setting(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"Endpoint=http://localhost;Port=9999;AccessKey={'k' * 44};Version=1.0;"
    monkeypatch.setenv("AzureSignalRConnectionString", text)
    main(["start"])
    main(["start", "-p", "1", "--key", "A"])

    assert [(each.service.port, each.service.keys) for each in started] == [
        (9999, ("k" * 44,)),
        (1, ("A",)),
    ]


@pytest.mark.parametrize("option", ["--ip", "--host", "-i"])
def test_the_address_has_the_emulators_name_and_ours(option: str, started: list[Any]) -> None:
    assert main(["start", option, "127.0.0.2"]) == 0
    assert started[0].service.host == "127.0.0.2"


def test_a_port_that_is_no_number(started: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "-p", "x"]) == 1
    assert capsys.readouterr().err == "Invalid port value: x\n"
    assert started == []


def test_without_a_command_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "start" in capsys.readouterr().out
    assert main(["upstream"]) == 2
    assert "init" in capsys.readouterr().out


def test_wrong_usage_ends_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["start", "--tier", "huge"])
    assert caught.value.code == 2


def test_the_other_commands_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(ps, "ps", lambda url, *, as_json: calls.append((url, as_json)) or 0)
    monkeypatch.setattr(
        upstream, "init", lambda folder, *, overwrite: calls.append((folder, overwrite)) or 0
    )
    monkeypatch.setattr(upstream, "show", lambda config, _environment: calls.append(config) or 0)
    for line in ("ps --json", "ps --url http://h:1", "upstream init -o d -y", "upstream list -c s"):
        assert main(line.split()) == 0

    assert calls == [("http://localhost:8888", True), ("http://h:1", False), ("d", True), "s"]


def test_a_reader_that_has_gone_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(ps, "ps", gone)
    monkeypatch.setattr("sys.stderr", type("Closed", (), {"close": lambda self: None})())

    assert main(["ps"]) == 0
