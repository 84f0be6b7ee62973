"""Why no function answers at a path: the one that it names did not load, or is left out of the app."""

from __future__ import annotations

from funcjson.bindings.http_trigger import entry_of
from funcjson.errors import Problem, Severity
from funcjson.http_admin import LoadedApp
from funcjson.http_route_table import build_table
from funcjson.http_routes import decode_path, match_route


def problem_of(app: LoadedApp, path: str) -> Problem | None:
    """What keeps a function from answering at a path; an app without any function says why it has none."""
    problems = {one.function.name: one.problem for one in app.left_out}
    http = [one.function for one in app.left_out if one.function.trigger.type == "httpTrigger"]
    table, _ = build_table((entry_of(one) for one in http), app.settings.host.route_prefix)
    for route in table.routes:
        if match_route(route, decode_path(path)) is not None:
            return problems[route.function]
    name = path.rstrip("/").rpartition("/")[2].lower()
    if name in app.plans:
        return None
    errors = [p for p in app.problems if p.severity is Severity.ERROR]
    found = [*errors, *problems.values()]
    named = next((p for p in found if (p.function or "").lower() == name != ""), None)
    if named is not None or app.plans:
        return named
    return next((p for p in errors if p.function is None), None)
