"""The command line: exit codes, and the commands that need no running host."""

from __future__ import annotations

import gc
import json
import socket
from pathlib import Path

import pytest

from funcjson.cli import main


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.fixture
def app(tmp_path: Path) -> Path:
    bindings = [{"type": "httpTrigger", "direction": "in", "name": "req"}]
    write(
        tmp_path,
        host_json='{"version": "2.0"}',
        hello__function_json=json.dumps({"bindings": bindings}),
    )
    (tmp_path / "hello" / "index.js").write_text("module.exports = async () => {};", "utf-8")
    return tmp_path


def test_a_sound_app_validates_with_code_0(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(app)]) == 0
    assert "0 errors" in capsys.readouterr().out


def test_an_error_gives_code_1_and_stable_json(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (app / "hello" / "function.json").write_text("{", "utf-8")

    assert main(["validate", "--json", str(app)]) == 1

    (problem,) = json.loads(capsys.readouterr().out)
    assert sorted(problem) == [
        "azure", "code", "column", "file", "fix", "function", "line", "pointer", "severity", "what", "why",
    ]  # fmt: skip
    assert (problem["file"], problem["function"]) == ("hello/function.json", "hello")


def test_a_folder_that_is_not_there_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(tmp_path / "nowhere")]) == 1
    assert "there is no folder" in "".join(capsys.readouterr())


def test_a_start_on_windows_says_where_it_can_run(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funcjson.start_command.sys.platform", "win32")

    assert main(["start", str(app), "--port", "0"]) == 1
    told = capsys.readouterr()
    assert "FJ0503" in told.err + told.out
    assert "run it in WSL" in told.err + told.out


def test_show_prints_document_and_plan(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(app), "HELLO"]) == 0

    out = capsys.readouterr().out
    assert '"scriptFile": "hello/index.js"' in out
    assert "1 trigger   req: httpTrigger" in out


def test_show_of_an_unknown_function_names_the_others(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(app), "helo"]) == 1
    assert "its functions are: hello" in capsys.readouterr().err


def test_keys_are_made_once_and_listed(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list", str(app)]) == 0
    first = capsys.readouterr().out
    main(["keys", "list", str(app)])

    assert capsys.readouterr().out == first
    assert [line.split()[0] for line in first.splitlines()][:3] == ["opens", "master", "host"]
    assert "function hello" in first
    assert (app / ".funcjson" / "keys.json").stat().st_mode & 0o077 == 0


def test_one_schema_names_every_binding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "signalRConnectionInfo" in json.dumps(json.loads(capsys.readouterr().out))


def test_no_command_prints_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "start" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["abc", "70000", "-1", "1.5", ""])
def test_a_port_that_is_none_is_told_as_such(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["start", f"--port={text}"])

    assert ended.value.code == 2
    assert f"{text} is not a port: it must be from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["start"], ["explain", "request", "GET", "/api/f"]])
@pytest.mark.parametrize("name", ["", "a\nb"])
def test_who_cannot_be_signed_in_is_wrong_usage(
    command: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--as", name])

    assert ended.value.code == 2
    assert "argument --as" in capsys.readouterr().err


def test_ctrl_c_while_the_command_line_is_read_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("funcjson.cli._parser", interrupted)

    assert main(["validate"]) == 130


def test_a_ready_file_that_cannot_be_written_is_told_before_anything_starts(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = app / "no such folder" / "ready.json"

    with pytest.raises(SystemExit) as ended:
        main(["start", str(app), "--port", "0", "--ready-file", str(ready)])

    assert ended.value.code == 2
    assert f"there is no folder {ready.parent}" in capsys.readouterr().err


def test_a_start_that_fails_leaves_the_garbage_collector_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["start", str(tmp_path), "--port", str(port)]) == 1

    assert f"port {port} is in use" in capsys.readouterr().err
    assert gc.isenabled()
