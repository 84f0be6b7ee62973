"""The table of routes made of an app's functions, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from funcjson.errors import Problem, Severity
from funcjson.http_route_templates import (
    Parameter,
    Segment,
    Template,
    TemplateError,
    parse_template,
)
from funcjson.http_routes import NO_PARAMS, Route, RouteEntry, RouteMatch, RouteTable, match_route

# The host keeps these for itself. Its test is on the text, so `administrators` is refused too.
RESERVED_STARTS = ("admin", "runtime")


def build_table(
    entries: Iterable[RouteEntry], prefix: str = "api"
) -> tuple[RouteTable, tuple[Problem, ...]]:
    """The table of an app, and what is wrong with it.

    A function whose route cannot be used is left out and named by an error Problem; the others keep
    working. Routes are tried in the order of the functions' names, as the real host does.
    """
    problems: list[Problem] = []
    routes: list[tuple[Template, Route]] = []
    # What has a route so far, to find equal ones: folded route -> (function, verbs as written).
    taken: dict[str, list[tuple[str, frozenset[str] | None]]] = {}
    for entry in sorted(entries, key=lambda e: (e.function.lower(), e.function)):
        text = route_text(entry.function, entry.route)
        parsed, problem = check_route(entry, prefix)
        # The real host compares verbs as they are written, and here reads an empty list as "all".
        verbs = frozenset(entry.methods) if entry.methods else None
        rivals = taken.setdefault(text.lower(), [])
        rival = next((name for name, theirs in rivals if _share(verbs, theirs)), None)
        if problem is None and rival is not None:
            problem = _conflict(entry, text, rival)
        if problem is not None or parsed is None:
            problems += [problem] if problem else []
            continue
        rivals.append((entry.function, verbs))
        routes.append((parsed, make_route(entry, parsed)))
    problems += _shadows(routes)
    return _with_static(tuple(route for _, route in routes), prefix.strip("/")), tuple(problems)


def check_route(entry: RouteEntry, prefix: str) -> tuple[Template | None, Problem | None]:
    """A function's template with the prefix, or the reason why it has none."""
    text = route_text(entry.function, entry.route)
    if text.lower().startswith(RESERVED_STARTS):
        return None, _reserved(entry, text)
    template = "/".join(part for part in (prefix.strip("/"), text) if part)
    try:
        return parse_template(template), None
    except TemplateError as error:
        return None, _bad_template(entry, error)


def route_text(function: str, route: str | None) -> str:
    """The route as the table takes it: the function's name when blank, outer slashes trimmed."""
    text = (route or "").strip()
    return text.strip("/") if text else function


def make_route(entry: RouteEntry, template: Template) -> Route:
    """A parsed template as something to match with."""
    groups: dict[str, list[int]] = {parameter.name: [] for parameter in template.parameters}
    pattern = re.compile(_pattern(template, groups), re.IGNORECASE | re.DOTALL)
    methods = None if entry.methods is None else frozenset(m.upper() for m in entry.methods)
    start = ""
    for segment in template.segments:
        if not segment.is_literal:
            break
        start += "/" + segment.literal.lower()
    text = template.text
    if not groups:
        text = "/".join(segment.literal for segment in template.segments)
    return Route(
        function=entry.function,
        template=text,
        methods=methods,
        pattern=pattern,
        parameters=tuple((p, tuple(groups[p.name])) for p in template.parameters),
        literal_start=start,
        where=entry.where,
    )


def _pattern(template: Template, groups: dict[str, list[int]]) -> str:
    """An expression for the decoded path; notes in `groups` which of its groups hold what."""
    if not template.segments:
        return "/"
    count = 0

    def capture(name: str, pattern: str) -> str:
        nonlocal count
        count += 1
        groups[name].append(count)
        return f"({pattern})"

    def mixture(parts: Iterable[str | Parameter]) -> str:
        return "".join(
            re.escape(part) if isinstance(part, str) else capture(part.name, "[^/]+")
            for part in parts
        )

    # Only a run of optional segments at the end may be left out.
    can_end_at = len(template.segments)
    while can_end_at and _may_be_absent(template.segments[can_end_at - 1]):
        can_end_at -= 1
    pieces: list[str] = []
    closing = ""
    for at, segment in enumerate(template.segments):
        parameter = segment.parameter
        last = segment.parts[-1]
        if parameter is not None and parameter.catch_all:
            pieces.append(f"(?:/{capture(parameter.name, '.*')})?")
            continue
        if isinstance(last, Parameter) and last.optional and len(segment.parts) > 1:
            # `{file}.{ext?}` matches `a.b` whole, else `a` without the full stop; never `a.`.
            whole, short = mixture(segment.parts), mixture(segment.parts[:-2])
            piece = f"/(?:{whole}|(?![^/]*\\.(?:/|$)){short})"
        else:
            piece = "/" + mixture(segment.parts)
        if at >= can_end_at:
            piece, closing = "(?:" + piece, closing + ")?"
        pieces.append(piece)
    return "".join(pieces) + closing + "/?"


def _may_be_absent(segment: Segment) -> bool:
    parameter = segment.parameter
    return parameter is not None and (
        parameter.optional or parameter.catch_all or parameter.default is not None
    )


def _with_static(routes: tuple[Route, ...], prefix: str) -> RouteTable:
    """Add the two dictionaries that answer most requests at once.

    A path is in them only when the ordered search finds a route without parameters for it,
    whatever the verb.
    """
    verbs = {verb for route in routes for verb in route.methods or ()}
    static: dict[str, dict[str, RouteMatch]] = {}
    static_any: dict[str, RouteMatch] = {}
    for path in {path for route in routes if (path := route.static_path)}:
        fitting = [route for route in routes if match_route(route, path) is not None]
        if any(route.parameters for route in fitting):
            continue
        firsts = {
            verb: RouteMatch(first.function, NO_PARAMS)
            for verb in verbs
            if (first := next((r for r in fitting if r.takes(verb)), None)) is not None
        }
        for spelling in (path, path.lower()):
            static[spelling] = firsts
            # Routes that take every verb answer verbs that nobody lists, too.
            general = next((route for route in fitting if route.methods is None), None)
            if general is not None:
                static_any[spelling] = RouteMatch(general.function, NO_PARAMS)
    return RouteTable(routes, prefix, static, static_any)


def _share(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    return one is None or other is None or bool(one & other)


# Values to try a constrained parameter with, when a route is tested against those before it.
_SAMPLES = (
    "q", "1", "true", "2024-01-31", "c0ffee00-1111-2222-3333-444455556666", "a.b", "qqqqqqqq", "50",
)  # fmt: skip


def _sample_path(template: Template) -> str | None:
    """A path that this template matches, None when its constraints are too special to guess."""
    path = ""
    for segment in template.segments:
        path += "/"
        for part in segment.parts:
            if isinstance(part, str):
                path += part
            elif (value := next((s for s in _SAMPLES if part.accepts(s)), None)) is not None:
                path += value
            else:
                return None
    return path or "/"


def _shadows(routes: list[tuple[Template, Route]]) -> list[Problem]:
    """Routes that an earlier one always answers for."""
    problems: list[Problem] = []
    for at, (template, route) in enumerate(routes):
        sample = _sample_path(template)
        for _, earlier in routes[:at]:
            shared = _shared_verbs(earlier, route)
            if sample and shared is not None and match_route(earlier, sample) is not None:
                problems.append(_shadowed(route, earlier, shared))
                break
    return problems


def _shared_verbs(one: Route, other: Route) -> list[str] | None:
    """The verbs that both take: [] for all of them, None for none."""
    if one.methods is None:
        return sorted(other.methods) or None if other.methods is not None else []
    if other.methods is None:
        return sorted(one.methods) or None
    return sorted(one.methods & other.methods) or None


def _reserved(entry: RouteEntry, text: str) -> Problem:
    start = next(start for start in RESERVED_STARTS if text.lower().startswith(start))
    return Problem(
        code="FJ0241",
        what=f"the route '{text}' begins with '{start}', which the host keeps for itself",
        where=entry.where,
        why="/admin and /runtime/webhooks are the host's own endpoints",
        fix=f'set another route, such as "route": "my-{text}"',
        function=entry.function,
        azure="The specified route conflicts with one or more built in routes.",
    )


def _bad_template(entry: RouteEntry, error: TemplateError) -> Problem:
    return Problem(
        code="FJ0242",
        what=error.what,
        where=entry.where,
        why="on Azure a route that cannot be read stops the whole app; here only this function",
        fix=error.fix,
        function=entry.function,
        azure=error.azure or None,
    )


def _conflict(entry: RouteEntry, text: str, rival: str) -> Problem:
    return Problem(
        code="FJ0243",
        what=f"the route '{text}' already belongs to '{rival}'",
        where=entry.where,
        why="two functions with one route and a verb in common: the one whose name sorts first "
        "gets it",
        fix="give one of them another route, or other methods",
        function=entry.function,
        azure=f"The route specified conflicts with the route defined by function '{rival}'.",
    )


def _shadowed(route: Route, earlier: Route, verbs: list[str]) -> Problem:
    what = f"{','.join(verbs)} {route.template}" if verbs else route.template
    return Problem(
        code="FJ0244",
        what=f"'{what}' is answered by '{earlier.function}' and never reaches '{route.function}'",
        where=route.where,
        why=f"routes are tried in the order of the functions' names, and '{earlier.template}' "
        "fits too; the real host does the same",
        fix=f"rename one of the functions so that '{route.function}' sorts first, or make the "
        "other route narrower",
        severity=Severity.WARNING,
        function=route.function,
    )
