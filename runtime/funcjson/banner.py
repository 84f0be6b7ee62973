"""What `funcjson start` prints once it serves: the functions, where they are, and which SignalR service is in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from funcjson.errors import FuncJsonError, Problem, Severity, render
from funcjson.model import Function
from funcjson.plan import Plan


def listing(
    plans: Iterable[Plan], host_url: str, prefix: str, broken: Mapping[str, FuncJsonError]
) -> str:
    """HTTP functions first, then the others, both alphabetical, as Core Tools lists them."""
    ordered = sorted(plans, key=lambda plan: plan.function.name.lower())
    http = [plan.function for plan in ordered if _is_http(plan.function)]
    others = [plan.function for plan in ordered if not _is_http(plan.function)]
    width = max((len(function.name) for function in (*http, *others)), default=0)
    lines = [
        f"  {function.name:<{width}}  {_methods(function)} {host_url}{_path(function, prefix)}"
        f"{_mark(function, broken)}"
        for function in http
    ]
    lines += [
        f"  {function.name:<{width}}  {_describe(function)}{_mark(function, broken)}"
        for function in others
    ]
    return "\n".join(lines) if lines else "  (no function was loaded)"


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
