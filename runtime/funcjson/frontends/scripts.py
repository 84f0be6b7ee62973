"""Which file has a function's handler, and which language it is, as the Functions host finds it."""

from __future__ import annotations

import difflib
import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from funcjson.canonical import Places
from funcjson.errors import Location, Problem, Severity
from funcjson.model import Language

LANGUAGES = {
    ".py": Language.PYTHON,
    ".js": Language.NODE,
    ".mjs": Language.NODE,
    ".cjs": Language.NODE,
    # The real host gives these to nobody. A Node that strips types can run them.
    ".ts": Language.NODE,
    ".mts": Language.NODE,
    ".cts": Language.NODE,
}
_ELSEWHERE = {
    ".ps1": "PowerShell",
    ".csx": "C# script",
    ".dll": "compiled C#",
    ".fsx": "F# script",
    ".jar": "Java",
    ".sh": "shell",
    ".php": "PHP",
    ".bat": "batch",
    ".cmd": "batch",
    ".exe": "a program",
}
_PRIMARY = ("index.js", "index.mjs", "index.cjs", "__init__.py")
_TYPESCRIPT = ("index.ts", "index.mts", "index.cts")


@dataclass(frozen=True, slots=True)
class Script:
    """A handler's file, relative to the app root, and its language; both None when not found."""

    file: str | None
    language: Language | None
    problems: tuple[Problem, ...] = ()


def find_script(root: Path, folder: str, declared: object, places: Places) -> Script:
    """The handler of the function in `folder`; `declared` is the document's `scriptFile`."""
    if isinstance(declared, str) and declared.strip():
        return _declared(root, folder, declared.strip(), places)
    with os.scandir(os.path.join(root, folder)) as entries:  # noqa: PTH118 - much quicker
        visible = sorted(
            entry.name
            for entry in entries
            if entry.name != "function.json" and entry.name[0] != "." and entry.is_file()
        )
    chosen = _primary(visible)
    if chosen is None:
        return Script(None, None, (_not_determined(folder, visible, places),))
    return _in_language(f"{folder}/{chosen}", "", places)


def _primary(names: list[str]) -> str | None:
    """The host's order: the only file, a file called run, an index file."""
    if len(names) == 1:
        return names[0]
    lower = {name.lower(): name for name in reversed(names)}
    run = next((name for name in names if Path(name).stem.lower() == "run"), None)
    return run or next((lower[name] for name in (*_PRIMARY, *_TYPESCRIPT) if name in lower), None)


def _declared(root: Path, folder: str, declared: str, places: Places) -> Script:
    file = posixpath.normpath(posixpath.join(folder, declared.replace("\\", "/")))
    if posixpath.splitext(file)[1].lower() in _ELSEWHERE:
        return _in_language(file, "/scriptFile", places)
    if not (root / file).is_file():
        where = places.locate("/scriptFile")
        if source := uncompiled(root, file):
            return Script(source, Language.NODE, (_run_as_it_is(file, source, declared, where),))
        return Script(None, None, (_not_there(root, file, declared, where),))
    found = _in_language(file, "/scriptFile", places)
    if "\\" in declared:
        where = places.locate("/scriptFile")
        return Script(found.file, found.language, (*found.problems, _backslashes(declared, where)))
    return found


def _in_language(file: str, pointer: str, places: Places) -> Script:
    suffix = posixpath.splitext(file)[1].lower()
    language = LANGUAGES.get(suffix)
    if language is None:
        return Script(file, None, (_no_language(file, suffix, places.locate(pointer)),))
    return Script(file, language)


def _not_there(root: Path, file: str, declared: str, where: Location) -> Problem:
    parent = (root / file).parent
    beside = sorted(p.name for p in parent.iterdir() if p.is_file()) if parent.is_dir() else []
    beside = [name for name in beside if name != "function.json" and not name.startswith(".")]
    name = posixpath.basename(file)
    near = difflib.get_close_matches(name.lower(), [b.lower() for b in beside], n=1)
    meant = next((b for b in beside if near and b.lower() == near[0]), None)
    why = f"there is no file {file}"
    if meant:
        same = meant.lower() == name.lower()
        why += f"; there is {meant}" + (": letter case counts on this machine" if same else "")
        fix = f'write "scriptFile": "{posixpath.join(posixpath.dirname(declared), meant)}"'
    else:
        why += f"; its folder has: {', '.join(beside)}" if beside else "; its folder has no file"
        fix = "correct the path, which is relative to the function's folder, or add the file"
    return Problem(
        "FJ0140",
        f"the handler's file '{declared}' does not exist",
        where,
        why=why,
        fix=fix,
        azure=_NOT_THERE,
    )


def _run_as_it_is(file: str, source: str, declared: str, where: Location) -> Problem:
    return Problem(
        "FJ0140",
        f"the handler's file '{declared}' does not exist: {source} is run as it is",
        where,
        why=f"there is no file {file}, and {source} was not compiled; the app's own typescript compiles it in "
        f"memory, else a Node.js that strips types runs it (22.18 or newer); {DIRNAME}",
        fix="build the app before it goes to Azure, for example with `npm install` and `npm run build`",
        severity=Severity.WARNING,
        azure=_NOT_THERE,
    )


DIRNAME = "__dirname is the folder of the source then, not of the build, so paths that begin with it may lead elsewhere"
_NOT_THERE = "Invalid script file name configuration. The 'scriptFile' property is set to a file that does not exist."


def uncompiled(root: Path, file: str) -> str | None:
    """The TypeScript file that a missing JavaScript file would be made from."""
    stem, suffix = posixpath.splitext(file)
    if suffix not in (".js", ".mjs", ".cjs"):
        return None
    _, _, inner = stem.partition("/")
    for base in (stem, inner, f"src/{inner}"):
        candidate = f"{base}{suffix.replace('js', 'ts')}"
        if base and (root / candidate).is_file():
            return candidate
    return None


def _not_determined(folder: str, names: Iterable[str], places: Places) -> Problem:
    found = list(names)
    code = [name for name in found if Path(name).suffix.lower() in LANGUAGES]
    fix = "add index.js or __init__.py with the handler, or a scriptFile that names its file"
    if code:
        fix = f'say which one: "scriptFile": "{code[0]}"'
    return Problem(
        "FJ0141",
        "there is no handler" if not found else "it is not clear which file has the handler",
        places.locate(""),
        why=f"the folder {folder} has: {', '.join(found)}; none is called index.js, index.mjs, "
        "index.cjs, __init__.py or run.*"
        if found
        else f"the folder {folder} has no other file, and there is no scriptFile",
        fix=fix,
        azure="Unable to determine the primary function script. Make sure at least one script "
        "file is present. Try renaming your entry point script to 'run' or alternatively you can "
        "specify the name of the entry point script explicitly by adding a 'scriptFile' property "
        "to your function metadata.",
    )


def _no_language(file: str, suffix: str, where: Location) -> Problem:
    language = _ELSEWHERE.get(suffix)
    return Problem(
        "FJ0142",
        f"{language} handlers do not run here"
        if language
        else f"'{file}' is not in a language that can be run",
        where,
        why=f"the handler is {file}; Python (.py) and JavaScript (.js, .mjs, .cjs) run here",
        fix="run this function on Azure, or serve it through a custom handler in host.json"
        if language
        else 'name the handler\'s file: "scriptFile": "..."',
    )


def _backslashes(declared: str, where: Location) -> Problem:
    return Problem(
        "FJ0143",
        "'scriptFile' has backslashes",
        where,
        why="they separate folders on Windows only; on Linux the real host would not find the file",
        fix=f'write "scriptFile": "{declared.replace(chr(92), "/")}"',
        severity=Severity.WARNING,
    )
