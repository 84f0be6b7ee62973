"""The app for the page: each function with its bindings, what is wrong with it, and lines of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from funcjson.app_facts import constant_hub
from funcjson.bindings.http_trigger import entry_of
from funcjson.http_route_table import build_table
from funcjson.inspector.inspected import Inspected, Refusal, mask_of
from funcjson.masking import Shown
from funcjson.model import Binding, Function
from funcjson.plan import Plan, PlannedBinding

_TOKEN_TYPES = frozenset({"signalrconnectioninfo", "signalrnegotiation"})
_SHOWN_SUFFIXES = frozenset(
    {".json", ".py", ".js", ".mjs", ".cjs", ".ts", ".html", ".htm", ".c", ".cs", ".ps1", ".sh"}
)
_AROUND = 4
_MOST_BYTES = 2_000_000


def functions(host: Inspected) -> list[dict[str, Any]]:
    """One entry for each function, by name."""
    version, shown = host.version, Shown(mask_of(host))
    prefix = version.settings.host.route_prefix
    plans = sorted(version.plans.values(), key=lambda plan: plan.function.name.lower())
    http = [p.function for p in plans if p.trigger.type == "httpTrigger"]
    table, _ = build_table((entry_of(function) for function in http), prefix)
    routes = {route.function: route for route in table.routes}
    found = []
    for plan in plans:
        function = plan.function
        route = routes.get(function.name)
        broken = version.broken.get(function.name)
        own = [p for p in version.problems if p.function == function.name]
        own += list(broken.problems) if broken else []
        found.append(
            {
                "name": function.name,
                "language": str(function.language),
                "file": function.script_file or "",
                "disabled": function.disabled,
                "methods": sorted(route.methods) if route and route.methods is not None else None,
                "path": f"/{route.template}" if route else None,
                "givesToken": any(
                    step.binding.type.lower() in _TOKEN_TYPES for step in plan.inputs
                ),
                "trigger": _binding(function, function.trigger, shown),
                "inputs": [_with_hub(function, step, shown) for step in plan.inputs],
                "outputs": [_with_hub(function, step, shown) for step in plan.outputs],
                "answer": _answer(plan, shown),
                "problems": [problem.as_json() for problem in own],
            }
        )
    return found


def _with_hub(function: Function, step: PlannedBinding, shown: Shown) -> dict[str, Any]:
    """A binding and the hub that its hubName means, where that is no expression."""
    return {**_binding(function, step.binding, shown), "hub": constant_hub(step)}


def _binding(function: Function, binding: Binding, shown: Shown) -> dict[str, Any]:
    hidden = ("name", "type", "direction")
    place = function.locate(binding.pointer)
    return {
        "name": binding.name,
        "type": binding.type,
        "properties": {
            name: shown.value(value, name)
            for name, value in binding.properties.items()
            if name not in hidden
        },
        "file": place.file,
        "line": place.line,
    }


def _answer(plan: Plan, shown: Shown) -> dict[str, Any] | None:
    if plan.trigger.type != "httpTrigger":
        return None
    if plan.http_output is None:
        return {"name": "the return value", "type": "http", "properties": {}, "file": "", "line": 0}
    return _binding(plan.function, plan.http_output.binding, shown)


def source_lines(host: Inspected, file: str, line: int) -> dict[str, Any]:
    """A few lines around a place in a file of the app. Raises Refusal for what is not to be shown."""
    root = host.version.settings.app_root.resolve()
    path = (root / file).resolve()
    relative = Path(file)
    if not path.is_relative_to(root) or relative.is_absolute():
        raise Refusal("only files of the app are shown")
    if any(part.startswith(".") for part in path.relative_to(root).parts):
        raise Refusal("hidden files are not shown")
    if path.name.lower() == "local.settings.json":
        raise Refusal("local.settings.json holds secrets and is not shown")
    if path.suffix.lower() not in _SHOWN_SUFFIXES:
        raise Refusal("this kind of file is not shown")
    try:
        text = path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
    except OSError as error:
        raise Refusal(f"{file} cannot be read") from error
    lines = text.splitlines()
    first = max(1, line - _AROUND)
    mask = mask_of(host)
    return {
        "file": file,
        "line": line,
        "first": first,
        "lines": [mask.text(one[:400]) for one in lines[first - 1 : line + _AROUND]],
    }
