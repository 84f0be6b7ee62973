"""How a Python worker is started: which Python the app has, and what to say without azure.functions."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from funcjson.errors import Problem
from funcjson.model import Language
from funcjson.workers.child import WorkerProgram

PROGRAM = Path(__file__).with_name("python_worker") / "__main__.py"
_VENVS = (".venv", "venv", "env")
_PYTHONS = ("bin/python", "Scripts/python.exe")
# Settings of Core Tools: another Python, and arguments such as "-m debugpy --listen 5678".
_PROGRAM_SETTINGS = (
    "languageWorkers__python__defaultExecutablePath",
    "languageWorkers:python:defaultExecutablePath",
)
_ARGUMENTS_SETTINGS = ("languageWorkers__python__arguments", "languageWorkers:python:arguments")


def find_python(app_root: Path) -> Path:
    """The app's own Python: its `.venv` (or `venv`, `env`), else the one that runs funcjson."""
    for venv in _VENVS:
        if (app_root / venv / "pyvenv.cfg").is_file():
            for relative in _PYTHONS:
                python = app_root / venv / relative
                if python.exists():
                    return python
    return Path(sys.executable)


def broken_venv(app_root: Path) -> Path | None:
    """An environment of the app whose interpreter is not there: made on another machine, or by a Python that is gone."""
    for venv in _VENVS:
        folder = app_root / venv
        has_python = any((folder / relative).exists() for relative in _PYTHONS)
        if (folder / "pyvenv.cfg").is_file() and not has_python:
            return folder
    return None


def venv_python(app_root: Path, name: str = ".venv") -> Path:
    """Where the interpreter of the app's environment is, whether or not it exists."""
    return app_root / name / _PYTHONS[os.name == "nt"]


def command_line(python: Path, arguments: Sequence[str] = ()) -> list[str]:
    """The command that runs the worker; `arguments` are for Python itself."""
    return [str(python), *arguments, str(PROGRAM)]


def python_program(
    app_root: Path, environment: Mapping[str, str], python: Path | None = None
) -> WorkerProgram:
    """How to start the Python worker of an app. `environment` is the whole one of the process."""
    root = app_root.resolve()
    named = _first(environment, _PROGRAM_SETTINGS)
    chosen = python or (Path(named) if named else find_python(root))
    arguments = shlex.split(_first(environment, _ARGUMENTS_SETTINGS))
    return WorkerProgram(
        Language.PYTHON,
        command_line(chosen, arguments),
        root,
        environment,
        explain=lambda answer: missing_library(answer, chosen, broken_venv(root)),
    )


def _first(environment: Mapping[str, str], names: Sequence[str]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def missing_library(
    answer: Mapping[str, Any], python: Path, broken: Path | None = None
) -> Problem | None:
    """A Problem when the worker did not start because the app's Python has no azure.functions.

    `broken`: an environment of the app that was passed over, since it has no interpreter.
    """
    message = str(answer.get("message") or "")
    if answer.get("type") != "ModuleNotFoundError" or "No module named 'azure" not in message:
        return None
    if broken is not None:
        return Problem(
            "FJ0511",
            f"the app's {broken.name} has no Python that runs",
            why=f"its bin/python is missing or leads nowhere, so {python} was tried, which has no "
            "package azure-functions; environments do not survive a move to another machine or folder",
            fix=f"remove {broken} and start with --install",
            azure=message,
        )
    return Problem(
        "FJ0511",
        "the app's Python has no module 'azure.functions'",
        why=f"{python} runs the handlers, and they need the package azure-functions",
        fix="start with --install, which gets it (into the app's own environment), or: "
        f"{python} -m pip install azure-functions; name it in requirements.txt for others",
        azure=message,
    )
