"""Front ends: folders, Python v2 decorators, Node v4 registrations; all give the same document."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from funcjson.app_rules import without_conflicts
from funcjson.errors import AppLoadError, Location, Problem, Severity
from funcjson.frontends.code_first import function_from_document, load_indexed
from funcjson.frontends.folders import FILE, find_functions, load_folders
from funcjson.frontends.needs import Needs, needs_of_folders, needs_of_main
from funcjson.frontends.package_main import (
    main_problems,
    package_main,
    package_problems,
    registers_hooks,
    run_as_it_is,
)
from funcjson.model import FunctionSet, Language
from funcjson.registry import Registry
from funcjson.settings import Settings
from funcjson.validation import Rules

__all__ = [
    "AppModel",
    "Model",
    "Needs",
    "Rules",
    "choose_model",
    "function_from_document",
    "load_folders",
    "load_indexed",
    "needs_of",
    "read_app",
    "registers_hooks",
    "run_as_it_is",
    "without_conflicts",
]


class Model(StrEnum):
    """How an app declares its functions."""

    FOLDERS = "folders"
    PYTHON_V2 = "python-v2"
    NODE_V4 = "node-v4"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class AppModel:
    """An app's model. `entry` is the file, or the pattern of files, that registers functions."""

    model: Model
    entry: str | None = None


def choose_model(root: Path, settings: Settings) -> AppModel:
    """Look at a folder. function.json folders come first, as the real host does not mix.

    Raises AppLoadError when the folder is none.
    """
    if not root.is_dir():
        raise AppLoadError(_no_folder(root))
    if find_functions(root).functions:
        return AppModel(Model.FOLDERS)
    script = settings.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    if (root / script).is_file():
        return AppModel(Model.PYTHON_V2, script)
    if main := package_main(root):
        return AppModel(Model.NODE_V4, main)
    return AppModel(Model.EMPTY)


def read_app(root: Path, registry: Registry, settings: Settings) -> FunctionSet:
    """The functions of an app's folders, and what is wrong with them.

    A code-first app gives none here: its worker indexes it, and the index goes through
    `load_indexed`. Raises AppLoadError when the root is no folder.
    """
    chosen = choose_model(root, settings)
    if chosen.model in (Model.PYTHON_V2, Model.NODE_V4):
        return FunctionSet((), registry.problems)
    found = load_folders(root, Rules(registry, settings))
    together = without_conflicts(found.functions, settings)
    problems = (*registry.problems, *found.problems, *together.problems)
    if chosen.model is Model.EMPTY:
        problems = (*problems, *(package_problems(root) or (_no_functions(root),)))
    elif (root / "function_app.py").is_file():
        problems = (*problems, _mixed("function_app.py"))
    if any(function.language is Language.NODE for function in found.functions):
        problems = (*problems, *package_problems(root), *main_problems(root))
    return FunctionSet(together.functions, problems, found.left_out)


def needs_of(root: Path, registry: Registry, settings: Settings) -> Needs:
    """What the app's handlers need. Raises AppLoadError when the root is no folder."""
    chosen = choose_model(root, settings)
    if chosen.model is Model.PYTHON_V2:
        return Needs(library=True)
    if chosen.model is Model.NODE_V4 and chosen.entry:
        return needs_of_main(root, chosen.entry)
    return needs_of_folders(load_folders(root, Rules(registry, settings)).functions)


def _no_folder(root: Path) -> Problem:
    exists = root.exists()
    return Problem(
        "FJ0131",
        f"{root} is a file, not a folder" if exists else f"there is no folder {root}",
        why="an app is the folder that holds host.json and the functions' folders",
        fix=f"name the folder: {root.parent}" if exists else "correct the path",
    )


def _no_functions(root: Path) -> Problem:
    folders = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    seen = ", ".join(folders[:12])
    fix = "make a folder for each function, with a function.json in it"
    why = f"folders seen: {seen}; none holds a {FILE}" if folders else "the folder has no folders"
    if (root / FILE).is_file():
        why = f"{FILE} stands in the app's own folder, so this is perhaps one function's folder"
        fix = f"start the app in the folder above: {root.parent.name or root.parent}"
    elif app := next((f for f in folders if (root / f / "host.json").is_file()), None):
        fix = f"start the app in {app}, which has a host.json"
    elif near := _nearly_function_app(root):
        why += f"; {near} is nearly function_app.py, which registers functions by code"
        fix = f"rename {near} to function_app.py, or name it in the setting PYTHON_SCRIPT_FILE_NAME"
    elif (root / "package.json").is_file():
        why += "; package.json has no 'main' that registers functions"
    return Problem(
        "FJ0132",
        "no functions were found",
        Location(str(root)),
        why=why,
        fix=fix,
        severity=Severity.ERROR,
        azure="No job functions found.",
    )


def _nearly_function_app(root: Path) -> str | None:
    names = [file.name for file in root.glob("*.py")]
    near = difflib.get_close_matches("function_app.py", names, n=1, cutoff=0.8)
    return near[0] if near else None


def _mixed(entry: str) -> Problem:
    return Problem(
        "FJ0147",
        f"the functions of {entry} are not loaded",
        Location(entry),
        why="the app has function.json folders too, and an app has one model; the real host loads "
        "the code and leaves the folders out",
        fix=f"move the folders or {entry} to an app of their own",
        severity=Severity.WARNING,
        azure="Detected mixed function app. Some functions may not be indexed",
    )
