"""Reads JSON with the liberties that the Functions host's reader takes, and keeps all places.

The host uses Json.NET: comments, trailing commas, single quotes, names without quotes, hexadecimal
and octal numbers. Each liberty is recorded; whoever reads decides which deserve a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 64  # Json.NET's own limit.


@dataclass(frozen=True, slots=True)
class Liberty:
    """A kind of text that Json.NET reads though it is not JSON."""

    what: str
    fix: str


SINGLE = Liberty("single-quoted text", 'use double quotes: "..."')
UNQUOTED = Liberty("a name without quotes", 'write the name in double quotes: "name"')
CONTROL = Liberty("a raw line break or tab inside a text", "write \\n or \\t")
NUMBER = Liberty("a number that JSON does not know", "write it in decimal: 31, not 0x1F or 037")
CONSTANT = Liberty("NaN, Infinity or undefined", "use a number or null")
HOLE = Liberty("an empty place between two commas", "remove the extra comma")
SPACE = Liberty("a blank that is not a space, tab or line break", "use a plain space")
DUPLICATE = Liberty("the name is given twice", "remove one of the two")


class Broken(Exception):
    """The text cannot be read. `azure` is Json.NET's own text."""

    def __init__(self, offset: int, what: str, fix: str, azure: str) -> None:
        super().__init__(what)
        self.offset, self.what, self.fix, self.azure = offset, what, fix, azure


_SPACES = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_PLAIN_TEXT = {'"': re.compile(r'[^"\\\x00-\x1f]*'), "'": re.compile(r"[^'\\\x00-\x1f]*")}
_NAME = re.compile(r"[\w$]+")
_WORD = re.compile(r"-?\w*")
_NUMBER = re.compile(r"[-.0-9][-+.0-9a-zA-Z]*")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$")
_LOW_SURROGATE = re.compile(r"\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_EXCERPT = re.compile(r"[\w$.-]+|\"[^\"\n]*\"|<{7}|>{7}|\{\{|.", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {c: c for c in "\"'\\/"}
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_CONSTANTS: dict[str, Any] = {
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
    "undefined": None,
}
_MISSPELT = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "None": "null",
    "NULL": "null",
    "Null": "null",
    "nil": "null",
}
_ADVICE = {
    "\u201c\u201d\u201e\u2018\u2019": "these are typographic quotes: use the plain double quote",
    "#": "JSON has no # comments: use // or remove it",
    "<": "if this is an unresolved merge, keep one side and remove the <<<<<<< lines",
    "`": "use the plain double quote",
    "{": "this looks like a template that was not filled in",
}


class Reader:
    """Reads one text from its start; `document()` returns its value or raises Broken.

    `places` has the offsets of name and value for each JSON pointer, and again under the pointer in
    lower case for documents whose names differ in letter case only.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.places: dict[str, tuple[int, int]] = {}
        self.liberties: list[tuple[Liberty, int, str]] = []
        self._path: list[str] = []
        self._open: list[int] = []

    def document(self) -> Any:
        self._skip()
        if self.pos == len(self.text):
            azure = "Error reading JObject from JsonReader. Path '', line 0, position 0."
            raise Broken(0, "the file is empty", "write the document, or delete the file", azure)
        value = self._value("", self.pos)
        self._skip()
        if self.pos < len(self.text):
            raise self._broken(
                f"there is more text after the end of the document: {self._excerpt()}",
                "remove what follows the last closing bracket",
                "Additional text encountered after finished reading JSON content: "
                f"{self.text[self.pos]}.",
            )
        return value

    def _value(self, pointer: str, key_at: int) -> Any:
        self.places[pointer] = self.places[pointer.lower()] = (key_at, self.pos)
        start = self.text[self.pos : self.pos + 1]
        if start == "{":
            return self._object(pointer)
        if start == "[":
            return self._array(pointer)
        if start == '"' or start == "'":
            return self._string()
        if start.isdigit() or start == "-" or start == ".":
            return self._number()
        return self._word()

    def _object(self, pointer: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self._enter()
        while True:
            self._skip()
            if self._take("}"):
                break
            key_at = self.pos
            name = self._member_name()
            self._skip()
            if not self._take(":"):
                raise self._missing_colon(name)
            self._path[-1] = f".{name}" if re.fullmatch(r"\w+", name) else f"['{name}']"
            self._skip()
            if name in members:
                self.liberties.append((DUPLICATE, key_at, name))
            members[name] = self._value(f"{pointer}/{escape_pointer(name)}", key_at)
            if not self._more("}"):
                break
        self._leave()
        return members

    def _array(self, pointer: str) -> list[Any]:
        items: list[Any] = []
        self._enter()
        while True:
            self._skip()
            if self._take("]"):
                break
            if self.text.startswith(",", self.pos):
                self.liberties.append((HOLE, self.pos, ""))
                self.pos += 1
                items.append(None)
                continue
            # As Json.NET names it: a container has its index at once, a scalar when it was read.
            here = f"[{len(items)}]"
            if self.text.startswith(("{", "["), self.pos):
                self._path[-1] = here
            items.append(self._value(f"{pointer}/{len(items)}", self.pos))
            self._path[-1] = here
            if not self._more("]"):
                break
        self._leave()
        return items

    def _enter(self) -> None:
        if len(self._open) >= MAX_DEPTH:
            azure = f"The reader's MaxDepth of {MAX_DEPTH} has been exceeded."
            raise self._broken(f"more than {MAX_DEPTH} levels of brackets", "nest less", azure)
        self._open.append(self.pos)
        self._path.append("")
        self.pos += 1

    def _leave(self) -> None:
        self._open.pop()
        self._path.pop()

    def _more(self, closing: str) -> bool:
        """Step over `,` (True) or the closing bracket (False)."""
        end = self.pos
        self._skip()
        if self._take(","):
            return True
        if self._take(closing):
            return False
        if self.pos == len(self.text):
            raise self._cut_off()
        found = self.text[self.pos]
        azure = f"After parsing a value an unexpected character was encountered: {found}."
        if found in "}]":
            opening = self.text[self._open[-1]]
            what = f"{found!r} closes a bracket that was opened as {opening!r}"
            raise self._broken(what, f"close it with {closing!r}", azure)
        what = f"a comma is missing here, before {self._excerpt()}"
        return self._raise_at(end, self._broken(what, "put a comma after this value", azure))

    def _raise_at(self, offset: int, broken: Broken) -> bool:
        broken.offset = offset
        raise broken

    def _member_name(self) -> str:
        if self.pos == len(self.text):
            raise self._cut_off()
        char = self.text[self.pos]
        if char in "\"'":
            return self._string()
        if found := _NAME.match(self.text, self.pos):
            self.liberties.append((UNQUOTED, self.pos, found[0]))
            self.pos = found.end()
            return found[0]
        raise self._broken(
            f"a name was expected, and this is {self._excerpt()}",
            _advice(char, 'a name is text in double quotes, as in "name": ...'),
            f"Invalid property identifier character: {char}.",
        )

    def _string(self) -> str:
        quote, opened = self.text[self.pos], self.pos
        parts: list[str] = []
        if quote == "'":
            self.liberties.append((SINGLE, opened, ""))
        self.pos += 1
        while True:
            run = _PLAIN_TEXT[quote].match(self.text, self.pos)
            assert run is not None
            parts.append(run[0])
            self.pos = run.end()
            if self.pos >= len(self.text):
                azure = f"Unterminated string. Expected delimiter: {quote}."
                what = "the text that starts here is not closed"
                broken = self._broken(what, f"close it with {quote} on its line", azure)
                self._raise_at(opened, broken)
            char = self.text[self.pos]
            self.pos += 1
            if char == quote:
                return "".join(parts)
            if char == "\\":
                parts.append(self._escape())
            else:
                self.liberties.append((CONTROL, self.pos - 1, ""))
                parts.append(char)

    def _escape(self) -> str:
        at = self.pos - 1
        char = self.text[self.pos : self.pos + 1]
        self.pos += 1
        if char == "u":
            digits = self.text[self.pos : self.pos + 4]
            if re.fullmatch("[0-9a-fA-F]{4}", digits):
                self.pos += 4
                return self._pair(chr(int(digits, 16)))
            char = f"u{digits}"
        if char not in _ESCAPES:
            what = f"\\{char} is not an escape that JSON knows"
            fix = "write \\\\ for a backslash; in paths / works everywhere"
            self._raise_at(at, self._broken(what, fix, f"Bad JSON escape sequence: \\{char}."))
        return _ESCAPES[char]

    def _pair(self, high: str) -> str:
        low = _LOW_SURROGATE.match(self.text, self.pos)
        if "\ud800" <= high <= "\udbff" and low:
            self.pos = low.end()
            return chr(0x10000 + ((ord(high) - 0xD800) << 10) + int(low[1], 16) - 0xDC00)
        return high

    def _number(self) -> Any:
        found = _NUMBER.match(self.text, self.pos)
        text = found[0] if found else self.text[self.pos]
        if text in _CONSTANTS:
            return self._word()
        if plain := _JSON_NUMBER.match(text):
            self.pos += len(text)
            return float(text) if plain[1] or plain[2] else int(text)
        try:
            value = _unusual_number(text)
        except ValueError:
            fix = "put it in double quotes if it is text"
            azure = f"Input string '{text}' is not a valid number."
            raise self._broken(f"{text!r} is not a number", fix, azure) from None
        self.liberties.append((NUMBER, self.pos, text))
        self.pos += len(text)
        return value

    def _word(self) -> Any:
        if self.pos == len(self.text):
            raise self._cut_off()
        found = _WORD.match(self.text, self.pos)
        word = found[0] if found else ""
        if word in _CONSTANTS:
            self.liberties.append((CONSTANT, self.pos, word))
        if word in _WORDS or word in _CONSTANTS:
            self.pos += len(word)
            return (_WORDS | _CONSTANTS)[word]
        hint = "a value is text in double quotes, a number, true, false, null, {...} or [...]"
        if right := _MISSPELT.get(word):
            hint = f"JSON spells it {right}"
        char = self.text[self.pos]
        raise self._broken(
            f"a value was expected, and this is {self._excerpt()}",
            _advice(char, hint),
            f"Unexpected character encountered while parsing value: {char}.",
        )

    def _skip(self) -> None:
        while True:
            found = _SPACES.match(self.text, self.pos)
            assert found is not None
            self.pos = found.end()
            if not self.text[self.pos : self.pos + 1].isspace():
                return
            self.liberties.append((SPACE, self.pos, ""))
            self.pos += 1

    def _take(self, char: str) -> bool:
        if self.text.startswith(char, self.pos):
            self.pos += 1
            return True
        return False

    def _missing_colon(self, name: str) -> Broken:
        if self.pos == len(self.text):
            return self._cut_off()
        found = self.text[self.pos]
        return self._broken(
            f'a colon is missing after "{name}"',
            f'write "{name}": and then the value',
            f"Invalid character after parsing property name. Expected ':' but got: {found}.",
        )

    def _cut_off(self) -> Broken:
        opened = self._open[-1]
        line = self.text.count("\n", 0, opened) + 1
        closing = {"{": "}", "[": "]"}[self.text[opened]]
        return self._broken(
            f"the file ends before {self.text[opened]!r} of line {line} is closed",
            f"add {closing!r}, or restore the part that was cut off",
            "Unexpected end of content while loading JObject.",
        )

    def _excerpt(self) -> str:
        found = _EXCERPT.match(self.text, self.pos)
        if found is None:
            return "the end of the file"
        text = found[0][:40]
        return text if text.startswith('"') and len(text) > 1 else repr(text)

    def _broken(self, what: str, fix: str, azure: str) -> Broken:
        # Json.NET counts lines from 1, and as position the characters of the line already read.
        line = self.text.count("\n", 0, self.pos) + 1
        position = self.pos - (self.text.rfind("\n", 0, self.pos) + 1)
        path = "".join(self._path).removeprefix(".")
        place = f" Path '{path}', line {line}, position {position}."
        return Broken(self.pos, what, fix, azure + place)


def escape_pointer(name: str) -> str:
    """A member name as one segment of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _unusual_number(text: str) -> float | int:
    if re.fullmatch(r"-?0[xX][0-9a-fA-F]+", text):
        return int(text, 16)
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8)
    return float(text)


def _advice(char: str, otherwise: str) -> str:
    return next((text for chars, text in _ADVICE.items() if char in chars), otherwise)
