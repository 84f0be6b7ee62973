"""Members of host.json by path, the environment first, with a problem for each that is of a wrong kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from funcjson.errors import Location, Problem, Severity
from funcjson.json_reader import escape_pointer

ENVIRONMENT_SECTION = "AzureFunctionsJobHost"

Locate = Callable[[str], Location]
Environment = Callable[[str], str | None]


class HostConfigReader:
    """Members by path, the environment first; collects problems."""

    def __init__(
        self, document: Mapping[str, Any], locate: Locate, environment: Environment
    ) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._locate = locate
        self._environment = environment

    def get(self, *path: str) -> Any:
        replaced = self._environment(":".join((ENVIRONMENT_SECTION, *path)))
        return replaced if replaced is not None else self.written(*path)

    def written(self, *path: str) -> Any:
        value: Any = self.document
        for name in path:
            if not isinstance(value, Mapping):
                return None
            folded = name.lower()
            value = next((value[key] for key in value if key.lower() == folded), None)
        return value

    def where(self, *path: str) -> Location:
        return self._locate("".join(f"/{escape_pointer(name)}" for name in path))

    def text(self, *path: str) -> str | None:
        value = self.get(*path)
        if value is None or isinstance(value, str):
            return value
        self.problem("FJ0114", path, f"'{path[-1]}' must be text", "the default is used")
        return None

    def number(self, default: int, *path: str) -> int:
        value = self.get(*path)
        if value is None:
            return default
        try:
            if isinstance(value, bool):
                raise ValueError
            return int(value)
        except (TypeError, ValueError, OverflowError):
            self.problem(
                "FJ0114", path, f"'{path[-1]}' must be a whole number", f"{default} is used"
            )
            return default

    def section(self, *path: str) -> Mapping[str, Any]:
        """The object at a path of the file, empty when there is none."""
        value = self.written(*path)
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.problem("FJ0114", path, f"'{path[-1]}' must be an object", "it is ignored")
        return {}

    def texts(self, *path: str) -> tuple[str, ...] | None:
        value = self._with_items(self.get(*path), path)
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        if value is not None:
            self.problem("FJ0114", path, f"'{path[-1]}' must be an array of text", "it is ignored")
        return None

    def _with_items(self, value: Any, path: Sequence[str]) -> Any:
        """`...__0`, `...__1` in the environment replace single items of a list, or make one."""
        items: list[Any] = list(value) if isinstance(value, list) else []
        given: dict[int, str] = {}
        while (item := self.get(*path, str(len(given)))) is not None and isinstance(item, str):
            given[len(given)] = item
        return [*given.values(), *items[len(given) :]] if given else value

    def problem(  # noqa: PLR0913 - the parts of a Problem
        self,
        code: str,
        path: Sequence[str],
        what: str,
        why: str,
        fix: str = "",
        severity: Severity = Severity.WARNING,
        azure: str | None = None,
    ) -> None:
        self.problems.append(
            Problem(code, what, self.where(*path), why, fix, severity, azure=azure)
        )
