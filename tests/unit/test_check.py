"""check: all that can be said of an app without running it."""

from __future__ import annotations

import json
from pathlib import Path

from funcjson.check import validate_app

REQ = {"type": "httpTrigger", "direction": "in", "name": "req"}


def _write(root: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (root / name).write_text(text, encoding="utf-8")


def test_settings_host_functions_and_routes_are_all_checked(tmp_path: Path) -> None:
    items = {"bindings": [{**REQ, "route": "items"}]}
    _write(
        tmp_path,
        {
            "host.json": {"version": "2.0", "color": "red"},
            "local.settings.json": {"IsEncrypted": False, "Values": {"A": {"b": "c"}}},
            "a/function.json": items,
            "a/__init__.py": "",
            "b/function.json": items,
            "b/__init__.py": "",
            "c/function.json": "{",
        },
    )

    codes = [problem.code for problem in validate_app(tmp_path, {})]

    assert codes == ["FJ0122", "FJ0113", "FJ0101", "FJ0243"]


def test_a_route_problem_is_told_once(tmp_path: Path) -> None:
    document = {"bindings": [{**REQ, "route": "admin/x"}]}
    _write(
        tmp_path,
        {"host.json": {"version": "2.0"}, "a/function.json": document, "a/__init__.py": ""},
    )

    assert [problem.code for problem in validate_app(tmp_path, {})] == ["FJ0241"]


def test_a_code_first_app_is_named_as_such(tmp_path: Path) -> None:
    _write(tmp_path, {"host.json": {"version": "2.0"}, "function_app.py": ""})

    assert [problem.code for problem in validate_app(tmp_path, {})] == ["FJ0150"]


def test_a_folder_that_does_not_exist_is_one_problem(tmp_path: Path) -> None:
    assert [problem.code for problem in validate_app(tmp_path / "none", {})] == ["FJ0131"]
