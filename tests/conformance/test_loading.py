"""Documents and whole apps, by their vectors: what loads, what is refused, in the host's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.check import validate_app
from funcjson.errors import Problem, Severity
from funcjson.frontends import read_app
from funcjson.frontends.code_first import CodePlaces
from funcjson.model import FunctionSet
from funcjson.plan import make_plan
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.validation import Document, Rules, validate

VECTORS = Path(__file__).parent / "vectors"


def vectors(name: str) -> list[Any]:
    rows = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(row, id=row["title"]) for row in rows]


def _errors(problems: tuple[Problem, ...]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


@pytest.mark.parametrize("vector", vectors("function_json"))
def test_function_json(vector: dict[str, Any], tmp_path: Path) -> None:
    registry = open_registry(installed=())
    settings = load_settings(tmp_path, {})
    body = {"bindings": vector["given"]["bindings"]}
    document = Document("f", body, tmp_path, CodePlaces("f/function.json"), script_file="f/x.py")

    function, problems = validate(document, Rules(registry, settings))

    if "error" in vector:
        assert function is None
        assert any(vector["error"] in (p.azure or "") for p in _errors(problems))
        return
    assert _errors(problems) == []
    assert function is not None
    make_plan(function, registry, settings)
    expected = vector["expect"]
    if "hub" in expected:
        assert function.bindings[1].properties["hubName"] == expected["hub"]
    if "callError" in expected:
        assert any(expected["callError"] in (p.azure or "") for p in problems)


@pytest.mark.parametrize("vector", vectors("load"))
def test_load(vector: dict[str, Any], tmp_path: Path) -> None:
    given = vector["given"]
    for name, text in given["files"].items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    environment = given.get("environment", {})
    found = read_app(tmp_path, open_registry(()), load_settings(tmp_path, environment))
    problems = validate_app(tmp_path, environment)

    if "error" in vector:
        texts = [problem.azure or "" for problem in _errors(problems)]
        assert any(vector["error"] in text for text in texts), texts
    _meets(vector.get("expect", {}), found, problems)


def _meets(expected: dict[str, Any], found: FunctionSet, problems: tuple[Problem, ...]) -> None:
    failed = {problem.function for problem in _errors(problems)}
    sound = [function for function in found.functions if function.name not in failed]
    if "functions" in expected:
        assert [function.name for function in sound] == expected["functions"]
    if "inError" in expected:
        assert sorted(name for name in failed if name) == expected["inError"]
    if "says" in expected:
        assert any(expected["says"] in (problem.azure or "") for problem in problems)
    if "error" in expected:
        assert any(expected["error"] in (problem.azure or "") for problem in problems)
    if "warning" in expected:
        assert any(problem.severity is Severity.WARNING for problem in problems)
    if "scriptFile" in expected:
        assert [function.script_file for function in sound] == [expected["scriptFile"]]
    if "disabled" in expected:
        assert [f.name for f in sound if f.disabled] == expected["disabled"]
