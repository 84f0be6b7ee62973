"""A function in function_app.py: it goes to the file's end, which keeps all that it has."""

from __future__ import annotations

import ast
import keyword
from pathlib import Path

from funcjson.errors import AppLoadError, Location
from funcjson.scaffold import faults
from funcjson.scaffold.names import names, registered_in_python

_BOM = "\ufeff"
_IMPORTS = {
    "func": "import azure.functions as func",
    "json": "import json",
    "logging": "import logging",
}


def identifier(name: str) -> str:
    """A name for a Python function that hides nothing of function_app.py."""
    made = name.replace("-", "_")
    return f"{made}_function" if keyword.iskeyword(made) or made in ("app", *_IMPORTS) else made


def append(root: Path, path: str, text: str, name: str) -> None:
    """Add the text of a function. Raises AppLoadError when the file cannot take it."""
    file = root / path
    try:
        # As bytes, so that line ends stay what they are.
        written = file.read_bytes().decode("utf-8") if file.is_file() else ""
        source = written.removeprefix(_BOM)
        there = _top_names(ast.parse(source))
    except UnicodeDecodeError as error:
        raise AppLoadError(faults.cannot_append(path, "it is not UTF-8")) from error
    except SyntaxError as error:
        raise AppLoadError(
            faults.cannot_append(path, f"line {error.lineno}: {error.msg}")
        ) from error
    if "app" not in there:
        raise AppLoadError(faults.cannot_append(path, "it has no 'app = func.FunctionApp()'"))
    place = Location(path) if _declares(source, name) else None
    place = place or registered_in_python(root, name, identifier(name), (path,))
    if place is not None:
        raise AppLoadError(faults.there_already(place, name))
    imports = "".join(
        f"{statement}\n"
        for word, statement in _IMPORTS.items()
        if word not in there and f"{word}." in text
    )
    added = "\n".join(["", *([imports] if imports else []), f"\n{text}"])
    end = "\r\n" if "\r\n" in written else "\n"
    whole = written.rstrip("\r\n") + (f"\n{added}").replace("\n", end)
    file.write_bytes(whole.encode())


def _top_names(module: ast.Module) -> set[str]:
    """Names that the file's top level imports or sets."""
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def _declares(source: str, name: str) -> bool:
    """Whether the file has a function of that name; letter case does not matter, as to the host."""
    lower = identifier(name).lower()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.lower() == lower:
            return True
        if isinstance(node, ast.Call) and names(node, name):
            return True
    return False
