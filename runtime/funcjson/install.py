"""`--install`: what an app declares and its handlers need, into its own environment and node_modules.

Never azure-functions-core-tools, which downloads a host that is not needed here, and packages for
development only where uncompiled TypeScript has to run. What fails is told, and the app is started
all the same: it may do without.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

from funcjson.errors import Location, Problem, WorkerStartError
from funcjson.frontends import Needs
from funcjson.json_source import Source, parse_json
from funcjson.workers.environments import (
    NAMES,
    broken_environment,
    find_python,
    is_own,
    place_for_new,
    runs,
    venv_python,
)

log = logging.getLogger("funcjson.host")

CORE_TOOLS = "azure-functions-core-tools"
LIBRARY = "azure-functions"
_HAS_LIBRARY = "import importlib.util as u, sys; sys.exit(u.find_spec('azure.functions') is None)"
_QUIET_PIP = ("install", "--quiet", "--disable-pip-version-check")
# Nothing is saved: the app's package.json and its lock file stay as they are.
_QUIET_NPM = ("--no-save", "--no-audit", "--no-fund", "--loglevel=error")
# An address that cannot be had is not worth the minutes of npm's patience.
_IMPATIENT = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000")
_NODE_LIBRARY = "@azure/functions"
_KINDS = ("dependencies", "devDependencies", "optionalDependencies")
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
# A lock file names the address of each package, often one that only its author can reach.
_OUT_OF_REACH = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH"
    r"|ERR_SOCKET_TIMEOUT|E40[134]|ssh: |fatal: unable to access)"
)


def install(app_root: Path, needs: Needs) -> tuple[Problem, ...]:
    """Install what is not there yet; gives what failed."""
    problems: list[Problem] = []
    for step in (_requirements, _library, _packages):
        try:
            step(app_root, needs)
        except WorkerStartError as error:
            problems += error.problems
    return tuple(problems)


# -- Python --------------------------------------------------------------------------------------


def _requirements(root: Path, _needs: Needs) -> None:
    file = root / "requirements.txt"
    if not file.is_file():
        return
    python = _environment(root, file)
    folder, stamp = python.parents[1], _stamp(file)
    if _is_done(folder, file, stamp):
        return
    log.info("Installing %s into %s", file.name, folder)
    _run([*_pip(python, file), *_QUIET_PIP, "-r", str(file)], file)
    _mark(folder, file, stamp)


def _library(root: Path, needs: Needs) -> None:
    """Azure brings azure-functions along, so many apps do not name it."""
    if not needs.library or _succeeds([str(find_python(root)), "-c", _HAS_LIBRARY]):
        return
    python = _environment(root, root)
    log.info("Installing %s into %s", LIBRARY, python.parents[1])
    _run([*_pip(python, root), *_QUIET_PIP, LIBRARY], root)


def _environment(root: Path, source: Path) -> Path:
    """The Python of the app's own environment, which is made when there is none."""
    python = find_python(root)
    if is_own(root, python):
        why = runs(python)
        if not why:
            return python
        folder: Path | None = python.parents[1]
        log.warning("%s cannot be run here (%s): %s is made anew", python, why, folder)
    else:
        broken, folder = broken_environment(root), place_for_new(root)
        if broken is not None:
            log.warning("%s is not used: %s; %s is made", broken.folder, broken.why, folder)
    if folder is None:
        raise WorkerStartError(_no_place(root))
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], source)
    return venv_python(folder)


def _pip(python: Path, source: Path) -> list[str]:
    """A pip for a Python. Environments made by uv have none of their own; that of funcjson's Python can stand in."""
    own = [str(python), "-m", "pip"]
    others = [sys.executable, "-m", "pip", "--python", str(python)]
    if not _succeeds([str(python), "-c", "import pip"]):
        if _succeeds([*others, "--version"]):
            return others
        _run([str(python), "-m", "ensurepip"], source)
    return own


# -- JavaScript ----------------------------------------------------------------------------------


def _packages(root: Path, needs: Needs) -> None:
    package = root / "package.json"
    if not package.is_file():
        return
    # `npm uninstall` of one package installs all the others.
    declared = _declared(package)
    has_tools = any(CORE_TOOLS in names for names in declared.values())
    without = ["uninstall", CORE_TOOLS] if has_tools else ["install"]
    # The library stands among the packages for development at times, though v4 code needs it.
    for_development = needs.compiler or _NODE_LIBRARY in declared["devDependencies"]
    arguments = [*without, *_QUIET_NPM, *(() if for_development else ("--omit=dev",))]
    folder, stamp = root / "node_modules", _stamp(package, *arguments)
    if _is_done(folder, package, stamp):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise WorkerStartError(_no_npm(package))
    log.info("Installing %s into %s", package.name, folder)
    command = [npm, *arguments, *_IMPATIENT]
    if any((root / lock).is_file() for lock in _LOCKS):
        _run_npm_with_lock(command, package)
    else:
        _run(command, package)
    _mark(folder, package, stamp)


def _run_npm_with_lock(command: list[str], package: Path) -> None:
    try:
        _run(command, package)
    except WorkerStartError as error:
        if _OUT_OF_REACH.search(error.problems[0].why) is None:
            raise
        log.warning(
            "An address in the app's lock file cannot be had: installing without the lock file, so "
            "versions may be newer than those that it names"
        )
        _run([*command, "--no-package-lock"], package)


def _declared(package: Path) -> dict[str, frozenset[str]]:
    """The names of each kind of dependency. Raises WorkerStartError."""
    source = parse_json(package.read_bytes(), str(package))
    found = source.value or {}  # npm says what is wrong with a file that cannot be read
    for kind in _KINDS:
        if not isinstance(found.get(kind) or {}, dict):
            raise WorkerStartError(_no_names(source, kind))
    return {kind: frozenset(found.get(kind) or ()) for kind in _KINDS}


# -- running -------------------------------------------------------------------------------------


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - the app's Python
    except OSError:
        return False
    return done.returncode == 0


def _run(command: list[str], source: Path) -> None:
    """Run a command in the app. `source` is what it is run for: a file, or the app itself."""
    folder = source if source.is_dir() else source.parent
    try:
        done = subprocess.run(  # noqa: S603 - the user asked to install the app's own packages
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise WorkerStartError(_failed(command, source, folder, "", str(error))) from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        how = f" with exit code {done.returncode}"
        raise WorkerStartError(_failed(command, source, folder, how, tail))


def _failed(command: list[str], source: Path, folder: Path, how: str, why: str) -> Problem:
    return Problem(
        "FJ0520",
        f"installing {LIBRARY if source.is_dir() else source.name} failed{how}: the app is started without",
        Location(str(source)),
        why,
        f"run it by hand in {folder}: {' '.join(command)}",
    )


def _no_place(root: Path) -> Problem:
    return Problem(
        "FJ0520",
        "there is no place for a Python environment: the app is started without",
        Location(str(root)),
        f"{', '.join(NAMES)} are there, and none of them is an environment that this system can use",
        "rename or remove one of them",
    )


def _no_names(source: Source, kind: str) -> Problem:
    return Problem(
        "FJ0520",
        f"package.json cannot be installed, as its '{kind}' is no object: the app is started without",
        source.locate(f"/{kind}"),
        "it says which packages are needed, each with its version",
        f'write "{kind}": {{"NAME": "VERSION"}}, or remove it',
    )


def _no_npm(package: Path) -> Problem:
    return Problem(
        "FJ0520",
        "npm was not found, so package.json cannot be installed: the app is started without",
        Location(str(package)),
        "the app's packages come from npm, which is part of Node.js",
        "install Node.js 20 or newer, so that `npm` is on PATH",
    )


def _stamp(source: Path, *how: str) -> str:
    return hashlib.sha256(source.read_bytes() + "\0".join(how).encode()).hexdigest()


def _is_done(target: Path, source: Path, stamp: str) -> bool:
    mark = target / f".funcjson-{source.name}.sha256"
    return mark.is_file() and mark.read_text("utf-8") == stamp


def _mark(target: Path, source: Path, stamp: str) -> None:
    target.mkdir(exist_ok=True)
    (target / f".funcjson-{source.name}.sha256").write_text(stamp, "utf-8")
