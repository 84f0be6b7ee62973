"""The Python environment of an app: which one it has, whether it can run here, and where a new one goes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from funcjson.errors import Problem

NAMES = (".venv", "venv", "env")
# What `python_worker/` runs on.
OLDEST = (3, 9)
_UNIX, _WINDOWS = "bin/python", "Scripts/python.exe"
_PYTHON, _FOREIGN = (_WINDOWS, _UNIX) if os.name == "nt" else (_UNIX, _WINDOWS)
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", re.MULTILINE)
_MADE_BY_UV = re.compile(r"^uv\s*=", re.MULTILINE)
_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def find_python(app_root: Path) -> Path:
    """The app's own Python: its `.venv` (or `venv`, `env`), else the one that runs funcjson."""
    for folder in _environments(app_root):
        if (folder / _PYTHON).exists():
            return folder / _PYTHON
    return Path(sys.executable)


def is_own(app_root: Path, python: Path) -> bool:
    """Whether a Python is one of the app's environments."""
    return python.is_relative_to(app_root)


class Broken(NamedTuple):
    """An environment that is passed over, since it has no interpreter for this system."""

    folder: Path
    why: str


def broken_environment(app_root: Path) -> Broken | None:
    """The environment that the app would have if it could run here; None when another one is used."""
    if is_own(app_root, find_python(app_root)):
        return None
    return next((Broken(one, _why_broken(one)) for one in _environments(app_root)), None)


def place_for_new(app_root: Path) -> Path | None:
    """Where an environment can be made: in place of one that has lost its Python, never of one that another system uses."""
    lost = (one for one in _environments(app_root) if not (one / _FOREIGN).exists())
    free = (folder for name in NAMES if _is_free(folder := app_root / name))
    return next(chain(lost, free), None)


def venv_python(folder: Path) -> Path:
    """Where the interpreter of an environment is, whether or not it exists."""
    return folder / _PYTHON


def runs(python: Path) -> str:
    """Why an interpreter cannot be run here; "" when it can."""
    return _ask(python)[1]


def unfit_problem(app_root: Path, python: Path) -> Problem | None:
    """Why handlers cannot be run by a Python, when that is its own fault."""
    version, error = _ask(python)
    own = is_own(app_root, python)
    what = f"the app's {python.relative_to(app_root).parts[0]}" if own else str(python)
    folder = python.parents[1]
    anew = f"remove {folder} and start with --install" if own else "name another Python"
    if error:
        return Problem(
            "FJ0510",
            f"the Python of {what} cannot be run here",
            why=f"{python}: {error}; environments do not survive a move to another machine or system",
            fix=anew,
        )
    if version < OLDEST:
        return Problem(
            "FJ0510",
            f"the Python of {what} is too old for funcjson",
            why=f"it is Python {_dotted(version)}, and handlers need {_dotted(OLDEST)} or newer",
            fix=anew,
        )
    return None


def packages_for(app_root: Path) -> Path | None:
    """The app's packages for use in this very process; None when there are none of its own. Raises OSError.

    The error is for packages of another version of Python.
    """
    python = find_python(app_root)
    folder = python.parents[1]
    if not is_own(app_root, python) or folder.resolve() == Path(sys.prefix).resolve():
        return None
    version = environment_version(folder)
    if version is not None and version != sys.version_info[:2]:
        raise OSError(f"{folder} is for Python {_dotted(version)}")
    lib = "Lib" if os.name == "nt" else f"lib/python{_dotted(sys.version_info[:2])}"
    return folder / lib / "site-packages"


def environment_version(folder: Path) -> tuple[int, int] | None:
    """The version of Python that an environment is for, by its own file."""
    found = _VERSION.search(_configuration(folder))
    return (int(found[1]), int(found[2])) if found is not None else None


def pip_command(python: Path) -> str:
    """What a person types to install packages for a Python."""
    if _MADE_BY_UV.search(_configuration(python.parents[1])):
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"


def _environments(app_root: Path) -> list[Path]:
    folders = (app_root / name for name in NAMES)
    return [folder for folder in folders if (folder / "pyvenv.cfg").is_file()]


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _why_broken(folder: Path) -> str:
    if (folder / _FOREIGN).exists():
        return f"it was made on another system: it has {_FOREIGN} and no {_PYTHON}"
    return f"its {_PYTHON} is missing or leads nowhere"


def _configuration(folder: Path) -> str:
    try:
        return (folder / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        return ""


def _ask(python: Path) -> tuple[tuple[int, int], str]:
    """The version of a Python, or why it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603 - the app's Python
            [str(python), "-c", _ASK], capture_output=True, text=True, check=False, timeout=10
        )
        major, _, minor = done.stdout.strip().partition(".")
        return (int(major), int(minor)), ""
    except OSError as error:
        return (0, 0), error.strerror or str(error)
    except (subprocess.TimeoutExpired, ValueError):
        return (0, 0), "it does not say its version"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
