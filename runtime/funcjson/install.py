"""`--install`: an app's own requirements.txt and package.json into its own .venv and node_modules."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from funcjson.errors import Location, Problem, WorkerStartError

log = logging.getLogger("funcjson.host")


def install(app_root: Path) -> None:
    """Install what the app declares, unless the same files were installed before. Raises WorkerStartError."""
    requirements = app_root / "requirements.txt"
    if requirements.is_file() and not _is_done(app_root / ".venv", requirements):
        _install_python(app_root, requirements)
    package = app_root / "package.json"
    if package.is_file() and not _is_done(app_root / "node_modules", package):
        _install_node(app_root, package)


def venv_python(app_root: Path) -> Path:
    """Where the interpreter of the app's virtual environment is, whether or not it exists."""
    windows = app_root / ".venv" / "Scripts" / "python.exe"
    return windows if os.name == "nt" else app_root / ".venv" / "bin" / "python"


def _install_python(app_root: Path, requirements: Path) -> None:
    python = venv_python(app_root)
    log.info("Installing %s into %s", requirements.name, app_root / ".venv")
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(app_root / ".venv")], requirements)
    _run(
        [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            str(requirements),
        ],
        requirements,
    )
    _mark(app_root / ".venv", requirements)


def _install_node(app_root: Path, package: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise WorkerStartError(
            Problem(
                "FJ0520",
                "npm was not found, so package.json cannot be installed",
                Location(str(package)),
                "the app's packages come from npm, which is part of Node.js",
                "install Node.js 20 or newer, so that `npm` is on PATH",
            )
        )
    log.info("Installing %s into %s", package.name, app_root / "node_modules")
    _run([npm, "install", "--no-audit", "--no-fund", "--loglevel=error"], package)
    _mark(app_root / "node_modules", package)


def _run(command: list[str], source: Path) -> None:
    done = subprocess.run(  # noqa: S603 - the user asked to install the app's own packages
        command, cwd=source.parent, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise WorkerStartError(
            Problem(
                "FJ0520",
                f"installing {source.name} failed with exit code {done.returncode}",
                Location(str(source)),
                tail,
                f"run it by hand in {source.parent}: {' '.join(command)}",
            )
        )


def _stamp(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def _is_done(target: Path, source: Path) -> bool:
    mark = target / f".funcjson-{source.name}.sha256"
    return mark.is_file() and mark.read_text("utf-8") == _stamp(source)


def _mark(target: Path, source: Path) -> None:
    target.mkdir(exist_ok=True)
    (target / f".funcjson-{source.name}.sha256").write_text(_stamp(source), "utf-8")
