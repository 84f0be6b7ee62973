"""The settings file: made, found and shown, without its secrets."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from funcjson.signalr.commands.upstream import find_settings, init, rules_table, show
from funcjson.signalr.upstream_settings import UpstreamRule, read_settings


def test_init_writes_rules_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(str(tmp_path / "a" / "b"), overwrite=False) == 0

    path = tmp_path / "a" / "b" / "settings.json"
    assert capsys.readouterr().out == f"Exported default settings to '{path}'.\n"
    (rule,) = read_settings(path.read_text())
    assert rule.url_template == "http://localhost:7071/runtime/webhooks/signalr"


@pytest.mark.parametrize(
    ("typed", "overwrites"), [("y\n", True), ("Y\n", True), ("n\n", False), ("", False)]
)
def test_init_overwrites_only_after_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, overwrites: bool
) -> None:
    path = tmp_path / "settings.json"
    path.write_text("mine")
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert init(str(tmp_path), overwrite=False) == 0

    assert (path.read_text() != "mine") is overwrites


def test_init_says_when_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert init(str(tmp_path / "file" / "x"), overwrite=True) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_settings_are_found_as_file_or_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    monkeypatch.chdir(tmp_path)

    assert find_settings(str(path)) == path
    assert find_settings(str(tmp_path)) == path
    assert find_settings(str(tmp_path / "other")) is None
    assert find_settings("") == path
    path.unlink()
    assert find_settings("") == path, "it need not exist"


def test_show_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{ broken")

    assert show(str(path), {}) == 1
    assert "line 1, column 3: this is not JSON" in capsys.readouterr().err
    assert show(str(tmp_path / "nothing"), {}) == 1
    assert "Unable to find config file" in capsys.readouterr().err


def test_rules_are_listed_without_queries() -> None:
    rules = (
        UpstreamRule("http://h:1/{hub}?code=secret", "chat", None, "a, b"),
        UpstreamRule("https://h/x"),
    )
    lines = rules_table(rules).splitlines()

    assert lines[1].split() == ["0", "chat", "null", "a,", "b", "http://h:1/{hub}?***"]
    assert lines[2].endswith("https://h/x")
    assert "secret" not in rules_table(rules)
    assert rules_table(()).startswith("No upstream")


def test_the_environment_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = {"UrlTemplate": "http://h/x"}
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}))

    assert show(str(path), {"UpstreamSettings__Templates__0__HubPattern": "mine"}) == 0
    assert "mine" in capsys.readouterr().out
