"""package_main: an app of folders runs `main` of package.json only for the hooks it registers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.errors import Severity
from funcjson.frontends.package_main import (
    main_problems,
    package_main,
    package_problems,
    registers_hooks,
)


def _app(root: Path, main: object, files: dict[str, str]) -> Path:
    for name, text in ({"package.json": json.dumps({"main": main})} | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("main", "files", "expected"),
    [
        ("setup.js", {}, False),
        ("setup.js", {"setup.js": "require('./db'); seed()", "db.js": "require('pg')"}, False),
        ("index.js", {"index.js": "require('@azure/functions-core').registerHook()"}, True),
        ("a.js", {"a.js": "import './l/b.mjs'", "l/b.mjs": "export * from '../c.js'"}, False),
        ("a.js", {"a.js": "import './b.mjs'", "b.mjs": "import '@azure/functions'"}, True),
        ("a.js", {"a.js": "require('./b')", "b.js": "require('./a')"}, False),
        ("hooks", {"hooks/index.js": "require('@azure/functions')"}, True),
        ("src/*.js", {}, True),
    ],
)
def test_which_main_is_run(
    tmp_path: Path, main: str, files: dict[str, str], expected: bool
) -> None:
    app = _app(tmp_path, main, files)

    assert registers_hooks(app) is expected
    assert [problem.code for problem in main_problems(app)] == ([] if expected else ["FJ0157"])


def test_a_missing_file_and_a_script_are_told_apart(tmp_path: Path) -> None:
    app = _app(tmp_path, "setup.js", {})
    (missing,) = main_problems(app)
    (app / "setup.js").write_text("seed()")
    (script,) = main_problems(app)

    assert missing.what == "'setup.js', the main of package.json, does not exist"
    assert missing.azure is not None
    assert script.what == "'setup.js', the main of package.json, is not run"


@pytest.mark.parametrize("text", ["{", "[]", '{"main": 5}', '{"main": ""}', "{}"])
def test_a_package_without_main(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)

    assert package_main(tmp_path) is None
    assert main_problems(tmp_path) == ()


def test_a_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('\ufeff{"main": "a.js"}', encoding="utf-8")

    assert package_main(tmp_path) == "a.js"


@pytest.mark.parametrize(
    ("text", "code", "where", "fix"),
    [
        ('{\n  "main": "i.js",\n}', "FJ0101", "package.json:2:17", "remove the comma"),
        ('{"files": ["a" , ]}', "FJ0101", "package.json:1:16", "remove the comma"),
        ('{ // mine\n"main": "i.js"}', "FJ0101", "package.json:1:3", "remove the comment"),
        ("{'main': 'i.js'}", "FJ0101", "package.json:1:2", "double quotes"),
        ('{"main" "i.js"}', "FJ0101", "package.json:1:9", ""),
        ("", "FJ0102", "package.json:1:1", ""),
        ("[]", "FJ0103", "package.json:1:1", '{"main": "src/functions/*.js"}'),
        ("null", "FJ0103", "package.json:1:1", '{"main": "src/functions/*.js"}'),
        ('{"main": 5}', "FJ0132", "package.json:1:10  /main", '"main": "src/functions/*.js"'),
        ('{"main": ["i.js"]}', "FJ0132", "package.json:1:10  /main", '"main": "i.js"'),
    ],
)
def test_what_keeps_main_from_being_known_has_its_place_and_fix(
    tmp_path: Path, text: str, code: str, where: str, fix: str
) -> None:
    (tmp_path / "package.json").write_text(text, encoding="utf-8")

    (problem,) = package_problems(tmp_path)

    assert (problem.code, str(problem.where)) == (code, where)
    assert problem.severity is Severity.ERROR
    assert fix in problem.fix


@pytest.mark.parametrize(
    "text", ['{"main": "i.js"}', "{}", '{"main": null}', '\ufeff{"main": "", "main": "i.js"}']
)
def test_what_npm_reads_is_no_problem(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text, encoding="utf-8")

    assert package_problems(tmp_path) == ()


def test_no_package_json_is_no_problem(tmp_path: Path) -> None:
    assert package_problems(tmp_path) == ()
