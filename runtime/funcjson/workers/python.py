"""How a Python worker is started: which Python the app has, and what to say without azure.functions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from funcjson.errors import Problem
from funcjson.model import Language
from funcjson.workers.child import WorkerProgram
from funcjson.workers.environments import (
    Broken,
    broken_environment,
    find_python,
    pip_command,
    unfit_problem,
)

PROGRAM = Path(__file__).with_name("python_worker") / "__main__.py"
# Settings of Core Tools: another Python, and arguments such as "-m debugpy --listen 5678".
_PROGRAM_SETTINGS = (
    "languageWorkers__python__defaultExecutablePath",
    "languageWorkers:python:defaultExecutablePath",
)
_ARGUMENTS_SETTINGS = ("languageWorkers__python__arguments", "languageWorkers:python:arguments")


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
        explain=lambda answer: missing_library(answer, chosen, broken_environment(root)),
        unfit=lambda: unfit_problem(root, chosen),
    )


def _first(environment: Mapping[str, str], names: Sequence[str]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def missing_library(
    answer: Mapping[str, Any], python: Path, broken: Broken | None = None
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
            f"the app's {broken.folder.name} has no Python that runs here",
            why=f"{broken.why}, so {python} was tried, which has no package azure-functions; environments "
            "do not survive a move to another machine or folder",
            fix="start with --install, which makes one that runs",
            azure=message,
        )
    return Problem(
        "FJ0511",
        "the app's Python has no module 'azure.functions'",
        why=f"{python} runs the handlers, and they need the package azure-functions",
        fix="start with --install, which gets it (into the app's own environment), or: "
        f"{pip_command(python)} azure-functions; name it in requirements.txt for others",
        azure=message,
    )
