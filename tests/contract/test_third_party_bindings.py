"""Binding types of other distributions, as real wheels: one joins by its entry point, a broken one harms only its users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[2] / "runtime"

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.2.3"

[project.entry-points."funcjson.bindings"]
{type} = "{module}:BINDING"

[tool.hatch.build.targets.wheel]
include = ["{module}.py"]
"""

# What an author of a binding writes: a file, a schema, an entry point.
GREETING = '''
"""greeting: an input that greets somebody."""

from funcjson.bindings.base import InputType

SCHEMA = """{
  "type": "object",
  "required": ["who"],
  "properties": {
    "name": {"type": "string"},
    "type": {"type": "string"},
    "direction": {"enum": ["in"]},
    "who": {"type": "string", "description": "whom to greet; may hold expressions"}
  }
}"""


async def bind(resolved, services):
    return {"string": f"Hello, {resolved.values['who']}!"}


BINDING = InputType("greeting", SCHEMA, bind, frozenset({"who"}))
'''
BROKEN = "raise RuntimeError('made for another version')\n"

HTTP = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
ANSWER = {"type": "http", "direction": "out", "name": "$return"}
HANDLER = "import azure.functions as func\n\n\ndef main(req: func.HttpRequest, text: str) -> str:\n    return text\n"


def build(folder: Path, name: str, type_name: str, source: str) -> Path:
    """A wheel of one module, made by pip and hatchling, without a network."""
    module = name.replace("-", "_")
    project = folder / name
    project.mkdir()
    text = PROJECT.format(name=name, type=type_name, module=module)
    (project / "pyproject.toml").write_text(text, "utf-8")
    (project / f"{module}.py").write_text(source, "utf-8")
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(project))
    (wheel,) = folder.glob(f"{module}-*.whl")
    return wheel


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both wheels installed, as `pip install` leaves it."""
    folder = tmp_path_factory.mktemp("wheels")
    target = folder / "site"
    for wheel in (
        build(folder, "acme-greeting", "greeting", GREETING),
        build(folder, "acme-broken", "brokenThing", BROKEN),
    ):
        pip("install", "--no-index", "--no-deps", "--quiet", "--target", str(target), str(wheel))
    return target


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Three functions: one uses the sound type, one the broken one, one neither."""
    root = tmp_path / "app"
    greeting = {"type": "greeting", "direction": "in", "name": "text", "who": "{query.who}"}
    broken = {"type": "brokenThing", "direction": "in", "name": "text"}
    functions: dict[str, list[Mapping[str, Any]]] = {
        "greet": [HTTP, ANSWER, greeting],
        "broken": [HTTP, ANSWER, broken],
        "plain": [HTTP, ANSWER],
    }
    root.mkdir()
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    for name, bindings in functions.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(json.dumps({"bindings": bindings}), "utf-8")
        (root / name / "__init__.py").write_text(HANDLER, "utf-8")
    return root


def funcjson(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": f"{RUNTIME}{os.pathsep}{site}"}
    return subprocess.run(
        [sys.executable, "-m", "funcjson", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        env=environ,
    )


def test_only_the_function_that_uses_the_broken_type_is_in_error(site: Path, app: Path) -> None:
    done = funcjson(site, "validate", str(app), "--json")

    errors = [one for one in json.loads(done.stdout) if one["severity"] == "error"]
    assert done.returncode == 1
    assert {one["function"] for one in errors} == {"broken"}
    assert errors[0]["code"] == "FJ0601"
    assert "acme-broken 1.2.3" in errors[0]["what"]
    assert "made for another version" in errors[0]["why"]


def test_its_own_schema_is_used_and_its_expressions_are_resolved(site: Path, app: Path) -> None:
    asked = ("explain", "request", "GET", "/api/greet?who=Ann", "--app", str(app), "--json")
    done = funcjson(site, *asked)

    steps = json.loads(done.stdout)["steps"]
    (text,) = [one for one in steps[4]["inputs"] if one["name"] == "text"]
    assert text["value"] == "Hello, Ann!"


def test_a_mistake_against_its_schema_is_found(site: Path, app: Path) -> None:
    document = app / "greet" / "function.json"
    document.write_text(document.read_text("utf-8").replace('"who"', '"whom"'), "utf-8")

    done = funcjson(site, "validate", str(app), "--json")

    found = [one for one in json.loads(done.stdout) if one["function"] == "greet"]
    assert "FJ0202" in [one["code"] for one in found]


def test_it_stands_in_the_composed_schema_when_all_are_sound(
    site: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sound = tmp_path_factory.mktemp("sound") / "site"
    (wheel,) = site.parent.glob("acme_greeting-*.whl")
    pip("install", "--no-index", "--no-deps", "--quiet", "--target", str(sound), str(wheel))

    done = funcjson(sound, "schema")

    assert "greeting" in json.loads(done.stdout)["definitions"]


def test_the_schema_command_names_the_broken_distribution(site: Path) -> None:
    done = funcjson(site, "schema")

    assert done.returncode == 1
    assert "FJ0601" in done.stderr
    assert "acme-broken 1.2.3" in done.stderr
