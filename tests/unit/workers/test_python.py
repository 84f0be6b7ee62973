"""Which Python runs an app's handlers, and what is said when it lacks `azure.functions`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from funcjson.model import Language
from funcjson.workers.python import PROGRAM, find_python, missing_library, python_program


def venv(root: Path, name: str, python: str) -> Path:
    path = root / name / python
    path.parent.mkdir(parents=True)
    path.touch()
    (root / name / "pyvenv.cfg").touch()
    return path


def test_an_environment_without_an_interpreter_is_named(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / "gone")
    answer = {"type": "ModuleNotFoundError", "message": "No module named 'azure'"}

    problem = python_program(tmp_path, {}).explain({"op": "failed", **answer})

    assert problem is not None
    assert problem.what == "the app's .venv has no Python that runs"
    assert problem.fix == f"remove {tmp_path / '.venv'} and start with --install"


@pytest.mark.parametrize("name", [".venv", "venv", "env"])
@pytest.mark.parametrize("python", ["bin/python", "Scripts/python.exe"])
def test_the_apps_virtual_environment_is_used(tmp_path: Path, name: str, python: str) -> None:
    assert find_python(tmp_path) == Path(sys.executable)
    expected = venv(tmp_path, name, python)

    assert find_python(tmp_path) == expected


def test_a_folder_that_only_is_called_env_is_no_environment(tmp_path: Path) -> None:
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").touch()

    assert find_python(tmp_path) == Path(sys.executable)


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
