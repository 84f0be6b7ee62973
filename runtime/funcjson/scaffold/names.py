"""Where an app's code registers a function of a name, as far as can be seen without running it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from funcjson.errors import Location

_JAVASCRIPT = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx")
_NOT_OURS = frozenset({"node_modules", "__pycache__", "site-packages"})
_COMMENT = re.compile(r"^[ \t]*(?://|/?\*).*$", re.MULTILINE)


def registered_in_javascript(root: Path, name: str) -> Location | None:
    """The place of `app.http('NAME', ...)` in a file that uses @azure/functions; letter case does not matter, as to the host."""
    call = re.compile(rf"\bapp\s*\.\s*\w+\s*\(\s*(['\"`]){re.escape(name)}\1", re.IGNORECASE)
    for file in _files(root, _JAVASCRIPT):
        text = file.read_text("utf-8", errors="replace")
        code = _COMMENT.sub("", text) if "@azure/functions" in text else ""
        if found := call.search(code):
            line = code.count("\n", 0, found.start()) + 1
            return Location(file.relative_to(root).as_posix(), line, 1)
    return None


def registered_in_python(
    root: Path, name: str, identifier: str, besides: Iterable[str]
) -> Location | None:
    """The place of a decorated function of that name, such as a blueprint's, in other files than `besides`."""
    for file in _files(root, (".py",)):
        path = file.relative_to(root).as_posix()
        text = file.read_text("utf-8", errors="replace")
        if path in besides or "azure" not in text:
            continue
        try:
            module = ast.parse(text)
        except (SyntaxError, ValueError):
            continue  # what is wrong with it, a start tells
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_called(
                node, name, identifier
            ):
                return Location(path, node.lineno, 1)
    return None


def _is_called(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, identifier: str) -> bool:
    decorators = [
        each
        for each in node.decorator_list
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
    ]
    return bool(decorators) and (
        node.name.lower() == identifier.lower() or any(names(each, name) for each in decorators)
    )


def names(node: ast.Call, name: str) -> bool:
    """Whether a call is `function_name("NAME")`, in any letter case."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "function_name"
        and any(
            isinstance(value, ast.Constant) and str(value.value).lower() == name.lower()
            for value in (*node.args, *(keyword.value for keyword in node.keywords))
        )
    )


def _files(root: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(each for each in inner if _is_own(Path(folder), each))
        for file in sorted(files):
            if file.endswith(suffixes):
                yield Path(folder, file)


def _is_own(folder: Path, name: str) -> bool:
    return (
        name not in _NOT_OURS
        and not name.startswith(".")
        and not (folder / name / "pyvenv.cfg").is_file()
    )
