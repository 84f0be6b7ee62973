"""`main` of package.json: what registers v4 functions, and what it means to an app of folders.

npm writes a `main` into every package.json, so in an app of folders it often names a script that is no part of the app (one that
fills a database), or no file at all. The real worker runs it, and no function works when that fails. Here it is run when it, or a
file of the app that it loads, speaks of @azure/functions: then it registers hooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from funcjson.errors import Location, Problem, Severity
from funcjson.frontends.main_files import is_pattern
from funcjson.frontends.scripts import DIRNAME, uncompiled
from funcjson.json_source import Source, parse_json

_LIBRARY = "@azure/functions"
_OWN_MODULE = re.compile(r"""(?:require\(\s*|from\s+|import\s*\(?\s*)["'](\.{1,2}/[^"']+)["']""")
_TYPESCRIPT = re.compile(r"\.[cm]?tsx?$")
_EXAMPLE = "src/functions/*.js"
# What can stand where strict JSON breaks off, and was no error of the tolerant reader.
_TOLERATED = {
    ",": ("a comma stands behind the last value", "remove the comma"),
    "/": ("a comment stands here", "remove the comment"),
    "": (
        "names and texts stand in double quotes",
        "put it in double quotes, without raw line ends",
    ),
}
_UNREADABLE = "Worker failed to load package.json: file content is not valid JSON"
_SUFFIXES = ("", ".js", ".mjs", ".cjs", ".ts", "/index.js", "/index.ts")


def package_main(root: Path) -> str | None:
    """`main` of package.json, None when there is none."""
    try:
        package = json.loads((root / "package.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    main = package.get("main") if isinstance(package, dict) else None
    return main if isinstance(main, str) and main else None


def package_problems(root: Path) -> tuple[Problem, ...]:
    """What keeps `main` from being known: package.json is no JSON as npm and Node.js read it, or its main is no text."""
    file = root / "package.json"
    if not file.is_file():
        return ()
    source = parse_json(file.read_bytes(), "package.json")
    errors = [problem for problem in source.problems if problem.severity is Severity.ERROR]
    if not errors and (strict := _strict_problem(source)) is not None:
        errors = [strict]
    if errors:
        return tuple(replace(problem, azure=_UNREADABLE) for problem in errors)
    main = source.value.get("main")
    return () if main is None or isinstance(main, str) else (_not_a_file(source, main),)


def _strict_problem(source: Source) -> Problem | None:
    """What the readers of the host's own files let pass."""
    text = source.text
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at = error.pos
    else:
        return None
    before = text[:at].rstrip()
    if text[at : at + 1] in ("}", "]") and before.endswith(","):
        at = len(before) - 1
    found, fix = _TOLERATED.get(text[at : at + 1], _TOLERATED[""])
    return Problem(
        "FJ0101",
        f"not valid JSON: {found}",
        source.at(at),
        "npm and Node.js read package.json without any liberty, so none of it counts",
        fix,
    )


def _not_a_file(source: Source, main: Any) -> Problem:
    one = main[0] if isinstance(main, list) and main and isinstance(main[0], str) else ""
    return Problem(
        "FJ0132",
        "no functions were found",
        source.locate("/main"),
        "main of package.json is no text; it names the file that registers the functions, or a pattern for several",
        f'write "main": "{one or _EXAMPLE}"',
        azure="No job functions found.",
    )


def registers_hooks(root: Path) -> bool:
    """Whether the worker of an app of folders has to run `main`."""
    main = package_main(root)
    if main is None:
        return False
    return is_pattern(main) or _speaks_of_library(root, _file_of(root, main))


def main_problems(root: Path) -> tuple[Problem, ...]:
    """A warning when the `main` of an app of folders is not run."""
    main = package_main(root)
    if main is None or registers_hooks(root):
        return ()
    there = _existing(root / _file_of(root, main)) is not None
    return (
        Problem(
            "FJ0157",
            f"'{main}', the main of package.json, is not run"
            if there
            else f"'{main}', the main of package.json, does not exist",
            Location("package.json"),
            why="it registers no hooks, as it does not use @azure/functions; on Azure the worker runs it at each start"
            if there
            else "the functions of this app stand in folders and do not need it; on Azure all of them fail",
            fix='remove "main" from package.json',
            severity=Severity.WARNING,
            azure=None
            if there
            else f'Worker was unable to load entry point "{main}": File does not exist. '
            "Learn more here: https://aka.ms/AAla7et",
        ),
    )


def run_as_it_is(root: Path, scripts: Iterable[str | None]) -> tuple[Problem, ...]:
    """A warning when `main` names a build that is not there; `scripts` are the files that registered the functions."""
    main = package_main(root)
    sources = sorted({file for file in scripts if file and _TYPESCRIPT.search(file)})
    if main is None or not sources or ".ts" in main:
        return ()
    source = parse_json((root / "package.json").read_bytes(), "package.json")
    return (
        Problem(
            "FJ0140",
            f"'{main}', the main of package.json, does not exist: {', '.join(sources)} is run as it is",
            source.locate("/main"),
            why="the app was not compiled; its own typescript compiles it in memory, else a Node.js that strips types runs it "
            f"(22.18 or newer); {DIRNAME}",
            fix="build the app before it goes to Azure, for example with `npm install` and `npm run build`",
            severity=Severity.WARNING,
            azure=f'Worker was unable to load entry point "{main}": File does not exist. '
            "Learn more here: https://aka.ms/AAla7et",
        ),
    )


def _file_of(root: Path, main: str) -> str:
    """The file that is run for `main`: its TypeScript source when it was not compiled."""
    return main if (root / main).is_file() else uncompiled(root, main.removeprefix("./")) or main


def _speaks_of_library(root: Path, main: str) -> bool:
    waiting, seen = [(root / main).resolve()], set[Path]()
    while waiting:
        found = _existing(waiting.pop())
        if found is None or found in seen:
            continue
        seen.add(found)
        text = found.read_text(encoding="utf-8", errors="replace")
        if _LIBRARY in text:
            return True
        waiting += [(found.parent / name).resolve() for name in _OWN_MODULE.findall(text)]
    return False


def _existing(file: Path) -> Path | None:
    candidates = (Path(f"{file}{suffix}") for suffix in _SUFFIXES)
    return next((candidate for candidate in candidates if candidate.is_file()), None)
