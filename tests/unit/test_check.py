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


def test_values_of_settings_that_count_for_nothing_are_told(tmp_path: Path) -> None:
    values = {
        "FUNCTIONS_WORKER_PROCESS_COUNT": "0",
        "AzureWebJobs.nope.Disabled": "true",
        "AzureWebJobs.broken.Disabled": "true",
        "AzureWebJobs.f.Disabled": "true",
    }
    _write(
        tmp_path,
        {
            "host.json": {"version": "2.0"},
            "local.settings.json": {"IsEncrypted": False, "Values": values},
            "f/function.json": {"bindings": [REQ]},
            "f/__init__.py": "",
            "broken/function.json": "{",
        },
    )

    found = [problem for problem in validate_app(tmp_path, {}) if problem.code == "FJ0178"]

    assert [problem.what for problem in found] == [
        "FUNCTIONS_WORKER_PROCESS_COUNT is '0'",
        "'AzureWebJobs.nope.Disabled' disables nothing",
    ]


def test_functions_that_are_known_only_when_they_run_may_be_disabled(tmp_path: Path) -> None:
    values = {"AzureWebJobs.f.Disabled": "true"}
    _write(
        tmp_path,
        {
            "host.json": {"version": "2.0"},
            "local.settings.json": {"IsEncrypted": False, "Values": values},
            "function_app.py": "",
        },
    )

    assert [problem.code for problem in validate_app(tmp_path, {})] == ["FJ0150"]


def test_a_folder_that_does_not_exist_is_one_problem(tmp_path: Path) -> None:
    assert [problem.code for problem in validate_app(tmp_path / "none", {})] == ["FJ0131"]
