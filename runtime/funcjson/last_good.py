"""What a reload takes of a change: everything that is good; a broken function goes on in its last good version.

So one broken file holds up no other, and a save in the middle of a thought takes no function away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from funcjson.app_version import AppVersion
from funcjson.bindings.http_trigger import entry_of
from funcjson.errors import Problem, Severity
from funcjson.http_route_table import build_table
from funcjson.plan import Plan

Problems = tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What becomes of a change. `refused` are the reasons why nothing of it is taken; else there are functions that are
    `kept` in their last good version, and some `in_error` that never were good, each by its name with its problems.
    """

    refused: Problems = ()
    kept: Mapping[str, Problems] | None = None
    in_error: Mapping[str, Problems] | None = None


def keep_last_good(version: AppVersion, old: AppVersion) -> Taken:
    """Let `version` keep, of `old`, each function that it cannot run itself and `old` can."""
    if version.index_problems and old.plans:
        return Taken(refused=version.index_problems)
    kept: dict[str, Problems] = {}
    in_error: dict[str, Problems] = {}
    for key, (name, problems) in _failed(version).items():
        plan = old.plans.get(key)
        if plan is None or plan.function.name in old.broken:
            in_error[name] = problems
            continue
        if not _has_room(version, plan):
            return Taken(refused=problems)
        kept[name] = problems
        _keep(version, old, plan)
    if kept and version.plans.keys() == version.kept.keys() == old.plans.keys():
        return Taken(refused=tuple(p for problems in kept.values() for p in problems))
    return Taken(kept=kept, in_error=in_error)


def _failed(version: AppVersion) -> dict[str, tuple[str, Problems]]:
    """The functions that do not run: key -> (name, problems)."""
    found = {name.lower(): (name, error.problems) for name, error in version.broken.items()}
    for problem in version.problems:
        name = problem.function
        if name and problem.severity is Severity.ERROR and name.lower() not in version.plans:
            _, before = found.get(name.lower(), (name, ()))
            found[name.lower()] = (name, (*before, problem))
    return found


def _keep(version: AppVersion, old: AppVersion, plan: Plan) -> None:
    name = plan.function.name
    key = name.lower()
    for spelling in [broken for broken in version.broken if broken.lower() == key]:
        # Told of as long as it is so, though its calls no longer meet it.
        version.problems += version.broken.pop(spelling).problems
    version.plans[key] = plan
    version.kept[key] = old.kept.get(key, old)
    version.streams = (version.streams - {name}) | (old.streams & {name})


def _has_room(version: AppVersion, plan: Plan) -> bool:
    """Whether the new version leaves the function its route."""
    others = [p.function for key, p in version.plans.items() if key != plan.function.name.lower()]
    entries = [
        entry_of(function)
        for function in (*others, plan.function)
        if function.trigger.type == "httpTrigger" and not function.disabled
    ]
    _, problems = build_table(entries, version.settings.host.route_prefix)
    return not any(problem.severity is Severity.ERROR for problem in problems)
