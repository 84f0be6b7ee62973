"""What an app says about itself that explains silence: the hubs its clients get tokens for, the targets its pages hear."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson.app_version import AppVersion
from funcjson.plan import Plan, PlannedBinding

_TOKEN_TYPES = frozenset({"signalrconnectioninfo", "signalrnegotiation"})
_PAGES = (".html", ".htm", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".vue", ".svelte")
_SKIPPED = frozenset({"node_modules", ".git", ".venv", "venv", "__pycache__", "dist", "bin", "obj"})
_MOST_FILES, _MOST_BYTES = 400, 400_000
# A client's `connection.on("name", ...)`; only in files that speak of SignalR.
_LISTENS = re.compile(r"\.on\s*\(\s*[\"'`]([^\"'`\n]{1,100})[\"'`]")
_SIGNALR = re.compile(r"signalr", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AppFacts:
    """`token_hubs`: hub in lower case -> the functions that give connection infos for it; `any_hub`: some hub is an expression.

    `users`: whether any of them names a user. `send_hubs`: hub -> functions that send there. `listeners`: target -> file:line.
    """

    token_hubs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    any_hub: bool = False
    users: bool = True
    send_hubs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    listeners: Mapping[str, str] = field(default_factory=dict)

    @property
    def hubs(self) -> tuple[str, ...]:
        """Every hub that the app names, sorted."""
        return tuple(sorted({*self.token_hubs, *self.send_hubs}))


def facts_of(version: AppVersion) -> AppFacts:
    """Look at the plans, and for listeners at the app's pages and scripts."""
    token_hubs: dict[str, list[str]] = {}
    send_hubs: dict[str, list[str]] = {}
    any_hub = users = False
    infos = 0
    for plan in version.plans.values():
        for step in plan.inputs:
            if step.binding.type.lower() in _TOKEN_TYPES:
                infos += 1
                users = users or step.binding.properties.get("userId") not in (None, "")
                hub = _constant_hub(step)
                any_hub = any_hub or hub is None
                if hub:
                    token_hubs.setdefault(hub, []).append(plan.function.name)
        for hub in _sends(plan):
            send_hubs.setdefault(hub, []).append(plan.function.name)
    return AppFacts(
        {hub: tuple(names) for hub, names in token_hubs.items()},
        any_hub,
        users or not infos,
        {hub: tuple(names) for hub, names in send_hubs.items()},
        dict(listeners(version.settings.app_root)),
    )


def _sends(plan: Plan) -> Iterator[str]:
    for step in plan.outputs:
        if step.binding.type.lower() == "signalr" and (hub := _constant_hub(step)):
            yield hub


def _constant_hub(step: PlannedBinding) -> str | None:
    template = step.templates.get("hubName")
    if template is None:
        return str(step.binding.properties.get("hubName") or "").lower()
    return template.parsed.lower() if template.constant else None


def listeners(root: Path) -> Iterator[tuple[str, str]]:
    """Targets that client code of the app listens for, and where."""
    count = 0
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        for name in sorted(files):
            if not name.endswith(_PAGES):
                continue
            count += 1
            if count > _MOST_FILES:
                return
            path = Path(folder) / name
            try:
                text = path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
            except OSError:
                continue  # a file that cannot be read explains nothing
            if _SIGNALR.search(text):
                for match in _LISTENS.finditer(text):
                    line = text.count("\n", 0, match.start()) + 1
                    yield match[1], f"{path.relative_to(root).as_posix()}:{line}"


# --- why a message may not arrive -----------------------------------------------------------------


def output_hints(plan: Plan, facts: AppFacts) -> list[str]:
    """What is known of a function's outputs before it runs."""
    hints = []
    for step in plan.outputs:
        if step.binding.type.lower() == "signalr" and (hub := _constant_hub(step)):
            hint = hub_hint(hub, facts)
            if hint:
                hints.append(f"output '{step.binding.name}': {hint}")
    return hints


def delivery_hints(rows: Iterable[Mapping[str, Any]], facts: AppFacts) -> list[str]:
    """What an app's own files say about requests that were made, as step 9 of a trace lists them."""
    hints: list[str] = []
    for row in rows:
        hints.append(hub_hint(row["hub"], facts))
        if row["target"]:
            hints.append(target_hint(row["target"], facts))
        if row["to"] == "user":
            hints.append(user_hint(row["name"], facts))
    return list(dict.fromkeys(hint for hint in hints if hint))


def hub_hint(hub: str, facts: AppFacts) -> str:
    """Clients that the app lets in connect to another hub."""
    if facts.any_hub or not facts.token_hubs or hub.lower() in facts.token_hubs:
        return ""
    known = ", ".join(
        f"'{name}' ({', '.join(functions)})" for name, functions in sorted(facts.token_hubs.items())
    )
    return f"no function of this app lets clients into hub '{hub.lower()}'; connection infos are for {known}"


def target_hint(target: str, facts: AppFacts) -> str:
    """The app's pages listen for another name."""
    if not facts.listeners or target.lower() in {name.lower() for name in facts.listeners}:
        return ""
    near = difflib.get_close_matches(target.lower(), [n.lower() for n in facts.listeners], 1, 0.6)
    known = ", ".join(f"'{name}' ({place})" for name, place in sorted(facts.listeners.items()))
    meant = next((name for name in facts.listeners if near and name.lower() == near[0]), "")
    guess = f"; did you mean '{meant}'?" if meant else ""
    return f"no page of this app listens for '{target}'; they listen for {known}{guess}"


def user_hint(user: str, facts: AppFacts) -> str:
    """Nobody who connects has a user id."""
    if facts.users:
        return ""
    return (
        f"no connection info of this app has a userId, so nobody is user '{user}': add "
        '"userId": "{headers.x-ms-client-principal-id}" to signalRConnectionInfo'
    )
