"""folders: what is a function, in which order, and that broken ones stop no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import Severity
from funcjson.frontends.folders import find_functions, load_folders, load_function
from funcjson.model import FunctionSet, Language
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.validation import Rules

DOCUMENT = json.dumps({"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]})


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _rules(root: Path, environment: dict[str, str] | None = None) -> Rules:
    return Rules(open_registry(()), load_settings(root, environment or {}))


def _load(root: Path, files: dict[str, str], **environment: str) -> FunctionSet:
    _write(root, files)
    return load_folders(root, _rules(root, environment))


def _functions(*names: str, handler: str = "__init__.py") -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        found |= {f"{name}/function.json": DOCUMENT, f"{name}/{handler}": ""}
    return found


def _names(found: FunctionSet) -> list[str]:
    return [function.name for function in found.functions]


def _codes(found: FunctionSet) -> list[str]:
    return [problem.code for problem in found.problems]


def test_functions_come_by_name_without_letter_case(tmp_path: Path) -> None:
    assert _names(_load(tmp_path, _functions("beta", "Alpha", "gamma", "Beta2"))) == [
        "Alpha",
        "beta",
        "Beta2",
        "gamma",
    ]


def test_only_direct_folders_with_the_file_are_functions(tmp_path: Path) -> None:
    _write(
        tmp_path, _functions("a", "node_modules/pkg/f", ".hidden") | {"lib/x.py": "", "b.json": ""}
    )

    found = find_functions(tmp_path)

    assert found.functions == ("a",)
    assert found.nearly == ()


@pytest.mark.parametrize("name", ["functions.json", "Function.json", "function.json.txt"])
def test_near_misses_are_told(tmp_path: Path, name: str) -> None:
    _write(tmp_path, {f"a/{name}": DOCUMENT} | _functions("deep/inner", "good"))

    codes = sorted(
        (p.code, p.where.file if p.where else "") for p in find_functions(tmp_path).nearly
    )

    assert codes == [("FJ0133", f"a/{name}"), ("FJ0134", "deep/inner/function.json")]


def test_a_broken_function_stops_no_other(tmp_path: Path) -> None:
    files = _functions("a", "b", "c", "d")
    files |= {"b/function.json": "{", "c/function.json": '{"bindings": []}'}

    found = _load(tmp_path, files)

    assert _names(found) == ["a", "d"]
    assert [(p.function, p.code) for p in found.problems] == [("b", "FJ0101"), ("c", "FJ0201")]


def test_a_document_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    _write(tmp_path, _functions("a"))

    function, (problem,) = load_function(tmp_path, "nothing", _rules(tmp_path))

    assert function is None
    assert (problem.code, problem.function) == ("FJ0120", "nothing")


def test_a_missing_handler_and_a_wrong_document_are_told_together(tmp_path: Path) -> None:
    found = _load(tmp_path, {"a/function.json": '{"bindings": []}'})

    assert _codes(found) == ["FJ0201", "FJ0141"]


def test_liberties_of_the_json_are_told_under_the_function(tmp_path: Path) -> None:
    found = _load(tmp_path, _functions("a") | {"a/function.json": DOCUMENT.replace('"', "'")})

    assert _names(found) == ["a"]
    assert [(p.function, p.code) for p in found.problems] == [("a", "FJ0104")]


def test_languages_live_side_by_side_when_none_is_asked_for(tmp_path: Path) -> None:
    found = _load(tmp_path, _functions("a") | _functions("b", handler="index.js"))

    assert [f.language for f in found.functions] == [Language.PYTHON, Language.NODE]
    assert found.problems == ()


def test_the_language_that_is_asked_for_filters(tmp_path: Path) -> None:
    files = _functions("a") | _functions("b", handler="index.js")

    found = _load(tmp_path, files, FUNCTIONS_WORKER_RUNTIME="Node")

    assert _names(found) == ["b"]
    assert [(p.code, p.function, p.severity) for p in found.problems] == [
        ("FJ0144", "a", Severity.WARNING)
    ]


@pytest.mark.parametrize("runtime", ["node", "dotnet"])
def test_no_function_of_that_language_is_an_error(tmp_path: Path, runtime: str) -> None:
    found = _load(tmp_path, _functions("a"), FUNCTIONS_WORKER_RUNTIME=runtime)

    assert _names(found) == []
    assert [p.azure for p in found.problems] == [
        f"Did not find functions with language [{runtime}]."
    ]


@pytest.mark.parametrize("how", ["setting", "host"])
def test_custom_handlers_need_no_file(tmp_path: Path, how: str) -> None:
    host: dict[str, Any] = {"version": "2.0"}
    environment = {"FUNCTIONS_WORKER_RUNTIME": "custom"} if how == "setting" else {}
    if how == "host":
        host["customHandler"] = {"description": {"defaultExecutablePath": "handler"}}
    files = {"a/function.json": DOCUMENT, "host.json": json.dumps(host)}

    found = _load(tmp_path, files, **environment)

    assert [(f.language, f.script_file) for f in found.functions] == [(Language.CUSTOM, None)]


def test_host_json_names_the_functions_to_load(tmp_path: Path) -> None:
    host = {"version": "2.0", "functions": ["A", "c", "x"]}
    files = _functions("a", "b", "c") | {"host.json": json.dumps(host), "b/function.json": "{"}

    found = _load(tmp_path, files)

    assert _names(found) == ["a", "c"]
    (problem,) = found.problems
    assert problem.what == "host.json names functions that do not exist: x"
    assert problem.azure == (
        "A function allow list has been specified, excluding all but the following functions: "
        "[A, c, x]"
    )
