"""Binding data: the names that expressions may use, each with its value and where it came from.

Values keep the kind that .NET would give them, since that decides what an expression shows: a
Python dict or list is a JSON object or array, `JsonScalar` a scalar inside one, everything else a
plain value. For an HTTP request the body and the query are read only when an expression needs them.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from funcjson.dotnet_text import INVARIANT_DATE, date_text, guid_text, json_date, number_text
from funcjson.json_source import parse_json
from funcjson.model import HttpRequest, TypedData

Clock = Callable[[], float]
NewGuid = Callable[[], uuid.UUID]

NO_PROPERTY = "property doesn't exist."
NULL_REFERENCE = "Object reference not set to an instance of an object."
RESERVED = ("headers", "query", "sys")


class Entry(NamedTuple):
    """One name. `origin` is body, query, route, headers, sys, trigger, argument or context."""

    name: str
    value: Any
    origin: str


class Names:
    """Text by name: the headers (names ignore case, several values joined) or the query (exact
    names, last value).
    """

    __slots__ = ("_pairs", "_request", "by_key", "ignore_case")

    by_key: dict[str, str]

    def __init__(
        self,
        request: HttpRequest,
        pairs: Callable[[HttpRequest], Iterable[tuple[str, str]]],
        *,
        ignore_case: bool,
    ) -> None:
        self._request = request
        self._pairs = pairs
        self.ignore_case = ignore_case

    def __getattr__(self, name: str) -> Any:
        # Reached only while the slot is unset: most requests never ask.
        if name != "by_key":
            raise AttributeError(name)
        found: dict[str, str] = {}
        if self.ignore_case:
            for key, value in self._pairs(self._request):
                folded = key.lower()
                found[folded] = f"{found[folded]},{value}" if folded in found else value
        else:
            found.update(self._pairs(self._request))
        self.by_key = found
        return found

    def get(self, name: str) -> str | None:
        return self.by_key.get(name.lower() if self.ignore_case else name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_key)


@dataclass(frozen=True, slots=True)
class JsonScalar:
    """A string, number, boolean, null or date inside a JSON object; it shows differently from a
    plain value.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class System:
    """`sys`: the function's name, the time, a new GUID."""

    function_name: str


@dataclass(frozen=True, slots=True)
class Request:
    """The trigger's own name: an object that shows as nothing."""

    method: str


class BindingData:
    """Names for expressions, ignoring case. Later entries of the same name win.

    `more` gives further entries the first time that an unknown name or the whole is asked for; they
    never replace those given at once, but are listed in `shadowed`.
    """

    __slots__ = ("_more", "_shadowed", "entries", "headers", "query")

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        more: Callable[[], Iterable[Entry]] | None = None,
    ) -> None:
        self.entries: dict[str, Entry] = {entry[0].lower(): entry for entry in entries}
        self._more = more
        self._shadowed: tuple[Entry, ...] = ()
        # The request's own, where these names mean them: the short way for most expressions.
        self.headers: Names | None = None
        self.query: Names | None = None

    def find(self, name: str) -> Entry | None:
        """The entry of a name, in any letter case."""
        key = name.lower()
        entry = self.entries.get(key)
        if entry is None and self._more is not None:
            self._fill()
            entry = self.entries.get(key)
        return entry

    def origin(self, name: str) -> str | None:
        """Where the value of a name came from."""
        entry = self.find(name)
        return entry.origin if entry else None

    @property
    def shadowed(self) -> tuple[Entry, ...]:
        """What the caller sent under a name that already had a meaning; it was not used."""
        self._fill()
        return self._shadowed

    @property
    def shadowed_so_far(self) -> tuple[Entry, ...]:
        """As `shadowed`, as far as anybody has looked: reads neither body nor query."""
        return self._shadowed

    @property
    def hidden_reserved(self) -> tuple[Entry, ...]:
        """Those of `shadowed_so_far` that Azure would let replace `headers`, `query` or `sys`.

        What a route parameter or the trigger's name hides is hidden there, too.
        """
        return tuple(
            entry
            for entry in self._shadowed
            if (key := entry.name.lower()) in RESERVED and self.entries[key].origin == key
        )

    def names(self) -> tuple[str, ...]:
        """All names as they are spelled at their origin, sorted."""
        return tuple(sorted((entry.name for entry in self), key=str.lower))

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def __iter__(self) -> Iterator[Entry]:
        self._fill()
        return iter(tuple(self.entries.values()))

    def __len__(self) -> int:
        self._fill()
        return len(self.entries)

    def _fill(self) -> None:
        if self._more is None:
            return
        more, self._more = self._more, None
        fixed = dict(self.entries)
        shadowed = []
        for entry in more():
            key = entry.name.lower()
            if key in fixed:
                shadowed.append(entry)
            else:
                self.entries[key] = entry
        self._shadowed = tuple(shadowed)


def spread_json(text: str, origin: str, azure: bool = False) -> list[Entry]:
    """The members of a JSON object as entries; nothing for any other text.

    Arrays and nulls are skipped, objects stay objects, scalars become text. With `azure`, text that
    looks like a date-time is rewritten as the real platform's JSON reader does.
    """
    trimmed = text.strip()
    if not (trimmed.startswith("{") and trimmed.endswith("}")):
        return []
    members = parse_json(trimmed, origin).value
    return spread(members, origin, azure=azure) if isinstance(members, dict) else []


def spread(members: Mapping[str, Any], origin: str, azure: bool = False) -> list[Entry]:
    """As `spread_json`, for an object that is parsed."""
    entries = []
    for name, value in members.items():
        if value is None or isinstance(value, list):
            continue
        shown = dates_revived(value) if azure else value
        entries.append(
            Entry(name, shown if isinstance(shown, dict) else scalar_text(shown), origin)
        )
    return entries


def dates_revived(value: Any) -> Any:
    """A JSON value with every string that looks like a date-time made a date, as Json.NET reads
    it.
    """
    if isinstance(value, str):
        return json_date(value) or value
    if isinstance(value, dict):
        return {name: dates_revived(member) for name, member in value.items()}
    if isinstance(value, list):
        return [dates_revived(item) for item in value]
    return value


def scalar_text(value: Any) -> str:
    """A scalar of a JSON object as text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, datetime):
        return date_text(value, INVARIANT_DATE)
    return ""


class NoMember(Exception):
    """A value has no member of the name; the text is the platform's reason."""


def member(value: Any, name: str, clock: Clock, new_guid: NewGuid) -> Any:
    """The member of a value that `.name` in an expression means. Raises NoMember."""
    if value is None:
        raise NoMember(NULL_REFERENCE)
    if isinstance(value, Names):
        text = value.get(name)
        if text is None:
            raise NoMember(NO_PROPERTY)
        return text
    folded = name.lower()
    if isinstance(value, dict):
        return _json_member(value, name, folded)
    if isinstance(value, System):
        match folded:
            case "methodname":
                return value.function_name
            case "utcnow":
                return datetime.fromtimestamp(clock(), UTC)
            case "randguid":
                return new_guid()
        raise NoMember(NO_PROPERTY)
    # Other values: the few public .NET properties that mean something as text.
    for kind, properties in _PROPERTIES:
        if isinstance(value, kind) and folded in properties:
            return properties[folded](value)
    raise NoMember(NO_PROPERTY)


def member_names(value: Any) -> tuple[str, ...] | None:
    """The members a value offers, or None when they can not be listed."""
    if isinstance(value, Names | dict):
        return tuple(sorted(value))
    if isinstance(value, System):
        return ("methodname", "randguid", "utcnow")
    for kind, properties in _PROPERTIES:
        if isinstance(value, kind):
            return tuple(properties)
    return None


def _json_member(value: Mapping[str, Any], name: str, folded: str) -> Any:
    if name in value:
        found = value[name]
    else:
        for key in value:
            if key.lower() == folded:
                found = value[key]
                break
        else:
            raise NoMember(NO_PROPERTY)
    return found if isinstance(found, dict | list) else JsonScalar(found)


def _element(index: int) -> Callable[[list[Any]], Any]:
    def get(items: list[Any]) -> Any:
        if not items:
            return None
        found = items[index]
        return found if isinstance(found, dict | list) else JsonScalar(found)

    return get


_PROPERTIES: tuple[tuple[type, Mapping[str, Callable[[Any], Any]]], ...] = (
    (str, {"length": len}),
    (list, {"count": len, "first": _element(0), "last": _element(-1)}),
    (JsonScalar, {"value": lambda scalar: scalar.value}),
    (Request, {"method": lambda request: request.method}),
    (
        datetime,
        {
            "year": lambda moment: moment.year,
            "month": lambda moment: moment.month,
            "day": lambda moment: moment.day,
            "hour": lambda moment: moment.hour,
            "minute": lambda moment: moment.minute,
            "second": lambda moment: moment.second,
            "millisecond": lambda moment: moment.microsecond // 1000,
            "dayofyear": lambda moment: moment.timetuple().tm_yday,
        },
    ),
)


def shown(value: Any, form: str | None) -> str:
    """A value as the text that an expression puts in its place. Raises BadFormat for a format .NET
    refuses.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return ""  # a plain .NET bool shows as nothing; inside a JSON object it shows
    if isinstance(value, int):
        return str(value)
    if isinstance(value, JsonScalar):
        return scalar_text(value.value)
    if isinstance(value, datetime):
        return date_text(value, form)
    if isinstance(value, uuid.UUID):
        return guid_text(value, form)
    return ""


def json_text(value: Any) -> str:
    """A value as compact JSON text; bytes become Base64, what JSON cannot say becomes null."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_json_substitute)


def _json_substitute(value: Any) -> str | None:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else None


def metadata_of(data: BindingData) -> dict[str, TypedData]:
    """The entries as trigger metadata: everything but the trigger itself and `sys`."""
    found: dict[str, TypedData] = {}
    for entry in data:
        if entry.origin in ("sys", "trigger"):
            continue
        value = entry.value
        if isinstance(value, str):
            found[entry.name] = {"string": value}
        elif isinstance(value, Names):
            found[entry.name] = {"json": json_text(value.by_key)}
        else:
            found[entry.name] = {"json": json_text(value)}
    return found
