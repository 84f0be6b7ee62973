"""function.json folders: each direct sub-folder of the app that has the file is a function.

A broken function becomes Problems and stops no other.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from funcjson.errors import Location, Problem, Severity
from funcjson.frontends.scripts import Script, find_script
from funcjson.json_source import Source, parse_json
from funcjson.model import Function, FunctionSet, Language, LeftOut
from funcjson.settings import Settings
from funcjson.validation import Document, Rules, validate

FILE = "function.json"
# Folders that hold no functions of the app; nothing in them is looked at or spoken of.
NOT_FUNCTIONS = frozenset({"node_modules", "__pycache__", "bin", "obj", "venv", "dist", "build"})

_NEARLY = frozenset(
    {"functions.json", "function.jsonc", "function.json5", "function.json.txt", "function.yaml"}
)
# Values of FUNCTIONS_WORKER_RUNTIME; other languages do not run here.
_RUNTIMES = {"python": Language.PYTHON, "node": Language.NODE, "custom": Language.CUSTOM}


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What the folders of an app are: functions by name, in the host's order, and near misses."""

    functions: tuple[str, ...]
    nearly: tuple[Problem, ...] = ()


def find_functions(root: Path) -> Found:
    """The folders that are functions. Raises OSError when the root cannot be listed."""
    names: list[str] = []
    nearly: list[Problem] = []
    with os.scandir(root) as entries:
        folders = [e for e in entries if e.is_dir() and not e.name.startswith(".")]
    for folder in folders:
        if os.path.isfile(os.path.join(folder.path, FILE)):  # noqa: PTH113, PTH118 - much quicker
            names.append(folder.name)
        elif folder.name.lower() not in NOT_FUNCTIONS:
            nearly.extend(_near_misses(Path(folder.path)))
    # The host's order, which its routing follows: by name, without letter case.
    names.sort(key=lambda name: (name.upper(), name))
    return Found(tuple(names), tuple(nearly))


def load_folders(root: Path, rules: Rules) -> FunctionSet:
    """All functions of the app's folders that are sound, and the problems of all."""
    found = find_functions(root)
    functions: list[Function] = []
    problems: list[Problem] = []
    left_out: list[LeftOut] = []
    allowed = rules.settings.host.functions
    if allowed is not None:
        problems.append(allow_list(allowed, found.functions))
    wanted = set(allowed_names(found.functions, allowed))
    for name in found.functions:
        function, own = load_function(root, name, rules)
        if name not in wanted:
            left_out += not_named(function)
            continue
        problems += own
        if function is not None:
            functions.append(function)
    functions, filtered, others = _of_runtime(functions, rules.settings)
    nearly = found.nearly if len(found.nearly) < 20 else ()
    left_out += (LeftOut(one, _other_language(one, _runtime(rules.settings))) for one in others)
    return FunctionSet(tuple(functions), (*nearly, *problems, *filtered), tuple(left_out))


def load_function(
    root: Path, name: str, rules: Rules
) -> tuple[Function | None, tuple[Problem, ...]]:
    """One function; None when a problem is an error."""
    file = f"{name}/{FILE}"
    try:
        with open(f"{root}/{file}", "rb") as opened:  # noqa: PTH123 - much quicker
            source = parse_json(opened.read(), file)
    except OSError as error:
        return None, (_unreadable(file, name, error),)
    reading = tuple(dataclasses.replace(p, function=name) for p in source.problems)
    if not source.ok:
        return None, reading
    script = _script(root, name, source, rules.settings)
    function, problems = validate(
        Document(
            name=name,
            body=source.value,
            directory=root / name,
            places=source,
            language=script.language or Language.PYTHON,
            script_file=script.file,
        ),
        rules,
    )
    about_script = tuple(dataclasses.replace(p, function=name) for p in script.problems)
    if any(p.severity is Severity.ERROR for p in script.problems):
        function = None
    return function, (*reading, *problems, *about_script)


def _script(root: Path, name: str, source: Source, settings: Settings) -> Script:
    declared = source.value.get("scriptFile")
    if source.value.get("configurationSource") == "attributes":
        return Script(None, None)  # A compiled function, which validation refuses by name.
    custom = settings.host.custom_handler is not None
    if custom or _runtime(settings) == "custom":
        # The custom handler's program has the handlers; a file is of no use to it.
        return Script(declared if isinstance(declared, str) else None, Language.CUSTOM)
    return find_script(root, name, declared, source)


def _runtime(settings: Settings) -> str:
    return (settings.get("FUNCTIONS_WORKER_RUNTIME") or "").strip().lower()


def allowed_names(names: Iterable[str], allowed: Iterable[str] | None) -> Iterator[str]:
    """The functions that host.json lets load: all when it has no list."""
    wanted = None if allowed is None else {name.lower() for name in allowed}
    return (name for name in names if wanted is None or name.lower() in wanted)


def not_named(function: Function | None) -> tuple[LeftOut, ...]:
    """A function that host.json's list does not name, unless it could not run anyway."""
    if function is None:
        return ()
    name = function.name
    problem = Problem(
        "FJ0146",
        f"{name} is left out: host.json has a list of functions that does not name it",
        Location("host.json", pointer="/functions"),
        why="'functions' is a list of all that are loaded",
        fix=f'add "{name}" to "functions" in host.json, or remove that list',
        severity=Severity.NOTE,
        function=name,
    )
    return (LeftOut(function, problem),)


def _of_runtime(
    functions: list[Function], settings: Settings
) -> tuple[list[Function], list[Problem], list[Function]]:
    """The functions of the language that FUNCTIONS_WORKER_RUNTIME names (all when it is not set), what is said of the
    others, and those.
    """
    runtime = _runtime(settings)
    if not runtime or not functions or settings.host.custom_handler is not None:
        return functions, [], []
    language = _RUNTIMES.get(runtime)
    kept = [function for function in functions if function.language is language]
    if not kept:
        return [], [_none_of_language(functions, runtime, settings)], functions
    skipped = [function for function in functions if function.language is not language]
    return kept, [_other_language(function, runtime) for function in skipped], skipped


def _near_misses(folder: Path) -> Iterator[Problem]:
    """A file that was perhaps meant as function.json, here or one level below."""
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        lower = entry.name.lower()
        if lower in _NEARLY or lower == FILE:
            yield _nearly(folder.name, entry.name)
        elif lower in NOT_FUNCTIONS or lower.startswith("."):
            continue
        elif entry.is_dir() and (Path(entry.path) / FILE).is_file():
            yield _too_deep(folder.name, entry.name)


def _nearly(folder: str, name: str) -> Problem:
    return Problem(
        "FJ0133",
        f"{folder}/{name} is not read",
        Location(f"{folder}/{name}"),
        why=f"a function's document is called {FILE}, in lower case; without it the folder "
        f"{folder} is no function, and nobody says so",
        fix=f"rename it to {folder}/{FILE}",
        severity=Severity.WARNING,
    )


def _too_deep(folder: str, name: str) -> Problem:
    return Problem(
        "FJ0134",
        f"{folder}/{name}/{FILE} is not read",
        Location(f"{folder}/{name}/{FILE}"),
        why="only direct sub-folders of the app, the folder with host.json, are functions",
        fix=f"move {name} up, or start the app in {folder}",
        severity=Severity.WARNING,
    )


def _unreadable(file: str, name: str, error: OSError) -> Problem:
    return Problem(
        "FJ0120",
        f"{file} cannot be read",
        Location(file),
        why=error.strerror or str(error),
        fix="make it a file that this user may read",
        function=name,
    )


def allow_list(allowed: tuple[str, ...], names: tuple[str, ...]) -> Problem:
    """What is said of host.json's list of functions."""
    known = {name.lower() for name in names}
    missing = [name for name in allowed if name.lower() not in known]
    return Problem(
        "FJ0146",
        f"host.json names functions that do not exist: {', '.join(missing)}"
        if missing
        else f"only the functions that host.json names are loaded: {', '.join(allowed)}",
        Location("host.json", pointer="/functions"),
        why=f"'functions' is a list of all that are loaded; there are: {', '.join(names)}",
        fix="correct the names, or remove 'functions'" if missing else "",
        severity=Severity.WARNING if missing else Severity.NOTE,
        azure="A function allow list has been specified, excluding all but the following "
        f"functions: [{', '.join(allowed)}]",
    )


def _other_language(function: Function, runtime: str) -> Problem:
    return Problem(
        "FJ0144",
        f"{function.name} is left out: it is {function.language}, and the app is {runtime}",
        function.locate(""),
        why=f"FUNCTIONS_WORKER_RUNTIME is {runtime}, and the real host then skips other languages "
        "without a word",
        fix="remove FUNCTIONS_WORKER_RUNTIME to run all languages here; on Azure make two apps",
        severity=Severity.WARNING,
        function=function.name,
    )


def _none_of_language(functions: list[Function], runtime: str, settings: Settings) -> Problem:
    languages = sorted({str(function.language) for function in functions})
    here = runtime in _RUNTIMES
    return Problem(
        "FJ0145",
        f"no function is {runtime}, which FUNCTIONS_WORKER_RUNTIME asks for",
        Location("local.settings.json", pointer="/Values/FUNCTIONS_WORKER_RUNTIME"),
        why=f"the functions are: {', '.join(languages)}; the value comes from "
        f"{settings.origin('FUNCTIONS_WORKER_RUNTIME')}"
        + ("" if here else f"; {runtime} does not run here"),
        fix=f'set "FUNCTIONS_WORKER_RUNTIME": "{languages[0]}"',
        azure=f"Did not find functions with language [{runtime}].",
    )
