"""What the handlers of an app need that the app may not bring along itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from funcjson.frontends.main_files import main_files
from funcjson.model import Function, Language

_TYPESCRIPT = (".ts", ".mts", ".cts", ".tsx")


@dataclass(frozen=True, slots=True)
class Needs:
    """`library`: azure-functions, for handlers in Python. `compiler`: what uncompiled TypeScript takes."""

    library: bool = False
    compiler: bool = False


def needs_of_folders(functions: tuple[Function, ...]) -> Needs:
    """What an app of function.json folders needs."""
    return Needs(
        any(function.language is Language.PYTHON for function in functions),
        any((function.script_file or "").endswith(_TYPESCRIPT) for function in functions),
    )


def needs_of_main(root: Path, main: str) -> Needs:
    """What a JavaScript app needs that registers its functions in `main`, a path or a pattern."""
    if main.endswith(_TYPESCRIPT):
        return Needs(compiler=True)
    return Needs(compiler=not main_files(root, main))
