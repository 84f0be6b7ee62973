"""The error tree, and Problem: one wrong thing as data, with its place, reason and fix.

    FuncJsonError                     problems: tuple[Problem, ...]
      AppLoadError                    FJ01xx  the folder is not readable as an app         app author
      AppInvalid                      FJ02xx  function.json breaks a rule (all at once)    app author
      BindingError                    FJ03xx  an input could not be made                   caller or settings
        ExpressionError, SettingNotFound, ConnectionStringInvalid
      OutputError                     FJ04xx  an output could not be delivered
        OutputShapeError                      the handler's value is wrong                 app author
          AnswerError                         it cannot be written as an HTTP response
        FlushError                            the service refused or was not reachable     service
      WorkerError                     FJ05xx  the language worker                          environment
        WorkerStartError, HandlerLoadError, HandlerError, HandlerTimeout
      PluginError                     FJ06xx  a third-party binding                        its distribution

The first split is whose fault it is, since that decides who must act. Code that can go on collects Problems;
code that must stop raises an error that holds them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a Problem is: an error stops its function, a warning does not, a note only informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a user's file. `line` and `column` count from 1; 0 means not known."""

    file: str
    line: int = 0
    column: int = 0
    pointer: str = ""

    def __str__(self) -> str:
        known = [str(part) for part in (self.file, self.line, self.column) if part]
        place = ":".join(known if self.line else known[:1])
        return f"{place}  {self.pointer}" if self.pointer else place


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing. `azure` is the real platform's own text where it has one."""

    code: str
    what: str
    where: Location | None = None
    why: str = ""
    fix: str = ""
    severity: Severity = Severity.ERROR
    function: str | None = None
    azure: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The stable shape that `--json` prints."""
        where = self.where
        return {
            "code": self.code,
            "severity": str(self.severity),
            "function": self.function,
            "file": where.file if where else None,
            "line": where.line if where and where.line else None,
            "column": where.column if where and where.column else None,
            "pointer": where.pointer if where and where.pointer else None,
            "what": self.what,
            "why": self.why or None,
            "fix": self.fix or None,
            "azure": self.azure,
        }


def not_loaded(problem: Problem) -> str:
    """One line for whoever misses a function: that it did not load, why, and where.

    A problem that is no error, or of no function, says by itself what is missing.
    """
    place = f" ({replace(problem.where, pointer='')})" if problem.where else ""
    if problem.severity is not Severity.ERROR or problem.function is None:
        # Python's own message of a module that is missing goes on with its whole path.
        return f"{problem.what.partition('. ')[0]}{place}"
    return f"{problem.function} did not load: {problem.what}{place}"


def render(problem: Problem) -> str:
    """A Problem as the lines a person reads."""
    rows = [
        ("at", str(problem.where) if problem.where else ""),
        ("why", problem.why),
        ("fix", problem.fix),
        ("azure", problem.azure or ""),
        ("more", f"funcjson explain {problem.code}"),
    ]
    indent = " " * 8
    # A text may have a line end from a request, which must not begin a line of ours.
    head = f"{problem.severity}[{problem.code}] {problem.what}".replace("\n", f"\n{indent}")
    lines = [
        f"  {name:<5} {text.strip().replace(chr(10), chr(10) + indent)}"
        for name, text in rows
        if text
    ]
    return "\n".join([head, *lines])


class FuncJsonError(Exception):
    """Base of all errors that are meant for a user. `problems` is never empty."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n\n".join(render(problem) for problem in self.problems)


class AppLoadError(FuncJsonError):
    """The folder cannot be read as a function app."""


class AppInvalid(FuncJsonError):
    """A document breaks a rule."""


class BindingError(FuncJsonError):
    """An input binding or a trigger could not be bound; the handler was not called."""


class ExpressionError(BindingError):
    """A binding expression is malformed or has no value.

    `kind` is the real platform's exception family: Format, InvalidOperation, Argument.
    """

    def __init__(
        self, problems: Problem | Iterable[Problem], kind: str = "InvalidOperation"
    ) -> None:
        super().__init__(problems)
        self.kind = kind


class SettingNotFound(BindingError):
    """A setting that a binding names does not exist or is empty."""


class ConnectionStringInvalid(BindingError):
    """A connection string cannot be understood. The text never holds the key."""


class OutputError(FuncJsonError):
    """An output binding could not deliver."""


class OutputShapeError(OutputError):
    """The handler's value is not what the output binding takes."""


class AnswerError(OutputShapeError):
    """The handler's value cannot be written as the response to its caller."""


class FlushError(OutputError):
    """The service refused an item or could not be reached."""


class WorkerError(FuncJsonError):
    """The language worker failed, not the user's code alone."""


class WorkerStartError(WorkerError):
    """The worker process did not start."""


class HandlerLoadError(WorkerError):
    """The handler's file could not be loaded."""


class HandlerError(WorkerError):
    """The handler raised. `message` and `stack` are the user's own, without frames of ours."""

    def __init__(
        self, problems: Problem | Iterable[Problem], message: str = "", stack: str = ""
    ) -> None:
        super().__init__(problems)
        self.message = message
        self.stack = stack


class HandlerTimeout(WorkerError):
    """The handler did not finish within functionTimeout."""


class PluginError(FuncJsonError):
    """A third-party binding type cannot be used."""
