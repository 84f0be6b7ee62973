"""The OData filter of a transaction: text that selects connections, as a predicate.

`connectionId`, `userId` and `groups`; `and or not`, `eq ne gt ge lt le`, `in`, and functions of text: the dialect
that Azure documents for Web PubSub, whose sentence on the parameter the SignalR documents share. Names ignore
letter case, values do not. What has no value (the user of an anonymous connection) is null, as in OData: functions
of null are null, `not null` is null, and a connection for which the whole is null is not selected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from funcjson.signalr.errors import SignalRError

MAX_NESTING = 50  # parentheses, `not` and function calls within each other
_MAX_DIGITS = 18


class FilterError(SignalRError):
    """A filter that cannot be read. `position` counts characters from 1."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"The filter cannot be read at character {position}: {what}.")
        self.position = position


@dataclass(frozen=True, slots=True)
class Subject:
    """What a filter sees of a connection."""

    connection_id: str
    user_id: str | None
    groups: Collection[str]


Predicate = Callable[[Subject], bool]


def parse(text: str) -> Predicate:
    """The predicate that a filter describes. Raises FilterError."""
    found = _Parser(text).whole()
    return lambda subject: found.value(subject) is True


# Kinds of values, and expressions

_Value = Callable[[Subject], Any]


class _Kind(StrEnum):
    TEXT = "a text"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    NULL = "null"
    GROUPS = "the groups"


@dataclass(frozen=True, slots=True)
class _Expression:
    kind: _Kind
    value: _Value
    position: int


@dataclass(frozen=True, slots=True)
class _Function:
    """`takes` are the kinds of its arguments, of which the last `optional` may be left out."""

    takes: tuple[frozenset[_Kind], ...]
    gives: _Kind
    call: Callable[..., Any]
    optional: int = 0


def _part(text: str, start: int, count: int | None = None) -> str:
    """A place below 0 counts as 0, one beyond the end as the end."""
    rest = text[max(0, start) :]
    return rest if count is None else rest[: max(0, count)]


_TEXT = frozenset((_Kind.TEXT, _Kind.NULL))
_INDEX = frozenset((_Kind.NUMBER,))
_ONE, _TWO = (_TEXT,), (_TEXT, _TEXT)

_FUNCTIONS: Mapping[str, _Function] = {
    "tolower": _Function(_ONE, _Kind.TEXT, str.lower),
    "toupper": _Function(_ONE, _Kind.TEXT, str.upper),
    "trim": _Function(_ONE, _Kind.TEXT, str.strip),
    "concat": _Function(_TWO, _Kind.TEXT, lambda a, b: a + b),
    "substring": _Function((_TEXT, _INDEX, _INDEX), _Kind.TEXT, _part, optional=1),
    "startswith": _Function(_TWO, _Kind.BOOLEAN, str.startswith),
    "endswith": _Function(_TWO, _Kind.BOOLEAN, str.endswith),
    "contains": _Function(_TWO, _Kind.BOOLEAN, lambda text, part: part in text),
    "indexof": _Function(_TWO, _Kind.NUMBER, str.find),
    "length": _Function((_TEXT | {_Kind.GROUPS},), _Kind.NUMBER, len),
}
_NAMES: Mapping[str, tuple[_Kind, _Value]] = {
    "connectionid": (_Kind.TEXT, lambda subject: subject.connection_id),
    "userid": (_Kind.TEXT, lambda subject: subject.user_id),
    "groups": (_Kind.GROUPS, lambda subject: subject.groups),
    "true": (_Kind.BOOLEAN, lambda _: True),
    "false": (_Kind.BOOLEAN, lambda _: False),
    "null": (_Kind.NULL, lambda _: None),
}
# What has no value is neither more nor less than anything.
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and b is not None and a > b,
    "ge": lambda a, b: a is not None and b is not None and a >= b,
    "lt": lambda a, b: a is not None and b is not None and a < b,
    "le": lambda a, b: a is not None and b is not None and a <= b,
}


def _all_of(values: Sequence[_Value]) -> _Value:
    """`and` of three truths: false decides, else null does."""

    def value(subject: Subject) -> bool | None:
        outcome: bool | None = True
        for each in values:
            found = each(subject)
            if found is False:
                return False
            if found is None:
                outcome = None
        return outcome

    return value


def _negated(value: _Value) -> _Value:
    def negated(subject: Subject) -> bool | None:
        found = value(subject)
        return None if found is None else not found

    return negated


def _any_of(values: Sequence[_Value]) -> _Value:
    return _negated(_all_of([_negated(each) for each in values]))


def _called(function: _Function, arguments: Sequence[_Value]) -> _Value:
    def value(subject: Subject) -> Any:
        given = [argument(subject) for argument in arguments]
        return None if None in given else function.call(*given)

    return value


# Reading

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([+-]?[0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|([(),]))")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    position: int

    @property
    def word(self) -> str:
        """The token as a keyword or name, which ignore letter case."""
        return self.text.lower()

    @property
    def shown(self) -> str:
        """The token in an error message."""
        return f'"{self.text[:40]}" stands there' if self.text else "it ends there"


def _tokens(text: str) -> list[_Token]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            start = at + len(text[at:end]) - len(text[at:end].lstrip())
            if text[start] == "'":
                raise FilterError("the text that begins there has no ' at its end", start + 1)
            raise FilterError(f'"{text[start]}" has no meaning', start + 1)
        found.append(_Token(match[match.lastindex or 0], match.start(match.lastindex or 0) + 1))
        at = match.end()
    return [*found, _Token("", end + 1)]


class _Parser:
    """Recursive descent; from the loosest to the tightest: or, and, comparisons and in, not."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> _Expression:
        found = self._truth(self._or())
        if self._next.text:
            raise self._fault(f"{self._next.shown}, after a filter that was complete")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _skip(self, mark: str, why: str) -> None:
        if self._next.text != mark:
            raise self._fault(f'"{mark}" is needed {why}; {self._next.shown}')
        self._at += 1

    def _fault(self, what: str) -> FilterError:
        return FilterError(what, self._next.position)

    def _or(self) -> _Expression:
        return self._chain("or", self._and, _any_of)

    def _and(self) -> _Expression:
        return self._chain("and", self._comparison, _all_of)

    def _chain(
        self,
        word: str,
        part: Callable[[], _Expression],
        join: Callable[[Sequence[_Value]], _Value],
    ) -> _Expression:
        parts = [part()]
        while self._next.word == word:
            self._at += 1
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        values = [self._truth(each).value for each in parts]
        return _Expression(_Kind.BOOLEAN, join(values), parts[0].position)

    def _comparison(self) -> _Expression:
        left = self._not()
        if self._next.word == "in":
            self._at += 1
            return self._in(left)
        compare = _COMPARISONS.get(self._next.word)
        if compare is None:
            return left
        word = self._take().text
        right = self._not()
        self._comparable(left, right, word)
        a, b = left.value, right.value
        return _Expression(_Kind.BOOLEAN, lambda s: compare(a(s), b(s)), left.position)

    def _in(self, left: _Expression) -> _Expression:
        """In a list of values, or in the groups."""
        position = self._next.position
        if self._next.text == "(":
            choices = self._list()
        else:
            choices = [self._primary()]
            if choices[0].kind is not _Kind.GROUPS:
                raise FilterError('after "in" comes a list in parentheses, or groups', position)
        value = left.value
        if len(choices) == 1 and choices[0].kind is _Kind.GROUPS:
            if left.kind is not _Kind.TEXT:
                raise FilterError(f"a group is a text, this is {left.kind}", left.position)
            groups = choices[0].value
            return _Expression(_Kind.BOOLEAN, lambda s: value(s) in groups(s), left.position)
        for choice in choices:
            self._comparable(left, choice, "in")
        values = [choice.value for choice in choices]
        return _Expression(
            _Kind.BOOLEAN, lambda s: value(s) in [each(s) for each in values], left.position
        )

    def _comparable(self, left: _Expression, right: _Expression, word: str) -> None:
        for side in (left, right):
            if side.kind is _Kind.GROUPS:
                raise FilterError(
                    "groups is for 'name' in groups and length(groups)", side.position
                )
        if left.kind is not right.kind and _Kind.NULL not in (left.kind, right.kind):
            what = f'"{word}" is between {left.kind} and {right.kind}'
            raise FilterError(what, right.position)

    def _not(self) -> _Expression:
        if self._next.word != "not":
            return self._primary()
        position = self._take().position
        self._deeper()
        operand = self._truth(self._not(), "; write not (...) around a comparison")
        self._depth -= 1
        return _Expression(_Kind.BOOLEAN, _negated(operand.value), position)

    def _primary(self) -> _Expression:
        token = self._take()
        first = token.text[:1]
        if first == "(":
            self._deeper()
            found = self._or()
            self._depth -= 1
            self._skip(")", f'for the "(" at character {token.position}')
            return found
        if first == "'":
            text = token.text[1:-1].replace("''", "'")
            return _Expression(_Kind.TEXT, lambda _: text, token.position)
        if first.isdigit() or first in ("+", "-"):
            return self._number(token)
        if token.word in _FUNCTIONS:
            return self._function(token)
        if token.word in _NAMES:
            kind, value = _NAMES[token.word]
            return _Expression(kind, value, token.position)
        self._at -= 1
        raise self._fault(f"a value is needed (connectionId, userId, 'text', ...); {token.shown}")

    def _number(self, token: _Token) -> _Expression:
        if len(token.text) > _MAX_DIGITS:
            raise FilterError("the number is too large", token.position)
        number = int(token.text)
        return _Expression(_Kind.NUMBER, lambda _: number, token.position)

    def _function(self, name: _Token) -> _Expression:
        function = _FUNCTIONS[name.word]
        if self._next.text != "(":
            raise self._fault(f'"(" is needed after {name.text}; {self._next.shown}')
        arguments = self._list()
        most = len(function.takes)
        if not most - function.optional <= len(arguments) <= most:
            count = f"{most - 1} or {most}" if function.optional else str(most)
            what = f"{name.text} takes {count} arguments, not {len(arguments)}"
            raise FilterError(what, name.position)
        for argument, kinds in zip(arguments, function.takes, strict=False):
            if argument.kind not in kinds:
                wanted = " or ".join(sorted(kind for kind in kinds if kind is not _Kind.NULL))
                what = f"{name.text} takes {wanted} here, not {argument.kind}"
                raise FilterError(what, argument.position)
        values = [argument.value for argument in arguments]
        return _Expression(function.gives, _called(function, values), name.position)

    def _list(self) -> list[_Expression]:
        opening = self._take()
        self._deeper()
        found = [self._or()]
        while self._next.text == ",":
            self._at += 1
            found.append(self._or())
        self._depth -= 1
        self._skip(")", f'for the "(" at character {opening.position}')
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._fault(f"it is nested deeper than {MAX_NESTING} levels")

    def _truth(self, expression: _Expression, hint: str = "") -> _Expression:
        if expression.kind is not _Kind.BOOLEAN:
            what = f"true or false is needed, this is {expression.kind}{hint}"
            raise FilterError(what, expression.position)
        return expression
