"""Why a message may not arrive, as far as the app's own files tell: sentences with file and line. Read by explain and the page."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from funcjson.app_facts import AppFacts, place_in_handler
from funcjson.app_version import AppVersion
from funcjson.plan import Plan
from funcjson.trace import Step

_ENOUGH = 2  # so many handlers send a name before a similar one looks like a slip


def complete(document: dict[str, Any], version: AppVersion, facts: AppFacts) -> None:
    """Add to a trace document what the app's files say: places of lost outputs, hints of step 9."""
    function = document["function"]
    for row in document["steps"][Step.COLLECTED - 1]["unbound"]:
        row["at"] = place_in_handler(version, function, row["name"]) or None
    last = document["steps"][Step.DELIVERED - 1]
    last["hints"] += delivery_hints(last["deliveries"], facts, function)


def output_hints(plan: Plan, facts: AppFacts) -> list[str]:
    """What is known of a function's outputs before it runs."""
    hints = []
    for step in plan.outputs:
        template = step.templates.get("hubName")
        if step.binding.type.lower() != "signalr" or (
            template is not None and not template.constant
        ):
            continue
        hub = template.parsed if template is not None else step.binding.properties.get("hubName")
        hint = hub_hint(str(hub or ""), facts, plan.function.name)
        if hub and hint:
            hints.append(f"output '{step.binding.name}': {hint}")
    return hints


def delivery_hints(
    rows: Iterable[Mapping[str, Any]], facts: AppFacts, function: str = ""
) -> list[str]:
    """What an app's own files say about requests that were made, as step 9 of a trace lists them."""
    hints: list[str] = []
    for row in rows:
        hints.append(hub_hint(row["hub"], facts, function))
        if row["target"]:
            unheard = target_hint(row["target"], facts, function)
            hints.append(unheard or twin_hint(row["target"], facts, function))
        if row["to"] == "user":
            hints.append(user_hint(row["name"], facts))
    return list(dict.fromkeys(hint for hint in hints if hint))


def hub_hint(hub: str, facts: AppFacts, function: str = "") -> str:
    """Clients that the app lets in connect to another hub."""
    key = hub.lower()
    if facts.any_hub or not facts.token_hubs or key in facts.token_hubs:
        return ""
    known = ", ".join(
        f"'{name}' ({', '.join(_with_place(one, name, facts) for one in functions)})"
        for name, functions in sorted(facts.token_hubs.items())
    )
    where = _in_brackets(facts.hub_places.get((function, key)))
    return (
        f"no function of this app lets clients into hub '{key}'{where}; "
        f"connection infos are for {known}"
    )


def _with_place(function: str, hub: str, facts: AppFacts) -> str:
    place = facts.hub_places.get((function, hub))
    return f"{function}, {place}" if place else function


def target_hint(target: str, facts: AppFacts, function: str = "") -> str:
    """The app's pages listen for another name."""
    if not facts.listeners or facts.unread or _has(facts.listeners, target):
        return ""
    near = difflib.get_close_matches(target.lower(), [n.lower() for n in facts.listeners], 1, 0.6)
    known = ", ".join(f"'{name}' ({place})" for name, place in sorted(facts.listeners.items()))
    meant = next((name for name in facts.listeners if near and name.lower() == near[0]), "")
    guess = f"; did you mean '{meant}'?" if meant else ""
    where = _in_brackets(facts.targets.get(target, {}).get(function))
    return f"no page of this app listens for '{target}'{where}; they listen for {known}{guess}"


def twin_hint(target: str, facts: AppFacts, function: str = "") -> str:
    """One handler alone sends a name, and several send one that is nearly the same."""
    own = facts.targets.get(target, {})
    if len(own) > 1 or _has(facts.listeners, target):
        return ""
    others = {name: places for name, places in facts.targets.items() if len(places) >= _ENOUGH}
    near = difflib.get_close_matches(target, [one for one in others if one != target], 1, 0.7)
    if not near:
        return ""
    shown = ", ".join(list(others[near[0]].values())[:3])
    where = _in_brackets(own.get(function))
    return (
        f"only this function sends '{target}'{where}; others send '{near[0]}' ({shown}): a client shows "
        "a message only if it has a handler of exactly its name"
    )


def user_hint(user: str, facts: AppFacts) -> str:
    """Nobody who connects has a user id."""
    if facts.users:
        return ""
    return (
        f"no connection info of this app has a userId, so nobody is user '{user}': add "
        '"userId": "{headers.x-ms-client-principal-id}" to signalRConnectionInfo'
    )


def _has(names: Iterable[str], target: str) -> bool:
    return target.lower() in {name.lower() for name in names}


def _in_brackets(place: str | None) -> str:
    return f" ({place})" if place else ""
