"""Everything that can be said of an app without running it, for `funcjson validate`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from funcjson.bindings.http_trigger import entry_of
from funcjson.errors import AppLoadError, Location, Problem, Severity
from funcjson.frontends import AppModel, Model, choose_model, read_app
from funcjson.http_route_table import build_table
from funcjson.registry import open_registry
from funcjson.settings import load_settings


def validate_app(root: Path, environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """All problems of an app: its settings, host.json, each function, and between functions.

    `environ` is this process's environment when not given. Raises nothing for a broken app.
    """
    try:
        settings = load_settings(root, os.environ if environ is None else environ)
        chosen = choose_model(root, settings)
        found = read_app(root, open_registry(), settings)
    except AppLoadError as error:
        return error.problems
    problems = [*settings.problems, *found.problems]
    problems += _code_first(chosen)
    entries = [
        entry_of(function) for function in found.functions if function.trigger.type == "httpTrigger"
    ]
    _, routes = build_table(entries, settings.host.route_prefix)
    seen = {(problem.code, problem.where) for problem in problems}
    problems += [problem for problem in routes if (problem.code, problem.where) not in seen]
    return tuple(problems)


def _code_first(chosen: AppModel) -> Iterator[Problem]:
    if chosen.model in (Model.PYTHON_V2, Model.NODE_V4):
        yield Problem(
            "FJ0150",
            f"the functions of {chosen.entry} are known only when it runs, so they were not checked",
            Location(str(chosen.entry)),
            why="this app declares its functions in code",
            fix="`funcjson show` runs the code, prints its functions as function.json, and says what is wrong",
            severity=Severity.NOTE,
        )
