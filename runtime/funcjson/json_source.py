"""JSON as people write it: a value, the place of each name and value, and what was wrong.

Well-formed text goes through the standard library; the tolerant reader runs only when that fails or
when a place is asked for. Comments, trailing commas and a byte order mark are silent, as the host's
own samples have them; every other liberty is a warning, since other tools refuse it.
"""

from __future__ import annotations

import contextlib
import json
import re
from bisect import bisect_right
from typing import Any, NoReturn

from funcjson.errors import Location, Problem, Severity
from funcjson.json_reader import DUPLICATE, Broken, Liberty, Reader, escape_pointer

__all__ = ["Source", "escape_pointer", "parse_json"]


class Source:
    """A parsed JSON file: `value` (None when `problems` holds an error) and where its parts are.

    `text` is the decoded file without its byte order mark.
    """

    __slots__ = ("_line_starts", "_places", "file", "problems", "text", "value")

    def __init__(self, file: str, text: str, value: Any, problems: tuple[Problem, ...]) -> None:
        self.file = file
        self.text = text
        self.value = value
        self.problems = problems
        self._places: dict[str, tuple[int, int]] | None = None
        self._line_starts: list[int] | None = None

    @property
    def ok(self) -> bool:
        """Whether `value` can be used."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)

    def locate(self, pointer: str) -> Location:
        """The place of the value at a JSON pointer, or of the nearest enclosing one there is."""
        return self._location(pointer, 1)

    def locate_key(self, pointer: str) -> Location:
        """The place of the name of the member at a JSON pointer."""
        return self._location(pointer, 0)

    def at(self, offset: int, pointer: str = "") -> Location:
        """The place of a character of `text`."""
        if self._line_starts is None:
            self._line_starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", self.text))]
        line = bisect_right(self._line_starts, offset)
        return Location(self.file, line, offset - self._line_starts[line - 1] + 1, pointer)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1."""
        lines = re.split(r"\r\n|\n|\r", self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def _location(self, pointer: str, which: int) -> Location:
        if self._places is None:
            self._places = _find_places(self.text)
        found, places = pointer, self._places
        while (place := places.get(found) or places.get(found.lower())) is None:
            if not found:
                return Location(self.file, pointer=pointer)
            found, which = found.rpartition("/")[0], 1
        return self.at(place[which], pointer)


def parse_json(data: str | bytes, file: str, *, object_root: bool = True) -> Source:
    """Parse the content of `file`. Never raises for bad content: see `Source.problems`.

    With `object_root` a root that is not an object is an error, as in all files of a function app.
    """
    problems: list[Problem] = []
    text = data if isinstance(data, str) else _decode(data, file, problems)
    source = Source(file, text.removeprefix("\ufeff"), None, ())
    plain, value = _parse_plain(source.text)
    if not plain:
        reader = Reader(source.text)
        try:
            value = reader.document()
        except Broken as broken:
            problems.append(_broken_json(source, broken))
        problems.extend(_liberties(source, reader.liberties))
    failed = any(problem.severity is Severity.ERROR for problem in problems)
    if object_root and not failed and not isinstance(value, dict):
        problems.append(_root_not_object(source, value))
        failed = True
    source.value = None if failed else value
    source.problems = tuple(problems)
    return source


class _NotPlainError(Exception):
    """The text is valid for the standard library, but it is not plain JSON."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotPlainError
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise _NotPlainError


_PLAIN = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _parse_plain(text: str) -> tuple[bool, Any]:
    try:
        return True, _PLAIN.decode(text)
    except (ValueError, _NotPlainError, RecursionError):
        return False, None


_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def _decode(data: bytes, file: str, problems: list[Problem]) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        problems.append(_not_utf8(data, error.start, file))
        return data.decode(errors="replace")


def _not_utf8(data: bytes, offset: int, file: str) -> Problem:
    line = data.count(b"\n", 0, offset) + 1
    column = offset - data.rfind(b"\n", 0, offset)
    return Problem(
        "FJ0106",
        f"the file is not UTF-8: byte 0x{data[offset]:02x}",
        Location(file, line, column),
        why="JSON files are UTF-8; other bytes become the replacement character",
        fix="save the file as UTF-8",
        severity=Severity.WARNING,
    )


def _find_places(text: str) -> dict[str, tuple[int, int]]:
    reader = Reader(text)
    with contextlib.suppress(Broken):  # The places before the break are good.
        reader.document()
    return reader.places


def _broken_json(source: Source, broken: Broken) -> Problem:
    place = source.at(broken.offset)
    empty = not source.text.strip()
    what = broken.what
    if _holds_secrets(source.file):
        what = _QUOTED.sub("'...'", what)
    return Problem(
        "FJ0102" if empty else "FJ0101",
        what if empty else f"not valid JSON: {what}",
        place,
        why="" if empty else _pointed_at(source, place.line, place.column),
        fix=broken.fix,
        azure=broken.azure,
    )


_QUOTED = re.compile(r"'[^']{2,}'|\"[^\"]{2,}\"")
_SECRET = re.compile(r"((?:key|secret|password|token|sig)\s*=\s*)([^;\"']+)", re.IGNORECASE)


def _holds_secrets(file: str) -> bool:
    """Whether any value of the file may be a secret, so that none of its lines is shown."""
    return "settings" in file.lower()


def _pointed_at(source: Source, line: int, column: int) -> str:
    """A line with a mark below one of its columns, cut to what fits a terminal, keys masked."""
    if _holds_secrets(source.file):
        return ""
    text = source.line(line).rstrip().expandtabs(1)
    text = _SECRET.sub(lambda found: found[1] + "*" * len(found[2]), text)
    begin = max(len(text) - len(text.lstrip()), column - 1 - 70)
    cut = bool(text[:begin].strip())
    shown = f"...{text[begin + 3 : begin + 90]}" if cut else text[begin : begin + 90]
    return f"{shown}\n{' ' * (column - 1 - begin)}^" if shown else ""


def _liberties(source: Source, found: list[tuple[Liberty, int, str]]) -> list[Problem]:
    """One warning for each kind of liberty, but one for each duplicate name."""
    by_kind: dict[Liberty, list[tuple[int, str]]] = {}
    for kind, offset, name in found:
        by_kind.setdefault(kind, []).append((offset, name))
    problems: list[Problem] = []
    for kind, places in by_kind.items():
        if kind is DUPLICATE:
            problems.extend(_duplicate_name(source, offset, name) for offset, name in places)
        else:
            problems.append(_liberty(source, kind, places))
    return problems


def _liberty(source: Source, kind: Liberty, places: list[tuple[int, str]]) -> Problem:
    offset, name = places[0]
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return Problem(
        "FJ0104",
        (f"{kind.what}: {name}" if name else kind.what) + more,
        source.at(offset),
        why="the Functions host reads this, but it is not JSON, and other tools refuse the file",
        fix=kind.fix,
        severity=Severity.WARNING,
    )


def _duplicate_name(source: Source, offset: int, name: str) -> Problem:
    return Problem(
        "FJ0105",
        f"'{name}' is given twice",
        source.at(offset),
        why="the last one counts, the others are ignored without a word",
        fix="remove one of the two",
        severity=Severity.WARNING,
    )


_TOKENS = {str: "String", bool: "Boolean", int: "Integer", float: "Float", list: "StartArray"}


_EXAMPLE = '{"bindings": [...]}'
_EXAMPLES = {
    "host.json": '{"version": "2.0"}',
    "package.json": '{"main": "src/functions/*.js"}',
    "local.settings.json": '{"IsEncrypted": false, "Values": {...}}',
}


def _root_not_object(source: Source, value: Any) -> Problem:
    start = source.at(len(source.text) - len(source.text.lstrip()))
    name = _TOKENS.get(type(value), "Null")
    name_of_file = source.file.rpartition("/")[2]
    read = 1 if name == "StartArray" else len(source.text.strip())
    return Problem(
        "FJ0103",
        "the document is not an object",
        start,
        why=_pointed_at(source, start.line, start.column),
        fix=f"put everything inside one {{ ... }}, as in {_EXAMPLES.get(name_of_file, _EXAMPLE)}",
        azure="Error reading JObject from JsonReader. Current JsonReader item is not an object: "
        f"{name}. Path '', line 1, position {read}.",
    )
