"""`funcjson explain route`: which function gets an event of the SignalR service, and what differs in the others."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from funcjson.app_version import AppVersion, Loader
from funcjson.bindings.signalr_trigger import CONNECTIONS, MESSAGES, key_of, parameter_names
from funcjson.errors import Problem, Severity, not_loaded
from funcjson.honesty import labels
from funcjson.model import Function
from funcjson.upstream_webhook import find_trigger

_PARTS = ("hub", "category", "event")
_PROPERTIES = {"hub": "hubName", "category": "category", "event": "event"}
_CONNECTION_EVENTS = ("connected", "disconnected")


async def explain_route(
    root: Path, hub: str, event: str, category: str | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    """`{hub, category, event, function, triggers, hints, rules}`; without a category the one that the event suggests.

    Raises AppLoadError when the folder is not an app.
    """
    version = await Loader(root, environ).load()
    try:
        return route_of(version, hub, category, event)
    finally:
        await version.stop()


def _guess(event: str) -> str:
    return CONNECTIONS if event.lower() in _CONNECTION_EVENTS else MESSAGES


def route_of(version: AppVersion, hub: str, asked: str | None, event: str) -> dict[str, Any]:
    """The decision for a loaded app; the triggers nearest first. A category that was not asked for rules nothing out."""
    category = asked or _guess(event)
    key = (hub.lower(), category.lower(), event.lower())
    plan = find_trigger(version, key)
    chosen = plan.function if plan else None
    functions = [p.function for p in version.plans.values() if p.trigger.type == "signalRTrigger"]
    found = [_row(one, key, chosen, guessed=asked is None) for one in functions]
    found += [
        {**_row(one.function, key, chosen, guessed=asked is None), "why": one.why}
        for one in version.left_out
        if one.function.trigger.type == "signalRTrigger"
    ]
    rows = sorted(
        found,
        key=lambda row: (
            not row["chosen"],
            sum(not one["near"] for one in row["differs"]),
            len(row["differs"]),
            row["function"],
        ),
    )
    return {
        "version": 1,
        "hub": hub,
        "category": category,
        "event": event,
        "function": plan.function.name if plan else None,
        "triggers": rows,
        "notLoaded": [_not_loaded(p) for p in _trigger_problems(version)],
        "hints": [
            *(not_loaded(problem) for problem in version.index_problems),
            *_hints(rows, key, plan is not None),
        ],
        "rules": labels(["signalr-key"]),
    }


def _row(
    function: Function, key: tuple[str, str, str], chosen: Function | None, *, guessed: bool
) -> dict[str, Any]:
    own = key_of(function.trigger)
    written = function.trigger.properties
    differs = [
        {
            "part": part,
            "asked": asked,
            "declared": str(written.get(_PROPERTIES[part]) or ""),
            "near": _near(asked, mine) or (guessed and part == "category"),
            "where": _where(function, part),
        }
        for part, asked, mine in zip(_PARTS, key, own, strict=True)
        if asked != mine
    ]
    why = ""
    if function.disabled:
        why = "it is disabled"
    elif not differs and function is not chosen:
        why = (
            f"'{chosen.name}' has the same hub, category and event, and comes first"
            if chosen
            else ""
        )
    return {
        "function": function.name,
        **{_PROPERTIES[part]: str(written.get(_PROPERTIES[part]) or "") for part in _PARTS},
        "parameterNames": list(parameter_names(function.trigger)),
        "chosen": function is chosen,
        "differs": differs,
        "why": why,
    }


def _where(function: Function, part: str) -> str:
    place = function.locate(f"{function.trigger.pointer}/{_PROPERTIES[part]}")
    return str(replace(place, pointer=""))


def _near(asked: str, own: str) -> bool:
    return bool(difflib.get_close_matches(asked, [own], 1, 0.7))


def _trigger_problems(version: AppVersion) -> list[Problem]:
    return [p for p in version.problems if p.severity is Severity.ERROR and p.function]


def _not_loaded(problem: Problem) -> dict[str, Any]:
    why = not_loaded(problem).removeprefix(f"{problem.function} did not load: ")
    return {"function": problem.function, "why": f"{problem.code} {why}"}


def _hints(rows: list[dict[str, Any]], key: tuple[str, str, str], found: bool) -> list[str]:
    """What to do, the nearest function first."""
    _hub, category, event = key
    hints: list[str] = []
    if category not in (CONNECTIONS, MESSAGES):
        hints.append("there are two categories: connections and messages")
    if category == CONNECTIONS and event not in _CONNECTION_EVENTS:
        hints.append("the category connections has the events connected and disconnected only")
    if found:
        chosen = next(row for row in rows if row["chosen"])
        names = chosen["parameterNames"]
        if names:
            hints.append(
                f"the client must give exactly {len(names)} argument(s): {', '.join(names)}"
            )
        return hints
    if not rows:
        hints.append(
            "the app has no signalRTrigger function: add one, or let the client call an HTTP function"
        )
    hints += [
        f"{r['function']} fits, but {r['why']}" for r in rows if not r["differs"] and r["why"]
    ]
    near = [r for r in rows if r["differs"] and all(one["near"] for one in r["differs"])]
    # A category that was not given is none of the slips, unless it is all that differs.
    near = [r for r in near if any(one["part"] != "category" for one in r["differs"])] or near
    hints += [_meant(row) for row in near]
    if not near:
        single = [row for row in rows if len(row["differs"]) == 1]
        hints += [_nearest(row["function"], row["differs"][0]) for row in single]
    hints.append(
        "until then a client that calls invoke gets an error, and one that calls send hears nothing"
        if category == MESSAGES
        else "until then nothing runs when clients come and go; they are let in all the same"
    )
    return hints


def _meant(row: dict[str, Any]) -> str:
    parts = " and ".join(f"{one['part']} '{one['declared']}'" for one in row["differs"])
    return f"did you mean {parts} ({row['function']}, {row['differs'][-1]['where']})?"


def _nearest(function: str, one: dict[str, Any]) -> str:
    only = f"only its {one['part']} '{one['declared']}' differs ({one['where']})"
    return f"the nearest is {function}: {only}"


def trigger_rows(version: AppVersion, hub: str, category: str, event: str) -> list[dict[str, Any]]:
    """Rows `{function, route, why}` of the signalRTrigger functions that an event does not go to, the nearest first."""
    document = route_of(version, hub, category, event)
    rows = []
    for row in document["triggers"]:
        if not row["chosen"]:
            differs = [
                f"{one['part']} '{one['declared']}' is not '{one['asked']}' ({one['where']})"
                for one in row["differs"]
            ]
            route = f"{row['hubName']} · {row['category']} · {row['event']}"
            why = "; ".join([*differs, *([row["why"]] if row["why"] else [])])
            rows.append({"function": row["function"], "route": route, "why": why})
    return rows
