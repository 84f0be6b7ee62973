"""Everything that can be said of an app without running it, for `funcjson validate`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from funcjson.bindings.http_trigger import entry_of
from funcjson.errors import AppLoadError, Location, Problem, Severity
from funcjson.frontends import AppModel, Model, choose_model, read_app
from funcjson.http_route_table import build_table
from funcjson.model import FunctionSet
from funcjson.registry import open_registry
from funcjson.setting_values import count_problems, disabled_problems
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
    problems += count_problems(settings)
    if chosen.model not in _IN_CODE:
        problems += disabled_problems(settings, _names(found))
    problems += _code_first(chosen)
    entries = [
        entry_of(function) for function in found.functions if function.trigger.type == "httpTrigger"
    ]
    _, routes = build_table(entries, settings.host.route_prefix)
    seen = {(problem.code, problem.where) for problem in problems}
    problems += [problem for problem in routes if (problem.code, problem.where) not in seen]
    return tuple(problems)


_IN_CODE = (Model.PYTHON_V2, Model.NODE_V4)


def _names(found: FunctionSet) -> Iterator[str]:
    """All functions of an app, also those that are broken or left out."""
    yield from (function.name for function in found.functions)
    yield from (problem.function for problem in found.problems if problem.function)
    yield from (one.function.name for one in found.left_out)


def _code_first(chosen: AppModel) -> Iterator[Problem]:
    if chosen.model in _IN_CODE:
        yield Problem(
            "FJ0150",
            f"the functions of {chosen.entry} are known only when it runs, so they were not checked",
            Location(str(chosen.entry)),
            why="this app declares its functions in code",
            fix="`funcjson show` runs the code, prints its functions as function.json, and says what is wrong",
            severity=Severity.NOTE,
        )
