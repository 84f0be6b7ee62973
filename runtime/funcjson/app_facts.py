"""What an app says about itself that explains silence: the hubs its clients get tokens for, the targets its pages hear."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from funcjson.app_version import AppVersion
from funcjson.plan import Plan, PlannedBinding

_TOKEN_TYPES = frozenset({"signalrconnectioninfo", "signalrnegotiation"})
_PAGES = (".html", ".htm", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".vue", ".svelte")
_SKIPPED = frozenset({"node_modules", ".git", ".venv", "venv", "__pycache__", "dist", "bin", "obj"})
_MOST_FILES, _MOST_BYTES = 400, 400_000
# A client's `connection.on("name", ...)`; only in files that speak of SignalR and are no handler's.
_LISTENS = re.compile(
    r"(?P<who>[\w$]+|\))\s*\.on\s*\(\s*(?:[\"'`](?P<name>[^\"'`\n]{1,100})[\"'`]|(?P<other>[\w$]))"
)
_SIGNALR = re.compile(r"signalr", re.IGNORECASE)
_HANDLERS = "@azure/functions"
# What else has a method `on`; jQuery's `$("#button").on("click", ...)` ends with the bracket.
_NO_CONNECTIONS = frozenset(
    [
        ")",
        "child",
        "document",
        "emitter",
        "process",
        "req",
        "request",
        "res",
        "response",
        "server",
        "socket",
        "stream",
        "window",
    ]
)
# A message's target in a handler: "target": "name", target="name", 'target' => 'name'.
_SENDS = re.compile(r"\btarget[\"']?\s*(?::|=>|=)\s*[\"'`]([^\"'`\n]{1,100})[\"'`]")


@dataclass(frozen=True, slots=True)
class AppFacts:
    """`token_hubs`: hub in lower case -> the functions that give connection infos for it; `any_hub`: some hub is an expression.

    `users`: whether any of them names a user. `send_hubs`: hub -> functions that send there. `hub_places`: (function,
    hub) -> where it is written. `listeners`: target -> file:line, of a page or script; with `unread` there are more,
    under names that cannot be read. `targets`: what handlers send, as far as it is written out: target -> function -> file:line.
    """

    token_hubs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    any_hub: bool = False
    users: bool = True
    send_hubs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hub_places: Mapping[tuple[str, str], str] = field(default_factory=dict)
    listeners: Mapping[str, str] = field(default_factory=dict)
    unread: bool = False
    targets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def hubs(self) -> tuple[str, ...]:
        """Every hub that the app names, sorted."""
        return tuple(sorted({*self.token_hubs, *self.send_hubs}))


def facts_of(version: AppVersion) -> AppFacts:
    """Look at the plans, and for listeners at the app's pages and scripts."""
    token_hubs: dict[str, list[str]] = {}
    send_hubs: dict[str, list[str]] = {}
    places: dict[tuple[str, str], str] = {}
    any_hub = users = False
    infos = 0
    for plan in version.plans.values():
        for step in plan.inputs:
            if step.binding.type.lower() in _TOKEN_TYPES:
                infos += 1
                users = users or step.binding.properties.get("userId") not in (None, "")
                hub = constant_hub(step)
                any_hub = any_hub or hub is None
                if hub:
                    token_hubs.setdefault(hub, []).append(plan.function.name)
                    places[plan.function.name, hub] = _hub_place(plan, step)
        for hub, step in _sends(plan):
            send_hubs.setdefault(hub, []).append(plan.function.name)
            places[plan.function.name, hub] = _hub_place(plan, step)
    root = version.settings.app_root
    found = dict(listeners(root, handler_files(version)))
    return AppFacts(
        {hub: tuple(names) for hub, names in token_hubs.items()},
        any_hub,
        users or not infos,
        {hub: tuple(names) for hub, names in send_hubs.items()},
        places,
        {name: place for name, place in found.items() if name},
        "" in found,
        _targets(version),
    )


def handler_files(version: AppVersion) -> frozenset[Path]:
    """The files that hold handlers, and the folders of function.json."""
    root = version.settings.app_root
    functions = [plan.function for plan in version.plans.values()]
    files = {root / one.script_file for one in functions if one.script_file}
    folders = {
        root / one.name for one in functions if (root / one.name / "function.json").is_file()
    }
    return frozenset(files | folders)


def _targets(version: AppVersion) -> dict[str, dict[str, str]]:
    """The targets that are written out in handlers."""
    found: dict[str, dict[str, str]] = {}
    for plan in version.plans.values():
        file = plan.function.script_file
        if not any(True for _ in _sends(plan)) or not file:
            continue
        for match, line in _matches(_SENDS, _text(version.settings.app_root / file)):
            found.setdefault(match[1], {}).setdefault(plan.function.name, f"{file}:{line}")
    return found


def place_in_handler(version: AppVersion, function: str, word: str) -> str:
    """The first line of a function's handler where a word stands, as file:line; "" when it does not."""
    plan = version.plan(function)
    file = plan.function.script_file if plan is not None else None
    if not file or not word:
        return ""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    found = next(_matches(whole, _text(version.settings.app_root / file)), None)
    return f"{file}:{found[1]}" if found is not None else ""


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Each match with its line."""
    for match in pattern.finditer(text):
        yield match, text.count("\n", 0, match.start()) + 1


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
    except OSError:
        return ""  # a file that cannot be read explains nothing


def _sends(plan: Plan) -> Iterator[tuple[str, PlannedBinding]]:
    for step in plan.outputs:
        if step.binding.type.lower() == "signalr" and (hub := constant_hub(step)):
            yield hub, step


def _hub_place(plan: Plan, step: PlannedBinding) -> str:
    place = plan.function.locate(f"{step.binding.pointer}/hubName")
    return str(replace(place, pointer=""))


def constant_hub(step: PlannedBinding) -> str | None:
    template = step.templates.get("hubName")
    if template is None:
        return str(step.binding.properties.get("hubName") or "").lower()
    return template.parsed.lower() if template.constant else None


def listeners(root: Path, skipped: Collection[Path] = ()) -> Iterator[tuple[str, str]]:
    """Targets that client code of the app listens for, and where; "" for a name that is not written out.

    `skipped` are handlers' files and folders: their `.on(` is of something else.
    """
    count = 0
    for folder, names, files in os.walk(root):
        inside = Path(folder)
        names[:] = sorted(n for n in names if n not in _SKIPPED and inside / n not in skipped)
        for name in sorted(files):
            path = inside / name
            if not name.endswith(_PAGES) or path in skipped:
                continue
            count += 1
            if count > _MOST_FILES:
                return
            text = _text(path)
            if not _SIGNALR.search(text) or _HANDLERS in text:
                continue
            for match, line in _matches(_LISTENS, text):
                if match["who"] not in _NO_CONNECTIONS:
                    target = match["name"] or ""
                    where = f"{path.relative_to(root).as_posix()}:{line}"
                    yield "" if "${" in target else target, where
