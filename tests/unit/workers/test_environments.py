"""Environments of apps as people have them: whole, moved, of another system, of another version."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from funcjson.workers.environments import (
    broken_environment,
    find_python,
    packages_for,
    pip_command,
    place_for_new,
    runs,
    unfit_problem,
    venv_python,
)

THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"


def environment(root: Path, name: str = ".venv", python: str = "bin/python") -> Path:
    """An environment of an app; its interpreter is the one that runs this."""
    folder = root / name
    path = folder / python
    path.parent.mkdir(parents=True)
    path.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text(f"version = {THIS}.1\n", "utf-8")
    return folder


def script(file: Path, text: str) -> Path:
    """An interpreter that is a shell script."""
    file.unlink()
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("name", [".venv", "venv", "env"])
def test_the_apps_virtual_environment_is_used(tmp_path: Path, name: str) -> None:
    assert find_python(tmp_path) == Path(sys.executable)
    folder = environment(tmp_path, name)

    assert find_python(tmp_path) == folder / "bin/python" == venv_python(folder)
    assert broken_environment(tmp_path) is None


def test_a_folder_that_only_is_called_env_is_no_environment(tmp_path: Path) -> None:
    environment(tmp_path, "env").joinpath("pyvenv.cfg").unlink()

    assert find_python(tmp_path) == Path(sys.executable)


def test_an_environment_of_windows_is_passed_over_and_left_alone(tmp_path: Path) -> None:
    folder = environment(tmp_path, python="Scripts/python.exe")
    broken = broken_environment(tmp_path)

    assert find_python(tmp_path) == Path(sys.executable)
    assert broken is not None
    assert (broken.folder, "another system" in broken.why) == (folder, True)
    # Who uses the folder on Windows, too, goes on with it.
    assert place_for_new(tmp_path) == tmp_path / "venv"


def test_an_environment_that_lost_its_python_is_a_place_for_a_new_one(tmp_path: Path) -> None:
    folder = environment(tmp_path)
    (folder / "bin/python").unlink()
    broken = broken_environment(tmp_path)

    assert broken is not None
    assert "missing or leads nowhere" in broken.why
    assert place_for_new(tmp_path) == folder


def test_what_is_no_environment_is_no_place_for_one(tmp_path: Path) -> None:
    (tmp_path / ".venv").write_text("a file", "utf-8")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/own.txt").touch()
    (tmp_path / "env").mkdir()
    third = place_for_new(tmp_path)
    (tmp_path / "env/own.txt").touch()

    assert third == tmp_path / "env"
    assert place_for_new(tmp_path) is None
    assert broken_environment(tmp_path) is None


def test_a_sound_python_is_fit(tmp_path: Path) -> None:
    python = environment(tmp_path) / "bin/python"

    assert runs(python) == ""
    assert unfit_problem(tmp_path, python) is None


def test_a_python_that_cannot_be_run_is_told_with_the_reason(tmp_path: Path) -> None:
    python = environment(tmp_path) / "bin/python"
    python.unlink()
    python.write_bytes(b"MZ of another system")
    python.chmod(0o755)
    problem = unfit_problem(tmp_path, python)

    assert runs(python) == "Exec format error"
    assert problem is not None
    assert problem.what == "the Python of the app's .venv cannot be run here"
    assert "Exec format error" in problem.why
    assert problem.fix == f"remove {tmp_path / '.venv'} and start with --install"


def test_a_python_that_is_too_old_is_told_with_its_version(tmp_path: Path) -> None:
    python = script(environment(tmp_path) / "bin/python", "echo 3.8")
    problem = unfit_problem(tmp_path, python)

    assert problem is not None
    assert problem.what == "the Python of the app's .venv is too old for funcjson"
    assert problem.why == "it is Python 3.8, and handlers need 3.9 or newer"


def test_a_python_of_nobody_is_told_by_its_path(tmp_path: Path) -> None:
    problem = unfit_problem(tmp_path, Path("/nonexistent/bin/python"))

    assert problem is not None
    assert problem.what == "the Python of /nonexistent/bin/python cannot be run here"
    assert problem.fix == "name another Python"


def test_packages_of_the_same_version_are_for_this_process(tmp_path: Path) -> None:
    assert packages_for(tmp_path) is None
    folder = environment(tmp_path)

    assert packages_for(tmp_path) == folder / f"lib/python{THIS}/site-packages"


@pytest.mark.parametrize("line", ["version = 3.8.10", "version_info = 3.8.10"])
def test_packages_of_another_version_are_refused(tmp_path: Path, line: str) -> None:
    (environment(tmp_path) / "pyvenv.cfg").write_text(line, "utf-8")

    with pytest.raises(OSError, match=r"\.venv is for Python 3\.8"):
        packages_for(tmp_path)


def test_how_packages_are_installed_by_hand(tmp_path: Path) -> None:
    folder = environment(tmp_path)
    python = folder / "bin/python"
    assert pip_command(python) == f"{python} -m pip install"
    (folder / "pyvenv.cfg").write_text("uv = 0.9.1\n", "utf-8")

    assert pip_command(python) == f"uv pip install --python {python}"
