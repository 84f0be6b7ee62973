"""Tiny broken apps: the first screen must name the file, the line, the cause and the fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.cli import main
from funcjson.frontends import read_app
from funcjson.registry import open_registry
from funcjson.settings import load_settings

FOLDER = Path(__file__).parent
SCREEN_LINES = 40
SECRET = "SECRETSECRET"


def _mistakes() -> list[Any]:
    return [
        pytest.param(row, id=f"{file.stem}: {row['title']}")
        for file in sorted(FOLDER.glob("*.json"))
        for row in json.loads(file.read_text(encoding="utf-8"))
    ]


def _write(root: Path, files: dict[str, list[str]]) -> None:
    root.mkdir()
    for name, lines in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FUNCTIONS_WORKER_RUNTIME", "AzureSignalRConnectionString", "UserSetting"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("mistake", _mistakes())
def test_the_first_screen_says_it(
    mistake: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "app"
    _write(root, mistake["files"])

    main(["validate", str(root)])

    screen = "\n".join(capsys.readouterr().out.splitlines()[:SCREEN_LINES])
    for expected in mistake["expect"]:
        block = next((b for b in screen.split("\n\n") if f"[{expected['code']}]" in b), screen)
        place = str(root) if expected["file"] == "." else expected["file"]
        assert f"[{expected['code']}]" in block
        assert f"{place}:{expected['line']}:" in block or (
            expected["line"] is None and place in block
        )
        assert expected["cause"] in block
        assert expected["fix"] in "\n".join(block.split("\n  fix ")[1:])
    assert SECRET not in screen


@pytest.mark.parametrize("mistake", _mistakes())
def test_the_other_functions_load(mistake: dict[str, Any], tmp_path: Path) -> None:
    _write(tmp_path / "app", mistake["files"])

    found = read_app(tmp_path / "app", open_registry(()), load_settings(tmp_path / "app", {}))

    if "loads" in mistake:
        assert [function.name for function in found.functions] == mistake["loads"]


def test_there_are_enough_and_none_twice() -> None:
    titles = [param.id for param in _mistakes()]

    assert len(titles) >= 60
    assert len(set(titles)) == len(titles)
