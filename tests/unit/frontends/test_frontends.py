"""frontends: which model an app has, and what is said of apps without functions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funcjson.errors import AppLoadError
from funcjson.frontends import AppModel, Model, choose_model, function_from_document, read_app
from funcjson.model import FunctionSet, Language
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.validation import Rules

REQ = {"type": "httpTrigger", "direction": "IN", "name": "req", "authLevel": "ANONYMOUS"}
DOCUMENT = json.dumps({"bindings": [REQ]})
FOLDER = {"f/function.json": DOCUMENT, "f/__init__.py": ""}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _choose(root: Path, files: dict[str, str], **environment: str) -> AppModel:
    _write(root, files)
    return choose_model(root, load_settings(root, environment))


def _read(root: Path, files: dict[str, str]) -> FunctionSet:
    _write(root, files)
    return read_app(root, open_registry(()), load_settings(root, {}))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (FOLDER, AppModel(Model.FOLDERS)),
        ({"function_app.py": ""}, AppModel(Model.PYTHON_V2, "function_app.py")),
        (
            {"package.json": '{"main": "src/{index,functions/*}.js"}'},
            AppModel(Model.NODE_V4, "src/{index,functions/*}.js"),
        ),
        ({"package.json": '{"name": "x"}'}, AppModel(Model.EMPTY)),
        ({"package.json": "{"}, AppModel(Model.EMPTY)),
        ({}, AppModel(Model.EMPTY)),
        # In seven real apps of folders `main` is a set-up script or a file that does not exist.
        (FOLDER | {"package.json": '{"main": "setup.js"}'}, AppModel(Model.FOLDERS)),
        (FOLDER | {"function_app.py": ""}, AppModel(Model.FOLDERS)),
    ],
)
def test_the_model_of_an_app(tmp_path: Path, files: dict[str, str], expected: AppModel) -> None:
    assert _choose(tmp_path, files) == expected


def test_the_python_file_can_have_another_name(tmp_path: Path) -> None:
    chosen = _choose(tmp_path, {"app.py": ""}, PYTHON_SCRIPT_FILE_NAME="app.py")

    assert chosen == AppModel(Model.PYTHON_V2, "app.py")


def test_no_folder_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, what in (("none", "there is no folder"), ("file", "is a file, not a folder")):
        with pytest.raises(AppLoadError) as caught:
            choose_model(tmp_path / name, load_settings(tmp_path, {}))

        assert what in caught.value.problems[0].what


def test_a_code_first_app_has_no_functions_yet_and_no_complaint(tmp_path: Path) -> None:
    assert _read(tmp_path, {"function_app.py": ""}) == FunctionSet((), ())


@pytest.mark.parametrize(
    ("files", "fix"),
    [
        ({}, "make a folder for each function"),
        ({"function.json": DOCUMENT}, "start the app in the folder above"),
        ({"functions_app.py": ""}, "rename functions_app.py to function_app.py"),
        ({"package.json": '{"main": 1}'}, 'write "main": "src/functions/*.js"'),
        ({"api/host.json": "{}", "web/x": ""}, "start the app in api, which has a host.json"),
    ],
)
def test_an_app_without_functions_gets_advice(
    tmp_path: Path, files: dict[str, str], fix: str
) -> None:
    problem = _read(tmp_path, files).problems[-1]

    assert problem.code == "FJ0132"
    assert fix in problem.fix


def test_a_package_json_that_cannot_be_read_is_told_instead(tmp_path: Path) -> None:
    found = _read(tmp_path, {"package.json": '{"main": "i.js",}', "i.js": "app.http()"})

    assert [(p.code, str(p.where)) for p in found.problems] == [("FJ0101", "package.json:1:16")]


@pytest.mark.parametrize(("script", "codes"), [("index.js", ["FJ0101"]), ("__init__.py", [])])
def test_functions_of_folders_go_on_and_those_of_javascript_need_package_json(
    tmp_path: Path, script: str, codes: list[str]
) -> None:
    files = {"package.json": "{", "f/function.json": DOCUMENT, f"f/{script}": ""}
    found = _read(tmp_path, files)

    assert [function.name for function in found.functions] == ["f"]
    assert [problem.code for problem in found.problems] == codes


def test_folders_beside_code_are_told(tmp_path: Path) -> None:
    found = _read(tmp_path, FOLDER | {"function_app.py": ""})

    assert [function.name for function in found.functions] == ["f"]
    assert [problem.code for problem in found.problems] == ["FJ0147"]


def test_two_functions_for_one_event_cannot_live_together(tmp_path: Path) -> None:
    trigger = {
        "type": "signalRTrigger",
        "direction": "in",
        "name": "call",
        "hubName": "chat",
        "category": "messages",
        "event": "send",
    }
    document = json.dumps({"bindings": [trigger]})
    files = {"a/function.json": document, "a/__init__.py": ""}
    files |= {"b/function.json": document.replace("chat", "CHAT"), "b/__init__.py": ""}

    found = _read(tmp_path, files)

    assert [function.name for function in found.functions] == ["a"]
    assert [(p.function, p.code) for p in found.problems] == [("b", "FJ0329")]


def test_a_document_from_code_goes_through_the_same_validation(tmp_path: Path) -> None:
    rules = Rules(open_registry(()), load_settings(tmp_path, {}))

    def make(document: dict[str, object]) -> tuple[object, tuple[object, ...]]:
        return function_from_document(
            "hello",
            document,
            root=tmp_path,
            language=Language.PYTHON,
            script_file="function_app.py",
            rules=rules,
            line=12,
            entry_point="hello",
        )

    function, problems = make({"bindings": [REQ]})
    assert problems == ()
    assert function is not None
    assert function.code_first  # type: ignore[attr-defined]
    assert function.trigger.properties["authLevel"] == "anonymous"  # type: ignore[attr-defined]

    function, problems = make(
        {"bindings": [REQ, {"type": "http", "name": "my_res", "direction": "OUT"}]}
    )
    assert function is None
    assert str(problems[0].where) == "function_app.py:12:1  /bindings/1/name"  # type: ignore[attr-defined]
