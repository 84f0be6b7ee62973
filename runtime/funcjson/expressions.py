"""Binding expressions for people: what is doubtful at load, and where each value comes from.

The language itself is in `templates.py`; its names can be had from here.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from funcjson import expression_faults as faults
from funcjson.binding_data import BindingData, Clock, member
from funcjson.errors import ExpressionError, Location, Problem, Severity
from funcjson.expression_faults import FaultFound
from funcjson.templates import (
    ALIAS,
    Lookup,
    Template,
    Token,
    no_settings,
    parse_template,
    parse_tokens,
    resolve_settings,
    setting_tokens,
    shown_token,
    with_settings,
)

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
    if match is None or ALIAS.fullmatch(text.strip()):
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
    if (
        root == "headers"
        and name.startswith(faults.LOGIN_HEADER)
        and name not in faults.LOGIN_HEADERS
    ):
        near = faults.nearest(name, faults.LOGIN_HEADERS)
        yield Problem(
            "FJ0332",
            f"{token.text} is a header that signing in does not set",
            where,
            f"App Service authentication sets {faults.listed(faults.LOGIN_HEADERS)}, and drops all others "
            f"that start with {faults.LOGIN_HEADER}",
            f"did you mean {{headers.{near}}}?" if near else "use one of those",
            Severity.WARNING,
        )
    elif root == "headers" and name in faults.LOGIN_HEADERS:
        yield Problem(
            "FJ0324",
            f"{token.text} is there only for signed-in users",
            where,
            "App Service authentication adds this header, and drops it when a client sends it; "
            "without a login the binding fails and the caller gets 500",
            "turn authentication on in Azure; locally sign in at /.auth/login/aad, start with --as NAME, "
            "or send the header yourself",
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
    look = lookup or no_settings
    for token in setting_tokens(template.text):
        if token.kind == "setting":
            value = look(token.literal) if token.literal else None
            place = (origin(token.literal) if origin else None) or "settings"
            reason = "" if value is not None else faults.no_setting(token.literal).what
            rows.append(Explained(token.text, "setting", place, value, reason))
    try:
        source = template.parsed
        tokens = parse_tokens(with_settings(source, look) if template.settings else source)
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
        value = shown_token(token, data, clock, uuid.uuid4)
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
