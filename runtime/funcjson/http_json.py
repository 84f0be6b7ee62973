"""JSON text as the host rewrites it for a client: read leniently, written as Json.NET writes."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from funcjson.dotnet_text import number_text
from funcjson.json_reader import Broken, Reader


class NotJson(ValueError):
    """The text is not JSON, even by Json.NET's lenient reading."""


def read(text: str) -> Any:
    """The value of a text. Blank text is null, as Json.NET has it. Raises NotJson."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError as error:
        raise NotJson from error
    if not text.strip():
        return None
    try:
        # `{'a': 1}`, which is how Python prints a dict, is JSON to Json.NET.
        return Reader(text).document()
    except (Broken, RecursionError, ValueError, IndexError) as error:
        raise NotJson from error


def indented(value: Any) -> str:
    """An object or array with two blanks per level, as `JToken.ToString()` writes it."""
    return _write(value, 2)


def compact(value: Any) -> str:
    """Any value on one line without blanks, as the host's JSON formatter writes it."""
    return _write(value, None)


def scalar(value: Any) -> str:
    """A value that is no object or array as bare text: `True`, `1.5`, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    return value if isinstance(value, str) else number_text(value)


def text_of(value: Any) -> str:
    """What the host's plain rendering makes of a parsed value."""
    return indented(value) if isinstance(value, dict | list) else scalar(value)


def _write(value: Any, indent: int | None) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    if _UNLIKE_DOTNET.search(text):
        text = _written(value, indent, "\n")
    for sign, escape in _ESCAPED:
        if sign in text:
            text = text.replace(sign, escape)
    return text


# Python and .NET write very large and very small numbers differently.
_UNLIKE_DOTNET = re.compile(r"\d[eE][+-]|\d{16}\.|NaN|Infinity")
# Json.NET escapes these three beside the control characters.
_ESCAPED = (("\u0085", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def _written(value: Any, indent: int | None, line: str) -> str:
    if isinstance(value, float):
        text = number_text(value)
        if not math.isfinite(value):
            return f'"{text}"'
        return text if "." in text or "E" in text else f"{text}.0"
    if not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    inner = line + " " * (indent or 0)
    if isinstance(value, list):
        opening, closing = "[", "]"
        items = [_written(item, indent, inner) for item in value]
    else:
        opening, closing = "{", "}"
        colon = ":" if indent is None else ": "
        items = [
            json.dumps(name, ensure_ascii=False) + colon + _written(item, indent, inner)
            for name, item in value.items()
        ]
    if indent is None:
        return opening + ",".join(items) + closing
    return opening + inner + ("," + inner).join(items) + line + closing
