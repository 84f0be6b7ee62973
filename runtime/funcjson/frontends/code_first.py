"""A function that a worker found in code: its document goes through the same validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcjson.errors import Location, Problem
from funcjson.model import Function, Language
from funcjson.validation import Document, Rules, validate


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
