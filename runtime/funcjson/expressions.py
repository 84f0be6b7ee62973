"""Binding expressions: `{a.b}`, `%NAME%` and `{{`, parsed once at load, evaluated for each
invocation.

The grammar, the order of the checks and the texts in `Problem.azure` are the real platform's. A
template never fails to load: what is wrong with it is raised when it is used, as the platform does,
and reported earlier by `check_template`.
"""

from __future__ import annotations

import re
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Mapping
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
from funcjson.errors import ExpressionError, Location, Problem, Severity
from funcjson.expression_faults import Fault, FaultFound

__all__ = [
    "BindingData",
    "Explained",
    "ExpressionError",
    "Lookup",
    "Template",
    "Token",
    "check_template",
    "explain_template",
    "parse_template",
    "placeholder_problem",
    "resolve_settings",
]

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


_ALIAS = re.compile(r"<((?:headers|query|sys)\.[^<>{}%\s]+)>", re.IGNORECASE)


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
    alias = None if azure else _ALIAS.fullmatch(text.strip())
    source = f"{{{alias[1]}}}" if alias else text
    settings = tuple(token.literal for token in _setting_tokens(source) if token.kind == "setting")
    late = "%" in source and lookup is None
    tokens: tuple[Token, ...] = ()
    fault = None
    parsed = source
    try:
        if lookup is not None:
            parsed = _with_settings(source, lookup)
        tokens = _setting_tokens(source) if late else _tokens(parsed)
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
        return _with_settings(text, lookup)
    except FaultFound as found:
        raise found.fault.error(where) from None


def _with_settings(text: str, lookup: Lookup) -> str:
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


def _setting_tokens(text: str) -> tuple[Token, ...]:
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


def _tokens(template: str) -> tuple[Token, ...]:
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
            text = _with_settings(source, lookup or _no_settings)
            if last is None or last[0] != text:
                last = (text, _compile(_tokens(text), where, new_guid))
        except FaultFound as found:
            raise found.fault.error(where) from None
        return last[1](data, lookup, clock)

    return evaluate


def _no_settings(_name: str) -> None:
    return None


def _compile(tokens: tuple[Token, ...], where: Location | None, new_guid: NewGuid) -> Evaluate:
    if all(token.kind == "text" for token in tokens):
        return _constant("".join(token.literal for token in tokens))
    parts = [
        token.literal if token.kind == "text" else _compile_one(token, where, new_guid)
        for token in tokens
    ]
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]

    def evaluate(
        data: BindingData, lookup: Lookup | None = None, clock: Clock = time.time, /
    ) -> str:
        return "".join(
            [part if isinstance(part, str) else part(data, lookup, clock) for part in parts]
        )

    return evaluate


def _compile_one(token: Token, where: Location | None, new_guid: NewGuid) -> Evaluate:
    root = token.path[0].lower()
    if len(token.path) != 2 or root not in ("headers", "query"):

        def walk(data: BindingData, _: Lookup | None = None, clock: Clock = time.time, /) -> str:
            try:
                return _shown(token, data, clock, new_guid)
            except FaultFound as found:
                raise found.fault.error(where) from None

        return walk
    key = token.path[1].lower() if root == "headers" else token.path[1]

    def direct(data: BindingData, _: Lookup | None = None, clock: Clock = time.time, /) -> str:
        # The way of nearly every expression there is, hence without any call of ours.
        try:
            return data.entries[root][1].by_key[key]  # type: ignore[no-any-return]
        except (KeyError, AttributeError):
            pass
        try:
            return _shown(token, data, clock, new_guid)
        except FaultFound as found:
            raise found.fault.error(where) from None

    return direct


def _shown(token: Token, data: BindingData, clock: Clock, new_guid: NewGuid) -> str:
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


# --- checks at load -------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"<[^\W\d_][^<>{}]*>")
_SYS_MEMBERS = ("methodname", "randguid", "utcnow")
_WHAT_GOES_THERE: Mapping[str, str] = {
    "hubname": 'the name of the hub that clients connect to, such as "chat"',
    "userid": 'an expression for the user\'s id, such as "{headers.x-ms-client-principal-id}"',
    "idtoken": 'an expression for the token, such as "{headers.x-ms-token-aad-id-token}"',
    "connectionstringsetting": 'the name of the setting, such as "AzureSignalRConnectionString"',
    "schedule": 'a schedule, such as "0 */5 * * * *"',
    "category": '"messages" or "connections"',
    "event": 'the name of the method that clients call, or "connected" or "disconnected"',
}


def placeholder_problem(
    text: str, prop: str, where: Location | None = None, function: str | None = None
) -> Problem | None:
    """A warning when a value still holds a documentation placeholder such as `<hub_name>`."""
    match = _PLACEHOLDER.search(text)
    if match is None or _ALIAS.fullmatch(text.strip()):
        return None
    there = _WHAT_GOES_THERE.get(prop.lower(), "the real value")
    return Problem(
        "FJ0321",
        f"'{match[0]}' in '{prop}' is a placeholder from the documentation",
        where,
        "the text is used as it stands; nothing replaces angle brackets",
        f"put there {there}",
        Severity.WARNING,
        function,
    )


def check_template(
    template: Template,
    offers: frozenset[str] | None,
    lookup: Lookup | None = None,
    function: str | None = None,
) -> list[Problem]:
    """What can be said at load: warnings, since the platform fails only when the value is used.

    `offers` are the root names that the trigger can ever give, in any case; None when it can give
    any. `lookup` checks the settings of a template that was parsed without them.
    """
    where, found = template.where, []
    if template.alias:
        found.append(_alias_note(template))
    if template.fault is not None:
        found.append(template.fault.problem(where, Severity.WARNING))
    elif lookup is not None and template.settings:
        template = parse_template(template.text, where, lookup)
        if template.fault is not None:
            found.append(template.fault.problem(where, Severity.WARNING))
    for token in template.tokens:
        if token.kind == "expression":
            found += _doubts(token, offers, where)
    return [
        Problem(p.code, p.what, p.where, p.why, p.fix, p.severity, function, p.azure) for p in found
    ]


def _doubts(
    token: Token, offers: frozenset[str] | None, where: Location | None
) -> Iterable[Problem]:
    root = token.path[0].lower()
    name = token.path[1].lower() if len(token.path) > 1 else ""
    if offers is not None and not token.builtin and root not in {n.lower() for n in offers}:
        yield Problem(
            "FJ0323",
            f"{token.text} can never have a value here",
            where,
            f"this trigger offers: {faults.listed(offers)}",
            faults.better_spelling(token.path, offers) or "use one of those names",
            Severity.WARNING,
            azure=f"No value for named parameter '{token.path[0]}'.",
        )
    elif root == "sys" and name and name not in _SYS_MEMBERS:
        yield Problem(
            "FJ0323",
            f"{token.text} can never have a value",
            where,
            f"'sys' offers: {faults.listed(_SYS_MEMBERS)}",
            "use one of those names",
            Severity.WARNING,
            azure=f"Error while accessing '{token.path[1]}': property doesn't exist.",
        )
    elif offers is None and not token.builtin and (habit := faults.better_spelling(token.path, ())):
        yield Problem(
            "FJ0323",
            f"{token.text} has a value only if the request has a member '{token.path[0]}'",
            where,
            "the names are: headers.x, query.x, sys.x, and each route parameter, query parameter "
            "and member of a JSON body by its own name",
            habit,
            Severity.WARNING,
        )
    if root == "headers" and name.startswith(faults.LOGIN_HEADER):
        yield Problem(
            "FJ0324",
            f"{token.text} is there only for signed-in users",
            where,
            "App Service authentication adds this header, and drops it when a client sends it; "
            "without a login the binding fails and the caller gets 500",
            "turn authentication on in Azure; locally sign in, or send the header yourself",
            Severity.WARNING,
        )


def _alias_note(template: Template) -> Problem:
    return Problem(
        "FJ0322",
        f"{template.text.strip()} is read as {template.parsed}",
        template.where,
        "the platform's spelling of an expression has braces; there this value would stay as it is",
        f'write "{template.parsed}"',
        Severity.NOTE,
    )


# --- explanation ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Explained:
    """One token for a person: what it says, where its value comes from, the value, or why there is
    none.
    """

    text: str
    kind: str
    source: str
    value: str | None
    reason: str = ""


def explain_template(
    template: Template,
    data: BindingData,
    lookup: Lookup | None = None,
    clock: Clock = time.time,
    origin: Lookup | None = None,
) -> tuple[Explained, ...]:
    """Token by token: settings first, then the pieces of the text that they give.

    `origin` tells where a setting comes from. Values are shown, so this is for the app's author
    only.
    """
    rows: list[Explained] = []
    look = lookup or _no_settings
    for token in _setting_tokens(template.text):
        if token.kind == "setting":
            value = look(token.literal) if token.literal else None
            place = (origin(token.literal) if origin else None) or "settings"
            reason = "" if value is not None else faults.no_setting(token.literal).what
            rows.append(Explained(token.text, "setting", place, value, reason))
    try:
        source = template.parsed
        tokens = _tokens(_with_settings(source, look) if template.settings else source)
    except FaultFound as found:
        rows.append(Explained(template.text, "expression", "", None, found.fault.what))
        return tuple(rows)
    rows += [_explained(token, data, clock) for token in tokens]
    return tuple(rows)


def _explained(token: Token, data: BindingData, clock: Clock) -> Explained:
    if token.kind == "text":
        return Explained(token.text, "text", "as written", token.literal)
    entry = data.find(token.path[0])
    if entry is None:
        source = "built in" if token.builtin else ""
    else:
        source = ".".join((entry.origin, *token.path[1:])) if len(token.path) > 1 else entry.origin
    try:
        value = _shown(token, data, clock, uuid.uuid4)
    except FaultFound as found:
        fault = found.fault
        return Explained(token.text, "expression", source, None, f"{fault.what}; {fault.why}")
    reason = "" if value or entry is None else _why_empty(token, data, clock)
    return Explained(token.text, "expression", source, value, reason)


def _why_empty(token: Token, data: BindingData, clock: Clock) -> str:
    entry = data.find(token.path[0])
    value = entry.value if entry else None
    for name in token.path[1:]:
        value = member(value, name, clock, uuid.uuid4)
    inner = getattr(value, "value", value)
    if inner is None:
        return "null shows as nothing"
    if isinstance(inner, str):
        return "the text is empty"
    if isinstance(inner, bool | float):
        return "a plain boolean or decimal number shows as nothing"
    return "an object or array shows as nothing; name one of its members"
