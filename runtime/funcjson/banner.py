"""What `funcjson start` prints once it serves: the functions, where they are, and which SignalR service is in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from funcjson.errors import FuncJsonError, Problem, Severity, render
from funcjson.model import Function
from funcjson.plan import Plan


def listing(
    plans: Iterable[Plan],
    host_url: str,
    prefix: str,
    broken: Mapping[str, FuncJsonError],
    problems: Iterable[Problem] = (),
) -> str:
    """HTTP functions first, then the others, both alphabetical, as Core Tools lists them; last what did not load."""
    ordered = sorted(plans, key=lambda plan: plan.function.name.lower())
    http = [plan.function for plan in ordered if _is_http(plan.function)]
    others = [plan.function for plan in ordered if not _is_http(plan.function)]
    absent = _absent(ordered, problems)
    names = [*(function.name for function in (*http, *others)), *absent]
    width = max(map(len, names), default=0)
    lines = [
        f"  {function.name:<{width}}  {_methods(function)} {host_url}{_path(function, prefix)}"
        f"{_mark(function, broken)}"
        for function in http
    ]
    lines += [
        f"  {function.name:<{width}}  {_describe(function)}{_mark(function, broken)}"
        for function in others
    ]
    lines += [f"  {name:<{width}}  ERROR {what}" for name, what in absent.items()]
    return "\n".join(lines) if lines else "  (no function was loaded)"


def _absent(plans: Iterable[Plan], problems: Iterable[Problem]) -> dict[str, str]:
    """The first error of each function that is not there because of it."""
    there = {plan.function.name for plan in plans}
    found: dict[str, str] = {}
    for problem in problems:
        name = problem.function
        if name and name not in there and problem.severity is Severity.ERROR:
            found.setdefault(name, problem.what)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def problems_text(problems: Iterable[Problem]) -> str:
    """Errors last, so that they are what stands on the screen."""
    order = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
    return "\n\n".join(render(p) for p in sorted(problems, key=lambda p: order[p.severity]))


def pages(plans: Iterable[Plan], host_url: str, prefix: str) -> list[str]:
    """URLs that look like pages for a browser: GET functions without parameters named for a page."""
    names = {"index", "home", "page", "app", "ui"}
    return [
        f"{host_url}{_path(plan.function, prefix)}"
        for plan in plans
        if _is_http(plan.function)
        and plan.function.name.lower() in names
        and _accepts_get(plan.function)
        and "{" not in _path(plan.function, prefix).replace("{*", "")
    ]


def _is_http(function: Function) -> bool:
    return function.trigger.type.lower() == "httptrigger"


def _accepts_get(function: Function) -> bool:
    methods = function.trigger.properties.get("methods")
    return methods is None or any(str(method).lower() == "get" for method in methods)


def _methods(function: Function) -> str:
    methods = function.trigger.properties.get("methods")
    return (
        f"[{','.join(str(method).upper() for method in methods)}]"
        if methods is not None
        else "[ALL]"
    )


def _path(function: Function, prefix: str) -> str:
    route = str(function.trigger.properties.get("route") or function.name).strip("/")
    return "/" + "/".join(part for part in (prefix.strip("/"), route) if part)


def _describe(function: Function) -> str:
    properties = function.trigger.properties
    known = ("hubName", "category", "event", "schedule")
    detail = ", ".join(
        f"{name} {properties[name]}" for name in known if properties.get(name) is not None
    )
    return f"{function.trigger.type}{f' ({detail})' if detail else ''}"


def _mark(function: Function, broken: Mapping[str, FuncJsonError]) -> str:
    if function.name in broken:
        return f"   ERROR {broken[function.name].problems[0].what}"
    return "   disabled" if function.disabled else ""
