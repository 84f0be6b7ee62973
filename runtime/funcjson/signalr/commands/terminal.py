"""What commands print: lines, and tables of text."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO


def say(text: str = "", stream: TextIO | None = None) -> None:
    """One line at once, to standard output unless told otherwise."""
    out = stream or sys.stdout
    out.write(f"{text}\n")
    out.flush()


def complain(text: str) -> int:
    """One line to standard error; gives the exit code of a command that failed."""
    say(text, sys.stderr)
    return 1


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; nothing after the last one."""
    lines = [head, *rows]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    """How many columns a terminal gives it."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
