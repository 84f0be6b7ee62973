"""Templates: `{a.b}`, `%NAME%` and `{{`, parsed once at load, evaluated for each invocation.

The grammar, the order of the checks and the texts in `Problem.azure` are the real platform's. A
template never fails to load: what is wrong with it is raised when it is used, as the platform does.
"""

from __future__ import annotations

import re
import time
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from funcjson import expression_faults as faults
from funcjson.binding_data import (
    BindingData,
    Clock,
    NewGuid,
    NoMember,
    member,
    member_names,
    shown,
)
from funcjson.dotnet_text import BadFormat, date_text, guid_text
from funcjson.errors import Location
from funcjson.expression_faults import Fault, FaultFound

Lookup = Callable[[str], str | None]


class Evaluate(Protocol):
    """Evaluates a template. `lookup` reads a setting for `%name%`; `clock` gives seconds since the
    epoch.
    """

    def __call__(
        self, data: BindingData, lookup: Lookup | None = None, clock: Clock = time.time, /
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a template. `text` is as written; `literal` what a text piece stands for.

    `path` is the expression's names, `format` what follows its `:`. A builtin is `{datetime...}` or
    `{rand-guid...}`, whose first name keeps its format, since the data is searched for that whole
    text.
    """

    text: str
    kind: Literal["text", "expression", "setting"]
    literal: str = ""
    path: tuple[str, ...] = ()
    format: str | None = None
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed property value.

    `tokens` are those of `parsed`: the text after `%...%` when settings were known at load, else
    the text itself. `settings` are the names between percents. `fault` is what evaluation raises
    whatever the data. `alias` tells that the value was written `<headers.x>`. `evaluate(data,
    lookup, clock)` gives the text, or raises ExpressionError.
    """

    text: str
    parsed: str
    tokens: tuple[Token, ...]
    evaluate: Evaluate = field(compare=False, repr=False)
    where: Location | None = None
    settings: tuple[str, ...] = ()
    fault: Fault | None = None
    alias: bool = False

    @property
    def constant(self) -> bool:
        """Whether the value is the same for every invocation."""
        return self.fault is None and all(token.kind == "text" for token in self.tokens)


ALIAS = re.compile(r"<((?:headers|query|sys)\.[^<>{}%\s]+)>", re.IGNORECASE)


def parse_template(
    text: str,
    where: Location | None = None,
    lookup: Lookup | None = None,
    *,
    azure: bool = False,
    new_guid: NewGuid = uuid.uuid4,
) -> Template:
    """Parse a property value; never raises. With `lookup`, settings are put in now, else at each
    evaluation.

    `azure` leaves out what the real platform does not know: `<headers.x>` as another spelling of
    `{headers.x}`.
    """
    if not text or text.isspace():
        # Returned as it is: an empty user id stays empty, it does not become null.
        return Template(text, text, _literal(text), _constant(text), where)
    alias = None if azure else ALIAS.fullmatch(text.strip())
    source = f"{{{alias[1]}}}" if alias else text
    settings = tuple(token.literal for token in setting_tokens(source) if token.kind == "setting")
    late = "%" in source and lookup is None
    tokens: tuple[Token, ...] = ()
    fault = None
    parsed = source
    try:
        if lookup is not None:
            parsed = with_settings(source, lookup)
        tokens = setting_tokens(source) if late else parse_tokens(parsed)
    except FaultFound as found:
        fault = found.fault
    if fault is not None:
        evaluate = _failing(fault, where)
    elif late:
        evaluate = _late(source, where, new_guid)
    else:
        evaluate = _compile(tokens, where, new_guid)
    return Template(text, parsed, tokens, evaluate, where, settings, fault, alias is not None)


def resolve_settings(text: str, lookup: Lookup, where: Location | None = None) -> str:
    """Put the values of settings in place of `%name%`. Raises ExpressionError.

    One pass from left to right; what a setting holds is not looked at again, and `%` can not be
    escaped.
    """
    try:
        return with_settings(text, lookup)
    except FaultFound as found:
        raise found.fault.error(where) from None


def with_settings(text: str, lookup: Lookup) -> str:
    """As `resolve_settings`, for code that knows the place itself. Raises FaultFound."""
    parts: list[str] = []
    position = 0
    while (start := text.find("%", position)) >= 0:
        end = text.find("%", start + 1)
        if end < 0:
            raise FaultFound(faults.unclosed_percent(text, start))
        name = text[start + 1 : end]
        value = lookup(name) if name else None
        if value is None:
            raise FaultFound(faults.no_setting(name))
        parts += (text[position:start], value)
        position = end + 1
    parts.append(text[position:])
    return "".join(parts)


def setting_tokens(text: str) -> tuple[Token, ...]:
    """The text cut at its settings only; a last lone `%` stays text."""
    pieces = re.split(r"(%[^%]*%)", text)
    return tuple(
        Token(piece, "setting", piece[1:-1]) if index % 2 else Token(piece, "text", piece)
        for index, piece in enumerate(pieces)
        if piece
    )


# --- the grammar ----------------------------------------------------------------------------------

_PIECES = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_BUILTINS = ("rand-guid", "datetime")
_NAME_START = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"))
_NAME_REST = _NAME_START | {"Nd", "Pc", "Mn", "Mc", "Cf"}


def _literal(text: str) -> tuple[Token, ...]:
    return (Token(text, "text", text),) if text else ()


def parse_tokens(template: str) -> tuple[Token, ...]:
    """The pieces of a text whose settings are put in. Raises FaultFound for the first fault from
    the left.
    """
    tokens: list[Token] = []
    for match in _PIECES.finditer(template):
        piece, position = match[0], match.start() + 1
        if piece in ("{{", "}}"):
            tokens.append(Token(piece, "text", piece[0]))
        elif piece in ("{", "}"):
            raise FaultFound(faults.lone_brace(template, piece, position))
        elif piece == "{}":
            raise FaultFound(faults.empty_name(template, position))
        elif piece[0] == "{":
            tokens.append(_expression(template, piece))
        else:
            tokens.append(Token(piece, "text", piece))
    return tuple(tokens)


def _expression(template: str, text: str) -> Token:
    name, form = text[1:-1], None
    builtin = name.lower().startswith(_BUILTINS)
    if not builtin:
        colon = name.find(":")
        if colon > 0:
            name, form = name[:colon], name[colon + 1 :]
        if not _is_name(name):
            raise FaultFound(faults.bad_expression(template, name))
    path = tuple(name.split("."))
    if not builtin and "-" in path[0]:
        raise FaultFound(faults.bad_first_name(template, path[0]))
    if any(not part.strip() for part in path):
        raise FaultFound(faults.empty_part(text))
    return Token(text, "expression", path=path, format=form or None, builtin=builtin)


def _is_name(name: str) -> bool:
    if _PLAIN_NAME.fullmatch(name):
        return True
    if not name or not (name[0] == "_" or unicodedata.category(name[0]) in _NAME_START):
        return False
    return all(char in ".-" or unicodedata.category(char) in _NAME_REST for char in name[1:])


# --- evaluation -----------------------------------------------------------------------------------


def _constant(text: str) -> Evaluate:
    def evaluate(
        _data: BindingData, _lookup: Lookup | None = None, _clock: Clock = time.time, /
    ) -> str:
        return text

    return evaluate


def _failing(fault: Fault, where: Location | None) -> Evaluate:
    def evaluate(
        _data: BindingData, _lookup: Lookup | None = None, _clock: Clock = time.time, /
    ) -> str:
        raise fault.error(where)

    return evaluate


def _late(source: str, where: Location | None, new_guid: NewGuid) -> Evaluate:
    """For a template whose settings are read at each call; the parse of the last text is kept."""
    last: tuple[str, Evaluate] | None = None

    def evaluate(
        data: BindingData, lookup: Lookup | None = None, clock: Clock = time.time, /
    ) -> str:
        nonlocal last
        try:
            text = with_settings(source, lookup or no_settings)
            if last is None or last[0] != text:
                last = (text, _compile(parse_tokens(text), where, new_guid))
        except FaultFound as found:
            raise found.fault.error(where) from None
        return last[1](data, lookup, clock)

    return evaluate


def no_settings(_name: str) -> None:
    """The lookup of who knows no setting."""
    return


def _compile(tokens: tuple[Token, ...], where: Location | None, new_guid: NewGuid) -> Evaluate:
    if all(token.kind == "text" for token in tokens):
        return _constant("".join(token.literal for token in tokens))
    parts = [
        token.literal if token.kind == "text" else _compile_one(token, where, new_guid)
        for token in tokens
    ]
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]

    if len(parts) == 2:
        # Such as `chat-{user}`, faster than a join.
        first, second = parts
        if isinstance(first, str):
            return _prefixed(first, second)

    def evaluate(
        data: BindingData, lookup: Lookup | None = None, clock: Clock = time.time, /
    ) -> str:
        return "".join(
            [part if isinstance(part, str) else part(data, lookup, clock) for part in parts]
        )

    return evaluate


def _prefixed(prefix: str, inner: str | Evaluate) -> Evaluate:
    assert not isinstance(inner, str)

    def evaluate(
        data: BindingData, lookup: Lookup | None = None, clock: Clock = time.time, /
    ) -> str:
        return prefix + inner(data, lookup, clock)

    return evaluate


def _compile_one(token: Token, where: Location | None, new_guid: NewGuid) -> Evaluate:
    root = token.path[0].lower()

    def walk(data: BindingData, _: Lookup | None = None, clock: Clock = time.time, /) -> str:
        try:
            return shown_token(token, data, clock, new_guid)
        except FaultFound as found:
            raise found.fault.error(where) from None

    if len(token.path) == 1:

        def named(data: BindingData, _: Lookup | None = None, clock: Clock = time.time, /) -> str:
            entry = data.entries.get(root)
            if entry is not None and type(entry[1]) is str:
                return entry[1]
            return walk(data, None, clock)

        return named
    if len(token.path) == 2 and root == "headers":
        folded = token.path[1].lower()

        def header(data: BindingData, _: Lookup | None = None, clock: Clock = time.time, /) -> str:
            # The way of nearly every expression there is, hence without any call of ours.
            try:
                return data.headers.by_key[folded]  # type: ignore[union-attr]  # None is caught
            except (KeyError, AttributeError):
                return walk(data, None, clock)

        return header
    if len(token.path) == 2 and root == "query":
        exact = token.path[1]

        def query(data: BindingData, _: Lookup | None = None, clock: Clock = time.time, /) -> str:
            try:
                return data.query.by_key[exact]  # type: ignore[union-attr]  # None is caught
            except (KeyError, AttributeError):
                return walk(data, None, clock)

        return query
    return walk


def shown_token(token: Token, data: BindingData, clock: Clock, new_guid: NewGuid) -> str:
    """The text of one expression. Raises FaultFound."""
    try:
        entry = data.find(token.path[0])
        if entry is None:
            if token.builtin:
                return _builtin(token.path[0], clock, new_guid)
            raise FaultFound(faults.no_name(token.text, token.path, data.names()))
        value = entry.value
        for index, name in enumerate(token.path[1:], 1):
            value = _step(token, index, value, name, clock, new_guid)
        return shown(value, token.format)
    except BadFormat as error:
        raise FaultFound(faults.bad_format(token.text, str(error))) from None


def _step(token: Token, index: int, value: Any, name: str, clock: Clock, new_guid: NewGuid) -> Any:
    try:
        return member(value, name, clock, new_guid)
    except NoMember as missing:
        fault = faults.no_member(token.text, token.path, index, str(missing), member_names(value))
        raise FaultFound(fault) from None


def _builtin(text: str, clock: Clock, new_guid: NewGuid) -> str:
    """`datetime` or `rand-guid`, with a format after `:`; whatever else follows the word is not
    looked at.
    """
    form = text.partition(":")[2] or None
    if text.lower().startswith("datetime"):
        return date_text(datetime.fromtimestamp(clock(), UTC), form)
    return guid_text(new_guid(), form)
