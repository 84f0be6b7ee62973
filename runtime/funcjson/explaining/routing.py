"""Which function answers a request, and why each other one does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from funcjson.app_version import AppVersion
from funcjson.bindings.http_trigger import entry_of
from funcjson.errors import Problem, Severity, not_loaded
from funcjson.http_absent import problem_of
from funcjson.http_route_table import build_table
from funcjson.http_routes import (
    Route,
    RouteMatch,
    RouteTable,
    decode_path,
    match_route,
)

OTHER_PATH = "its route does not fit the path"
_MOST = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """The function (None: none answers), its route parameters, and a row `{function, route, why}` for each other.

    `broken` is why the function that the path names did not load, `fix` what to do when that is not to be seen by the path.
    """

    function: str | None
    params: Mapping[str, str | None]
    rejected: tuple[Mapping[str, Any], ...]
    hint: str = ""
    broken: Problem | None = None
    fix: str = ""


def choose(version: AppVersion, method: str, path: str) -> Choice:
    """Look through the routes as the host does. `path` is as sent, percent-encoded."""
    functions = [plan.function for plan in version.plans.values()]
    http = [f for f in functions if f.trigger.type == "httpTrigger"]
    prefix = version.settings.host.route_prefix
    table, problems = build_table((entry_of(f) for f in http if not f.disabled), prefix)
    disabled, _ = build_table((entry_of(f) for f in http if f.disabled), prefix)
    found = table.match(method, path)
    chosen = found.function if isinstance(found, RouteMatch) else None
    rows = [
        {"function": route.function, "route": _shown(route), "why": why}
        for route in table.routes
        if (why := _why_not(route, table, method, path, chosen))
    ]
    rows += [
        {"function": route.function, "route": _shown(route), "why": "it is disabled"}
        for route in disabled.routes
        if match_route(route, decode_path(path)) is not None
    ]
    rows += _left_out(version, path)
    rows += _not_loaded([*version.problems, *problems])
    if isinstance(found, RouteMatch):
        return Choice(chosen, found.params, tuple(rows[:_MOST]))
    broken = problem_of(version, path)
    hint = not_loaded(broken) if broken else found.hint if found.near else ""
    return Choice(None, {}, tuple(rows[:_MOST]), hint, broken)


def _left_out(version: AppVersion, path: str) -> list[dict[str, Any]]:
    """Functions that would be candidates, but for a setting; the reason of those whose route fits."""
    why = {one.function.name: one.why for one in version.left_out}
    http = [one.function for one in version.left_out if one.function.trigger.type == "httpTrigger"]
    table, _ = build_table((entry_of(f) for f in http), version.settings.host.route_prefix)
    found: list[dict[str, Any]] = []
    for route in table.routes:
        row = {"function": route.function, "route": _shown(route), "why": why[route.function]}
        if match_route(route, decode_path(path)) is None:
            row = {**row, "route": f"{row['route']}, left out", "why": OTHER_PATH}
        found.append(row)
    return found


def _shown(route: Route) -> str:
    verbs = ", ".join(sorted(route.methods)) if route.methods is not None else "any method"
    return f"{verbs} /{route.template}"


def _why_not(route: Route, table: RouteTable, method: str, path: str, chosen: str | None) -> str:
    """Why a route does not answer; "" when it does."""
    if route.function == chosen:
        return ""
    if match_route(route, decode_path(path)) is None:
        return OTHER_PATH
    if not route.takes(method):
        verbs = ", ".join(sorted(route.methods or ())) or "no method at all"
        return f"it takes {verbs}, not {method}"
    return f"it fits too, but '{chosen}' comes first by name"


def _not_loaded(problems: list[Problem]) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for problem in problems:
        if problem.severity is Severity.ERROR and problem.function:
            why = not_loaded(problem).removeprefix(f"{problem.function} ")
            rows.setdefault(
                problem.function,
                {"function": problem.function, "route": "", "why": f"it {why}, {problem.code}"},
            )
    return list(rows.values())


def nothing_answers(
    method: str, path: str, hint: str, broken: Problem | None = None, fix: str = ""
) -> Problem:
    """The problem of a request that no function answers; `broken` is why the one that it names is not there."""
    if broken and broken.fix:
        fix = f"mend it: {broken.fix}"
    return Problem(
        "FJ0247",
        f"no function answers {method} {path}",
        broken.where if broken else None,
        hint,
        fix or "correct the path, the method or the body, or the function's route and methods",
        function=broken.function if broken else None,
    )
