"""Functions that a worker found in code: their documents go through the same checks as folders do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcjson.app_rules import without_conflicts
from funcjson.errors import Location, Problem
from funcjson.frontends.folders import allow_list, allowed_names, not_named
from funcjson.model import Function, FunctionSet, Language, LeftOut
from funcjson.validation import Document, Rules, validate
from funcjson.workers.base import IndexedFunction


@dataclass(frozen=True, slots=True)
class CodePlaces:
    """All of the document is where the handler is written."""

    file: str
    line: int = 0

    def locate(self, pointer: str) -> Location:
        return Location(self.file, self.line, 1 if self.line else 0, pointer)

    def locate_key(self, pointer: str) -> Location:
        return self.locate(pointer)


def function_from_document(  # noqa: PLR0913 - what a worker reports of a function
    name: str,
    document: Mapping[str, Any],
    *,
    root: Path,
    language: Language,
    script_file: str,
    rules: Rules,
    line: int = 0,
    entry_point: str | None = None,
) -> tuple[Function | None, tuple[Problem, ...]]:
    """The function, or None when a problem is an error."""
    return validate(
        Document(
            name=name,
            body=document,
            directory=root,
            places=CodePlaces(script_file, line),
            language=language,
            script_file=script_file,
            entry_point=entry_point,
            code_first=True,
        ),
        rules,
    )


def load_indexed(
    index: Iterable[IndexedFunction], root: Path, language: Language, rules: Rules
) -> FunctionSet:
    """The sound ones of the functions that a worker found, and the problems of all."""
    by_name = {found.name: found for found in index}
    problems: list[Problem] = []
    functions: list[Function] = []
    allowed = rules.settings.host.functions
    if allowed is not None:
        problems.append(allow_list(allowed, tuple(by_name)))
    left_out: list[LeftOut] = []
    wanted = set(allowed_names(by_name, allowed))
    for name, found in by_name.items():
        function, own = function_from_document(
            name,
            found.document,
            root=root,
            language=language,
            script_file=found.script_file,
            rules=rules,
            line=found.line,
            entry_point=found.entry_point,
        )
        if name not in wanted:
            left_out += not_named(function)
            continue
        problems += own
        if function is not None:
            functions.append(function)
    together = without_conflicts(functions, rules.settings)
    every = (*problems, *together.problems)
    return FunctionSet(together.functions, every, tuple(left_out))
