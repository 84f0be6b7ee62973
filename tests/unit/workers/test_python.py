"""Which Python runs an app's handlers, and what is said when it lacks `azure.functions`."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.model import Language
from funcjson.workers.python import PROGRAM, missing_library, python_program


def test_an_environment_without_an_interpreter_is_named(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / "gone")
    answer = {"type": "ModuleNotFoundError", "message": "No module named 'azure'"}

    problem = python_program(tmp_path, {}).explain({"op": "failed", **answer})

    assert problem is not None
    assert problem.what == "the app's .venv has no Python that runs here"
    assert "bin/python is missing or leads nowhere" in problem.why
    assert "--install" in problem.fix


def test_the_program_runs_by_path_in_the_app(tmp_path: Path) -> None:
    program = python_program(tmp_path, {"A": "1"}, Path("/usr/bin/python3"))

    assert program.language is Language.PYTHON
    assert program.command == ["/usr/bin/python3", str(PROGRAM)]
    assert program.environment == {"A": "1"}
    assert PROGRAM.is_file()


@pytest.mark.parametrize("name", ["azure", "azure.functions"])
def test_a_missing_library_says_how_to_install_it(name: str) -> None:
    answer = {"type": "ModuleNotFoundError", "message": f"No module named '{name}'"}
    problem = missing_library(answer, Path("/app/.venv/bin/python"))

    assert problem is not None
    assert problem.code == "FJ0511"
    assert "--install" in problem.fix
    assert "/app/.venv/bin/python -m pip install azure-functions" in problem.fix


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "ModuleNotFoundError", "message": "No module named 'werkzeug'"},
        {"type": "ImportError", "message": "No module named 'azure'"},
    ],
)
def test_other_failures_are_left_as_they_are(answer: dict[str, str]) -> None:
    assert missing_library(answer, Path("python")) is None


def test_an_environment_made_by_uv_is_filled_by_uv(tmp_path: Path) -> None:
    python = tmp_path / "bin/python"
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.9.1\n", "utf-8")
    answer = {"type": "ModuleNotFoundError", "message": "No module named 'azure'"}
    problem = missing_library(answer, python)

    assert problem is not None
    assert f"uv pip install --python {python} azure-functions" in problem.fix
