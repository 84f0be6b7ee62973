"""What can be wrong with a binding expression, each in the real platform's words and in ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from funcjson.errors import ExpressionError, Location, Problem, Severity

# Headers that only App Service authentication (or our login) adds to a request.
LOGIN_HEADER = "x-ms-client-principal"
LOGIN_HEADERS = (LOGIN_HEADER, *(f"{LOGIN_HEADER}-{end}" for end in ("id", "name", "idp")))

# What people write from habit, and what they mean. `{0}` is the rest of the expression.
_HABITS = {
    "header": "{{headers.{0}}}",
    "body": "{{{0}}}",
    "params": "{{{0}}}",
    "route": "{{{0}}}",
    "querystring": "{{query.{0}}}",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a template is malformed or has no value; becomes an ExpressionError when the template is
    used.

    `kind` is the real platform's exception family.
    """

    code: str
    kind: str
    azure: str
    what: str
    why: str
    fix: str

    def problem(self, where: Location | None, severity: Severity = Severity.ERROR) -> Problem:
        return Problem(self.code, self.what, where, self.why, self.fix, severity, azure=self.azure)

    def error(self, where: Location | None) -> ExpressionError:
        return ExpressionError(self.problem(where), self.kind)


class FaultFound(Exception):
    """A fault, on its way to the code that knows the place in the file."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.azure)
        self.fault = fault


def listed(names: Iterable[str], limit: int = 30) -> str:
    """Names as a person reads them; values never come here."""
    every = sorted(names, key=str.lower)
    more = len(every) - limit
    text = ", ".join(every[:limit]) or "nothing"
    return f"{text} and {more} more" if more > 0 else text


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, or nothing."""
    by_fold = {known.lower(): known for known in names}
    if not by_fold:
        return ""
    found = difflib.get_close_matches(name.lower(), by_fold, 1)
    return by_fold[found[0]] if found else ""


def no_name(text: str, path: tuple[str, ...], offered: Iterable[str]) -> Fault:
    """The first name is not in the binding data."""
    names = tuple(offered)
    name = path[0]
    return Fault(
        "FJ0301",
        "InvalidOperation",
        f"No value for named parameter '{name}'.",
        f"{text} has no value: there is no '{name}' in this invocation",
        f"at that place the trigger offered: {listed(names)}",
        better_spelling(path, names) or "send it with the request, or use one of those names",
    )


def better_spelling(path: tuple[str, ...], names: Iterable[str]) -> str:
    """Advice for a first name that is unknown; empty when there is none."""
    name, rest = path[0].lower(), ".".join(path[1:])
    if name in _HABITS and rest:
        return f"write {_HABITS[name].format(rest)}"
    if name in ("req", "request") and len(path) > 2 and path[1].lower() in ("headers", "query"):
        return f"write {{{'.'.join(path[1:])}}}"
    near = nearest(name, names)
    if near:
        return f"did you mean {{{'.'.join((near, *path[1:]))}}}?"
    return ""


def no_member(
    text: str, path: tuple[str, ...], index: int, reason: str, offered: Iterable[str] | None
) -> Fault:
    """A name after a dot is not there."""
    name, owner = path[index], ".".join(path[:index])
    names = None if offered is None else tuple(offered)
    has = "holds a value without members" if names is None else f"offered: {listed(names)}"
    why = f"'{owner}' {has}"
    in_headers = path[0].lower() == "headers" and index == 1
    near = nearest(name, (*(names or ()), *(LOGIN_HEADERS if in_headers else ())))
    if in_headers and name.lower() in LOGIN_HEADERS:
        why = f"App Service authentication adds this header when a user is signed in; {why}"
        fix = "sign in first, or send the header yourself while you test locally"
    elif near:
        fix = f"did you mean {{{'.'.join((*path[:index], near, *path[index + 1 :]))}}}?"
    elif in_headers or (path[0].lower() == "query" and index == 1):
        fix = "send it with the request, or use one of those names"
    else:
        fix = "use one of those names" if names else f"remove '.{name}'"
    kind = "header" if in_headers else f"'{name}' in '{owner}'"
    what = f"no {kind} '{name}' in this request" if in_headers else f"there is no {kind}"
    return Fault(
        "FJ0302",
        "InvalidOperation",
        f"Error while accessing '{name}': {reason}",
        f"{text} has no value: {what}",
        why,
        fix,
    )


def malformed(template: str, detail: str, what: str, why: str, fix: str) -> Fault:
    """The template breaks the grammar; `detail` is the platform's sentence."""
    return Fault("FJ0303", "Format", f"Invalid template '{template}'. {detail}", what, why, fix)


def empty_name(template: str, position: int) -> Fault:
    return malformed(
        template,
        f"The parameter name at position {position} is empty.",
        f"{{}} at position {position} names nothing",
        "an expression needs a name between its braces",
        "write a name, such as {headers.x-user}, or {{}} for two literal braces",
    )


def lone_brace(template: str, brace: str, position: int) -> Fault:
    missing, double = ("closing", "{{") if brace == "{" else ("opening", "}}")
    return malformed(
        template,
        f"Missing {missing} bracket at position {position}.",
        f"'{brace}' at position {position} of '{template}' has no partner",
        "a single brace begins or ends an expression",
        f"add the {missing} brace, or write {double} for a literal '{brace}'",
    )


def bad_expression(template: str, name: str) -> Fault:
    return malformed(
        template,
        f"Invalid template expression '{name}",  # no closing quote: the platform's own text
        f"{{{name}}} is not an expression",
        "names hold letters, digits, _ and ., and after the first dot -; no spaces, brackets or $",
        "use a name the trigger offers, such as {headers.x-user}, {query.name} or {name}",
    )


def bad_first_name(template: str, name: str) -> Fault:
    return malformed(
        template,
        f"The parameter name '{name}' is invalid.",
        f"the first name of an expression may not hold '-': '{name}'",
        "only names after a dot may hold '-', as in {headers.x-user}",
        f"if '{name}' is a header write {{headers.{name}}}",
    )


def empty_part(text: str) -> Fault:
    return Fault(
        "FJ0303",
        "InvalidOperation",
        "Illegal expression: System.String[]",  # the platform's own text
        f"{text} has an empty name beside a dot",
        "each dot stands between two names",
        "remove the extra dot",
    )


def bad_format(text: str, reason: str) -> Fault:
    return Fault(
        "FJ0303",
        "Format",
        reason,
        f"{text} has a format that does not exist",
        "GUIDs take D, N, B, P or X; dates take .NET date formats such as yyyy-MM-dd",
        "correct what follows the ':'",
    )


def no_setting(name: str) -> Fault:
    return Fault(
        "FJ0304",
        "InvalidOperation",
        f"'%{name}%' does not resolve to a value.",
        f"there is no setting '{name}'" if name else "'%%' names no setting",
        "%name% is replaced by a setting of the environment or of local.settings.json",
        f'add "{name}" to Values in local.settings.json' if name else "write a name between them",
    )


def unclosed_percent(text: str, position: int) -> Fault:
    return Fault(
        "FJ0304",
        "InvalidOperation",
        f"The '%' at position {position} does not have a closing '%'",
        f"'%' at position {position} of '{text}' has no partner",
        "'%' begins the name of a setting, and there is no way to write a literal '%' here",
        "close it as in %NAME%, or keep the text with '%' in a setting",
    )
