"""Which function answers a URL: the table of routes, in the real host's order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from urllib.parse import unquote

from funcjson.errors import Location
from funcjson.http_route_templates import (
    Parameter,
)
from funcjson.signalr.plain_text import plain

Params = Mapping[str, str | None]

NO_PARAMS: Params = {}
_ENCODED_SLASH = re.compile("%(2f)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One HTTP-triggered function, as written. `methods` None: every verb; empty: none at all."""

    function: str
    route: str | None = None
    methods: tuple[str, ...] | None = None
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A function's place in the table.

    `template` has the prefix and no outer slash. Each of `parameters` has the numbers of the groups
    of `pattern` that may hold its value.
    """

    function: str
    template: str
    methods: frozenset[str] | None
    pattern: re.Pattern[str]
    parameters: tuple[tuple[Parameter, tuple[int, ...]], ...]
    literal_start: str
    where: Location | None = None

    @property
    def static_path(self) -> str | None:
        """The one path of a route without parameters."""
        return None if self.parameters else "/" + self.template

    def takes(self, method: str) -> bool:
        return self.methods is None or method in self.methods


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The function to run. A parameter that the URL leaves out is None."""

    function: str
    params: Params


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A route that almost answered, and why it did not."""

    function: str
    why: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No function answers. `near` has at most three near misses, the nearest first."""

    path: str
    near: tuple[NearMiss, ...] = ()

    @property
    def hint(self) -> str:
        """One line for a person, whatever the path has in it."""
        if not self.near:
            return plain(f"no function answers {self.path}")
        return plain("; ".join(f"{miss.function} {miss.why}" for miss in self.near))


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All routes, in the order in which they are tried. Built once, then only read."""

    routes: tuple[Route, ...] = ()
    prefix: str = ""
    _static: Mapping[str, Mapping[str, RouteMatch]] = field(default_factory=dict)
    _static_any: Mapping[str, RouteMatch] = field(default_factory=dict)

    def match(self, method: str, path: str) -> RouteMatch | NotFound:
        """The first route for this verb (upper case) and this path (as sent, percent-encoded)."""
        by_method = self._static.get(path)
        if by_method is not None:
            found = by_method.get(method)
            if found is not None:
                return found
        found = self._static_any.get(path)
        if found is not None:
            return found
        decoded = decode_path(path)
        folded = decoded.lower()
        for route in self.routes:
            methods = route.methods
            if (methods is None or method in methods) and folded.startswith(route.literal_start):
                params = match_route(route, decoded)
                if params is not None:
                    return RouteMatch(route.function, params)
        return _not_found(self, method, decoded)

    def lists(self, method: str, path: str) -> bool:
        """Whether a function that fits this path names this verb in its `methods`."""
        decoded = decode_path(path)
        return any(
            route.methods is not None
            and method in route.methods
            and match_route(route, decoded) is not None
            for route in self.routes
        )


def decode_path(path: str) -> str:
    """Percent-decoded, but for an encoded slash, which a local host keeps as it was sent."""
    return unquote(_ENCODED_SLASH.sub(r"%25\1", path)) if "%" in path else path


def match_route(route: Route, decoded: str) -> Params | None:
    """The parameters when this route's path and constraints fit, else None."""
    found = route.pattern.fullmatch(decoded)
    if found is None:
        return None
    if not route.parameters:
        return NO_PARAMS
    params: dict[str, str | None] = {}
    for parameter, groups in route.parameters:
        value = _value(found, parameter, groups)
        if not parameter.accepts(value):
            return None
        params[parameter.name] = value
    return params


def _value(found: re.Match[str], parameter: Parameter, groups: tuple[int, ...]) -> str | None:
    for group in groups:
        value: str | None = found.group(group)
        if value:
            return value
    return parameter.default


def _not_found(table: RouteTable, method: str, path: str) -> NotFound:
    misses: list[NearMiss] = []
    similar: list[NearMiss] = []
    for route in table.routes:
        if match_route(route, path) is not None:
            verbs = ", ".join(sorted(route.methods or ())) or "no verb at all (methods is [])"
            misses.append(NearMiss(route.function, f"takes {verbs}, not {method}"))
        elif (refusal := _refusal(route, path)) is not None:
            similar.append(NearMiss(route.function, refusal))
        elif match_route(route, f"/{table.prefix}{path}") is not None:
            similar.append(NearMiss(route.function, f"is at /{table.prefix}{path}"))
        elif "//" in path and match_route(route, re.sub("/+", "/", path)) is not None:
            similar.append(NearMiss(route.function, "does not take the empty part in '//'"))
    if not misses and not similar:
        paths = {"/" + route.template.lower(): route for route in table.routes}
        for near in get_close_matches(path.lower(), paths, 2, 0.7):
            similar.append(NearMiss(paths[near].function, f"is at /{paths[near].template}"))
    return NotFound(path, tuple((misses + similar)[:3]))


def _refusal(route: Route, path: str) -> str | None:
    """Which constraint refused, when the path fits the route otherwise."""
    found = route.pattern.fullmatch(path)
    if found is None:
        return None
    for parameter, groups in route.parameters:
        value = _value(found, parameter, groups)
        if (constraint := parameter.refused_by(value)) is not None:
            given = "is not in the URL" if value is None else f"'{value}' is not that"
            return f"wants {{{parameter.name}:{constraint}}}, and {given}"
    return None
