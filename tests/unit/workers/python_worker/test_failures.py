"""A user's exception as data: their text, their frames, their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funcjson.workers.python_worker import failures


def run(path: Path, code: str) -> dict[str, Any]:
    """What becomes of the exception that the code in a file raises."""
    path.write_text(code, encoding="utf-8")
    try:
        exec(compile(code, str(path), "exec"), {})
    except BaseException as error:  # noqa: BLE001
        return failures.describe(error, str(path.parent))
    pytest.fail("nothing was raised")


def test_type_message_and_innermost_place(tmp_path: Path) -> None:
    answer = run(tmp_path / "f.py", "def g():\n  raise ValueError('no')\ng()\n")

    assert (answer["type"], answer["message"]) == ("ValueError", "no")
    assert (answer["file"], answer["line"], answer["column"]) == (str(tmp_path / "f.py"), 2, 3)
    assert "raise ValueError('no')" in answer["stack"]


def test_a_cause_is_told_in_full(tmp_path: Path) -> None:
    answer = run(
        tmp_path / "f.py",
        "try:\n  1 / 0\nexcept ZeroDivisionError as e:\n  raise ValueError('no') from e\n",
    )

    assert "ZeroDivisionError: division by zero" in answer["stack"]
    assert "direct cause" in answer["stack"]


def test_a_context_is_told_unless_it_is_suppressed(tmp_path: Path) -> None:
    code = "try:\n  1 / 0\nexcept ZeroDivisionError:\n  raise ValueError('no'){}\n"

    assert "ZeroDivisionError" in run(tmp_path / "f.py", code.format(""))["stack"]
    assert "ZeroDivisionError:" not in run(tmp_path / "f.py", code.format(" from None"))["stack"]


def test_a_syntax_error_shows_its_line(tmp_path: Path) -> None:
    answer = run(tmp_path / "f.py", "import json\njson.loads('')\n")
    assert answer["type"] == "JSONDecodeError"
    try:
        compile("def f(:\n", str(tmp_path / "f.py"), "exec")
    except SyntaxError as error:
        answer = failures.describe(error, str(tmp_path))

    assert (answer["file"], answer["line"]) == (str(tmp_path / "f.py"), 1)
    assert "^" in answer["stack"]


def test_the_parts_of_an_exception_group_are_told(tmp_path: Path) -> None:
    answer = run(tmp_path / "f.py", "raise ExceptionGroup('all', [ValueError('one')])")

    assert "ValueError: one" in answer["stack"]


def test_an_exception_whose_text_cannot_be_made(tmp_path: Path) -> None:
    code = "class E(Exception):\n  def __str__(self): raise TypeError\nraise E\n"

    assert run(tmp_path / "f.py", code)["message"] == (
        "Unhandled exception in function. Could not serialize original exception message."
    )


def test_our_own_frames_are_left_out() -> None:
    try:
        failures.describe(None)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001
        assert "failures.py" not in failures.describe(error)["stack"]
    assert failures.is_ours(failures.__file__)
    assert failures.is_ours("<frozen importlib._bootstrap>")
    assert not failures.is_ours(__file__)


def test_a_place_in_a_library_inside_the_app_is_not_the_users(tmp_path: Path) -> None:
    library = tmp_path / ".venv" / "site-packages"
    library.mkdir(parents=True)
    path = library / "lib.py"
    code = "raise ValueError"
    try:
        exec(compile(code, str(path), "exec"), {})
    except ValueError as error:
        assert "file" not in failures.describe(error, str(tmp_path))


def test_frames_of_an_import_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "broken_here.py").write_text("import no_such_module_here\n", encoding="utf-8")
    answer = run(
        tmp_path / "f.py",
        f"import importlib, sys\nsys.path.append({str(tmp_path)!r})\n"
        "importlib.import_module('broken_here')\n",
    )

    assert "importlib/__init__.py" not in answer["stack"]
    assert answer["file"] == str(tmp_path / "broken_here.py")


def test_an_error_that_no_code_of_the_user_raised_can_be_given_a_place(tmp_path: Path) -> None:
    def main() -> None: ...

    error = RuntimeError("no")
    failures.at_function(error, main)
    answer = failures.describe(error, str(tmp_path))

    assert answer["type"] == "RuntimeError"
    assert answer["file"] == __file__
    assert answer["line"] == main.__code__.co_firstlineno

    failures.at(error, "/app/f/__init__.py")
    answer = failures.describe(error)
    assert (answer["file"], answer["line"], answer["column"]) == ("/app/f/__init__.py", 1, 1)


def test_a_frameworks_frames_before_the_apps_are_left_out(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    file = tmp_path / "app.py"
    exec(compile("def handle(): raise ValueError('no')", str(file), "exec"), names)
    try:
        names["handle"]()
    except ValueError as error:
        of_app = failures.describe(failures.from_app(error, str(tmp_path)))
        elsewhere = failures.describe(failures.from_app(error, "/elsewhere"))

    assert of_app["stack"].count("File ") == 1
    assert elsewhere == of_app
    try:
        raise KeyError("of a library")
    except KeyError as error:
        assert failures.from_app(error, str(tmp_path)).__traceback__ is error.__traceback__
