"""`--install`: into the app's own folders, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.errors import WorkerStartError
from funcjson.install import install, venv_python


def local_package(folder: Path) -> Path:
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "own", "version": "1.0.0"}), "utf-8")
    return folder


def test_npm_packages_go_into_the_apps_node_modules(tmp_path: Path) -> None:
    own = local_package(tmp_path / "own")
    app = tmp_path / "app"
    app.mkdir()
    (app / "package.json").write_text(json.dumps({"dependencies": {"own": f"file:{own}"}}), "utf-8")

    install(app)

    assert (app / "node_modules" / "own" / "package.json").is_file()


def test_what_was_installed_is_not_installed_again(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {}}), "utf-8")
    install(tmp_path)
    marks = list((tmp_path / "node_modules").glob(".funcjson-*"))
    before = [mark.stat().st_mtime_ns for mark in marks]

    install(tmp_path)

    assert marks
    assert [mark.stat().st_mtime_ns for mark in marks] == before


def test_requirements_go_into_the_apps_own_environment(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# nothing to install\n", "utf-8")

    install(tmp_path)

    assert venv_python(tmp_path).exists()


def test_a_failure_says_which_file_and_the_command(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{ not json", "utf-8")

    with pytest.raises(WorkerStartError) as caught:
        install(tmp_path)

    problem = caught.value.problems[0]
    assert "package.json" in problem.what
    assert "npm install" in problem.fix


def test_an_app_that_declares_nothing_is_left_as_it_is(tmp_path: Path) -> None:
    install(tmp_path)

    assert list(tmp_path.iterdir()) == []
