"""Which program a custom handler is: `customHandler` of host.json as a command line."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcjson.errors import Location, Problem, WorkerStartError
from funcjson.settings import Settings

PORT_VARIABLE = "FUNCTIONS_CUSTOMHANDLER_PORT"
_ENVIRONMENT_SECTION = "AzureFunctionsJobHost"
_VARIABLE = re.compile(r"%([^%\s]+)%")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')


@dataclass(frozen=True, slots=True)
class HandlerProgram:
    """How to start a handler.

    `arguments` may still hold `%FUNCTIONS_CUSTOMHANDLER_PORT%`. `port` is the one that host.json wants, None for
    any free one. `passes_on`: functions with nothing but HTTP get the original request, at the path of the function's
    name with `by_name`. `section` is the one of host.json.
    """

    executable: Path
    arguments: tuple[str, ...]
    directory: Path
    port: int | None = None
    passes_on: bool = False
    by_name: bool = False
    section: str = "customHandler"

    @property
    def where(self) -> Location:
        """Its place in host.json."""
        return Location("host.json", pointer=f"/{self.section}")

    def command(self, port: int) -> list[str]:
        """The command line for a port."""
        return [
            str(self.executable),
            *(word.replace(f"%{PORT_VARIABLE}%", str(port)) for word in self.arguments),
        ]


def find_program(settings: Settings, environment: Mapping[str, str]) -> HandlerProgram:
    """The program that host.json names. Raises WorkerStartError when it cannot be run."""
    if settings.host.custom_handler is None:
        raise WorkerStartError(_no_section(settings))
    section = _Section(settings.host.custom_handler, settings)
    written = section.text("description", "defaultExecutablePath")
    if not written:
        raise WorkerStartError(_no_executable(section.name))
    root = settings.app_root.resolve()
    written = _expanded(written, environment, keep=True)
    executable = _executable(root, written, environment, section.name)
    return HandlerProgram(
        executable,
        tuple(_arguments(section, environment)),
        root / (section.text("description", "workingDirectory") or ""),
        None if settings.host.is_http_worker else section.number("port"),
        passes_on(settings),
        settings.host.is_http_worker,
        section.name,
    )


def passes_on(settings: Settings) -> bool:
    """Whether functions with nothing but HTTP get the original request."""
    if settings.host.custom_handler is None:
        return False
    if settings.host.is_http_worker:
        return True
    section = _Section(settings.host.custom_handler, settings)
    return section.truth("enableForwardingHttpRequest") or section.truth(
        "enableProxyingHttpRequest"
    )


def program_files(settings: Settings) -> tuple[str, ...]:
    """Names of files that its custom handler is made of, as far as host.json tells; they may not exist yet."""
    if settings.host.custom_handler is None:
        return ()
    section = _Section(settings.host.custom_handler, settings)
    written = [
        section.text("description", "defaultExecutablePath"),
        section.text("description", "defaultWorkerPath"),
        *(word for text in section.texts("description", "arguments") for word in _split(text)),
    ]
    return tuple(Path(word).name for word in written if word)


class _Section:
    """`customHandler`, or `httpWorker` as it was called before: letter case does not matter, and the environment comes first."""

    def __init__(self, section: Mapping[str, Any], settings: Settings) -> None:
        self.name = "httpWorker" if settings.host.is_http_worker else "customHandler"
        self._section = section
        self._settings = settings

    def get(self, *path: str) -> Any:
        replaced = self._settings.get(":".join((_ENVIRONMENT_SECTION, self.name, *path)))
        if replaced is not None:
            return replaced
        value: Any = self._section
        for name in path:
            members = value if isinstance(value, Mapping) else {}
            value = next((members[key] for key in members if key.lower() == name.lower()), None)
        return value

    def text(self, *path: str) -> str:
        value = self.get(*path)
        return value.strip() if isinstance(value, str) else ""

    def texts(self, *path: str) -> list[str]:
        value = self.get(*path)
        return [str(item) for item in value] if isinstance(value, list) else []

    def number(self, *path: str) -> int | None:
        text = str(self.get(*path) or "")
        return int(text) if text.isdecimal() and 0 < int(text) < 65536 else None

    def truth(self, *path: str) -> bool:
        return str(self.get(*path)).lower() == "true"


def _arguments(section: _Section, environment: Mapping[str, str]) -> list[str]:
    """The real host's command line: arguments, the worker's path, more arguments."""
    words: list[str] = []
    for argument in section.texts("description", "arguments"):
        # It joins them to one text, which .NET takes apart again: an argument with blanks is several.
        words += _split(_expanded(argument, environment, keep=False))
    if path := section.text("description", "defaultWorkerPath"):
        words.append(_expanded(path, environment, keep=True))
    for argument in section.texts("description", "workerArguments"):
        words += _split(_expanded(argument, environment, keep=False))
    return words


def _split(text: str) -> list[str]:
    return [word.replace('"', "") for word in _WORD.findall(text)]


def _expanded(text: str, environment: Mapping[str, str], *, keep: bool) -> str:
    """`%NAME%` replaced; an unknown name stays (`keep`) or goes. The port is known later."""

    def value(match: re.Match[str]) -> str:
        if match[1] == PORT_VARIABLE:
            return match[0]
        return environment.get(match[1], match[0] if keep else "")

    return _VARIABLE.sub(value, text)


def _executable(root: Path, written: str, environment: Mapping[str, str], section: str) -> Path:
    own = root / written
    if own.is_file():
        if not os.access(own, os.X_OK):
            raise WorkerStartError(_not_executable(own, written, section))
        return own
    found = shutil.which(written, path=environment.get("PATH"))
    if found is None:
        raise WorkerStartError(_not_found(root, written, section))
    return Path(found).absolute()


def _where(section: str) -> Location:
    return Location("host.json", pointer=f"/{section}/description/defaultExecutablePath")


def _no_section(settings: Settings) -> Problem:
    return Problem(
        "FJ0522",
        "there is no customHandler in host.json",
        Location("host.json"),
        why=f"FUNCTIONS_WORKER_RUNTIME is custom (from {settings.origin('FUNCTIONS_WORKER_RUNTIME')}), so "
        "a program of the app runs the functions, and host.json must name it",
        fix='add "customHandler": {"description": {"defaultExecutablePath": "handler"}}',
    )


def _no_executable(section: str) -> Problem:
    return Problem(
        "FJ0522",
        f"{section} in host.json names no program",
        _where(section),
        why="'description' needs a 'defaultExecutablePath'",
        fix='add "description": {"defaultExecutablePath": "handler"}',
        azure="WorkerDescription DefaultExecutablePath cannot be empty",
    )


def _not_executable(file: Path, written: str, section: str) -> Problem:
    return Problem(
        "FJ0522",
        f"'{written}' may not be run",
        _where(section),
        why=f"{file} is not marked as a program",
        fix=f"run: chmod +x {written}",
        azure=f"Failed to start Worker Channel. Process fileName: {file}",
    )


def _not_found(root: Path, written: str, section: str) -> Problem:
    # Windows quickstarts name handler.exe, which a build on another system calls handler.
    bare = written.removesuffix(".exe")
    if bare != written and (root / bare).is_file():
        fix = f'there is a file {bare}: write "defaultExecutablePath": "{bare}"'
    elif sources := _sources(root, bare):
        fix = f"build it from {', '.join(sources)}, so that {root / written} exists"
    else:
        fix = f"put the program at {root / written}, or install '{written}' so that PATH has it"
    return Problem(
        "FJ0522",
        f"the custom handler's program '{written}' was not found",
        _where(section),
        why="it is neither in the app's folder nor on PATH",
        fix=fix,
        azure=f"Failed to start Worker Channel. Process fileName: {written}",
    )


def _sources(root: Path, name: str) -> list[str]:
    """Files that tell how a handler is built."""
    known = (f"{name}.c", f"{name}.cpp", f"{name}.go", f"{name}.rs", "Makefile", "CMakeLists.txt")
    return [file for file in (*known, "go.mod", "Cargo.toml") if (root / file).is_file()]
