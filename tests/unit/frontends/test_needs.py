"""What an app needs beside what it brings along, seen from its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.frontends import Needs, needs_of
from funcjson.registry import open_registry
from funcjson.settings import load_settings

DOCUMENT = json.dumps({"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]})
BUILT = json.dumps(
    {"bindings": json.loads(DOCUMENT)["bindings"], "scriptFile": "../dist/f/index.js"}
)


def needs(root: Path, *names: str, main: str = "", document: str = DOCUMENT) -> Needs:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(document if file.name == "function.json" else "")
    if main:
        (root / "package.json").write_text(json.dumps({"main": main}))
    return needs_of(root, open_registry(()), load_settings(root, {}))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("f/function.json", "f/__init__.py"), Needs(library=True)),
        (("function_app.py",), Needs(library=True)),
        (("f/function.json", "f/index.js"), Needs()),
        (("f/function.json", "f/index.ts"), Needs(compiler=True)),
        (("f/function.json", "f/index.js", "g/function.json", "g/main.py"), Needs(library=True)),
        (("README.md",), Needs()),
    ],
)
def test_the_handlers_say_what_is_needed(
    tmp_path: Path, names: tuple[str, ...], wanted: Needs
) -> None:
    assert needs(tmp_path, *names) == wanted


@pytest.mark.parametrize("built", [True, False])
def test_a_handler_that_was_built_needs_no_compiler(tmp_path: Path, built: bool) -> None:
    names = ["f/function.json", "f/index.ts", *(["dist/f/index.js"] if built else [])]

    assert needs(tmp_path, *names, document=BUILT) == Needs(compiler=not built)


@pytest.mark.parametrize(
    "main",
    [
        "dist/src/functions/*.js",
        "dist/src/{index,functions/*}.js",
        "./dist/src/functions/a.js",
        "dist/src/functions/*.cjs",
    ],
)
@pytest.mark.parametrize("built", [True, False])
def test_code_that_was_built_needs_no_compiler(tmp_path: Path, main: str, built: bool) -> None:
    suffix = main.rpartition(".")[2]
    names = ["src/functions/a.ts", *([f"dist/src/functions/a.{suffix}"] if built else [])]

    assert needs(tmp_path, *names, main=main) == Needs(compiler=not built)


def test_code_in_typescript_needs_a_compiler(tmp_path: Path) -> None:
    assert needs(tmp_path, "src/a.ts", main="src/*.ts") == Needs(compiler=True)
