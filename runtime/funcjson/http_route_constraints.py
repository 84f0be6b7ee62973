"""What `{id:int}` accepts: ASP.NET's inline route constraints, each a test on decoded text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches

Constraint = Callable[[str], bool]


class ConstraintError(ValueError):
    """A constraint that does not exist or has wrong arguments."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


def make_constraint(text: str) -> Constraint:
    """The test behind `int` or `range(1,5)`. Raises ConstraintError."""
    name, bracket, rest = text.partition("(")
    name = name.strip().lower()
    argument = rest.removesuffix(")") if bracket else None
    if name == "regex":
        return _regex(argument)
    if name in _PLAIN:
        if argument is not None:
            raise ConstraintError(
                f"the route constraint '{name}' takes no argument", f"write '{name}' alone"
            )
        return _PLAIN[name]
    if name in _COUNTED:
        counts, make = _COUNTED[name]
        return make(*_integers(name, argument, counts))
    near = get_close_matches(name, KNOWN, 1)
    raise ConstraintError(
        f"there is no route constraint '{name}'",
        f"did you mean '{near[0]}'?" if near else f"use one of: {', '.join(KNOWN)}",
    )


def _integer(value: str) -> int | None:
    # .NET's NumberStyles.Integer: outer white space and a sign are allowed, digits are ASCII.
    return int(value) if _INTEGER.fullmatch(value) else None


def _within(low: int, high: int) -> Constraint:
    def test(value: str) -> bool:
        number = _integer(value)
        return number is not None and low <= number <= high

    return test


def _is_real(value: str) -> bool:
    return bool(_REAL.fullmatch(value)) or value.strip().lower() in _SPECIAL_REALS


def _is_datetime(value: str) -> bool:
    """The invariant culture's usual forms. .NET guesses at many more."""
    text = value.strip()
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return any(_parses(text, form) for form in _DATE_FORMS)
    # Python also reads 20240131 and 2024-W05, which .NET does not.
    return "-" in text[:8] and "W" not in text


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only whether it parses is asked
    except ValueError:
        return False
    return True


def _is_file(value: str) -> bool:
    """The last part has a full stop with something after it."""
    last = value.rpartition("/")[2]
    _, stop, extension = last.partition(".")
    return bool(stop and extension.strip("."))


_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?[0-9,]*\.?[0-9]*\s*[+-]?\s*", re.ASCII)
_REAL = re.compile(r"\s*[+-]?([0-9][0-9,]*\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
_SPECIAL_REALS = frozenset({"nan", "-nan", "infinity", "-infinity", "+infinity", "∞", "-∞"})
_GUID = re.compile(
    r"\s*(?:[0-9a-f]{32}|(?P<d>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}"
    r"|\([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\))\s*",
    re.IGNORECASE,
)
_ALPHA = re.compile(r"[a-z]*", re.IGNORECASE | re.ASCII)
_DATE_FORMS = tuple(
    date + time
    for date in ("%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%B %d, %Y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)

_PLAIN: dict[str, Constraint] = {
    "int": _within(-(2**31), 2**31 - 1),
    "long": _within(-(2**63), 2**63 - 1),
    "bool": lambda value: value.strip().lower() in ("true", "false"),
    "datetime": _is_datetime,
    "decimal": lambda value: bool(_NUMBER.fullmatch(value)) and any(c.isdigit() for c in value),
    "double": _is_real,
    "float": _is_real,
    "guid": lambda value: bool(_GUID.fullmatch(value)),
    "alpha": lambda value: bool(_ALPHA.fullmatch(value)),
    "required": bool,
    "file": _is_file,
    "nonfile": lambda value: not _is_file(value),
}


def _min(low: int) -> Constraint:
    return _within(low, 2**63 - 1)


def _max(high: int) -> Constraint:
    return _within(-(2**63), high)


def _min_length(count: int) -> Constraint:
    return lambda value: len(value) >= count


def _max_length(count: int) -> Constraint:
    return lambda value: len(value) <= count


def _length(low: int, high: int | None = None) -> Constraint:
    return lambda value: low <= len(value) <= (low if high is None else high)


_COUNTED: dict[str, tuple[tuple[int, ...], Callable[..., Constraint]]] = {
    "min": ((1,), _min),
    "max": ((1,), _max),
    "range": ((2,), _within),
    "minlength": ((1,), _min_length),
    "maxlength": ((1,), _max_length),
    "length": ((1, 2), _length),
}

KNOWN = (*_PLAIN, *_COUNTED, "regex")


def _integers(name: str, argument: str | None, counts: tuple[int, ...]) -> list[int]:
    texts = argument.split(",") if argument else []
    numbers = [number for text in texts if (number := _integer(text)) is not None]
    if len(numbers) != len(texts) or len(texts) not in counts:
        wanted = " or ".join(str(count) for count in counts)
        raise ConstraintError(
            f"the route constraint '{name}' takes {wanted} whole number(s)",
            f"write for example {name}({','.join('1' * counts[0])})",
        )
    return numbers


def _regex(argument: str | None) -> Constraint:
    if not argument:
        raise ConstraintError("the route constraint 'regex' has no pattern", "write regex(^a$)")
    try:
        # .NET writes a named group without the P.
        pattern = re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", argument), re.IGNORECASE)
    except re.error as error:
        raise ConstraintError(
            f"the pattern of the route constraint 'regex' is malformed: {error}",
            "correct the pattern; braces are doubled inside a route",
        ) from error
    return lambda value: pattern.search(value) is not None
