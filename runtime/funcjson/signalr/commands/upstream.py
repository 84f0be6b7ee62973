"""`upstream init` and `upstream list`: make and show the file that says where events of clients go."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from funcjson.signalr.commands.terminal import complain, say, table
from funcjson.signalr.upstream import without_query
from funcjson.signalr.upstream_settings import (
    SETTINGS_NAME,
    UpstreamRule,
    UpstreamSettingsError,
    initial_settings,
    read_settings,
    read_text,
)


def init(folder: str, *, overwrite: bool) -> int:
    """Write the default settings into a folder; asks before it overwrites a file."""
    path = Path(folder or ".", SETTINGS_NAME).absolute()
    if path.exists() and not overwrite:
        say(f"Already contains '{path}', still want to override it with the default one? (N/y)")
        if sys.stdin is None or sys.stdin.readline().strip().lower() != "y":
            return 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(initial_settings(), encoding="utf-8")
    except OSError as error:
        return complain(f"'{path}' cannot be written: {error.strerror or error}")
    say(f"Exported default settings to '{path}'.")
    return 0


def find_settings(config: str) -> Path | None:
    """The settings file that `--config` means, itself or in that folder; None if there is none.

    Without `--config` it is settings.json here, which need not exist.
    """
    if not config:
        return Path(SETTINGS_NAME).absolute()
    path = Path(config).absolute()
    return next((each for each in (path, path / SETTINGS_NAME) if each.is_file()), None)


def missing(config: str) -> int:
    """Say that `--config` names nothing."""
    path = Path(config).absolute()
    return complain(f"Unable to find config file '{path}' or '{path / SETTINGS_NAME}'.")


def show(config: str, environment: Mapping[str, str]) -> int:
    """Print the rules in their order, which is their priority."""
    path = find_settings(config)
    if path is None:
        return missing(config)
    try:
        text = read_text(path) if path.is_file() else ""
        rules = read_settings(text, environment)
    except (OSError, UpstreamSettingsError) as error:
        return complain(f"{path}: {error}")
    if not path.is_file():
        say(f"There is no '{path}'; `funcjson signalr upstream init` makes one.")
    else:
        say(f"Loaded upstream settings from '{path}'")
    say(rules_table(rules))
    return 0


def rules_table(rules: tuple[UpstreamRule, ...]) -> str:
    """The rules for a person. Queries of URLs are left out: they may hold a function key."""
    if not rules:
        return "No upstream: events of clients go nowhere, and calls are answered with an error."
    rows = [
        [
            str(number),
            *("null" if each is None else each for each in (rule.hub, rule.category, rule.event)),
            _without_query(rule.url_template),
        ]
        for number, rule in enumerate(rules)
    ]
    return table(["", "HUB", "CATEGORY", "EVENT", "URL"], rows)


def _without_query(template: str) -> str:
    shown = without_query(template)
    return f"{shown}?***" if "?" in template else shown
