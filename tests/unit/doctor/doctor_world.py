"""A machine and an app for check-ups, both of which are only told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcjson.doctor.machine import Ran
from funcjson.doctor.patient import Patient
from funcjson.frontends import Model, load_folders
from funcjson.registry import open_registry
from funcjson.settings import load_settings
from funcjson.validation import Rules

HTTP = [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
    {"type": "http", "direction": "out", "name": "res"},
]
NEGOTIATE = [
    *HTTP,
    {"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"},
]


def python_facts(
    version: Sequence[int] = (3, 12, 1), functions: bool = True, **packages: str | None
) -> Ran:
    """What the app's Python answers when it is asked about itself."""
    facts = {"version": list(version), "functions": functions, "packages": packages}
    return Ran(0, json.dumps(facts))


@dataclass(slots=True)
class FakeMachine:
    """Answers by the program's name; a program that is not told cannot be started."""

    programs: Mapping[str, Ran] = field(default_factory=dict)
    taken: Mapping[int, str] = field(default_factory=dict)
    container: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Ran:
        self.asked.append(tuple(command))
        name = Path(command[0]).name
        return next((ran for key, ran in self.programs.items() if name.startswith(key)), Ran(None))

    def is_free(self, address: str, port: int) -> bool:
        return port not in self.taken

    def holder(self, port: int) -> str:
        return self.taken[port]

    def is_container(self) -> bool:
        return self.container


def write_app(root: Path, files: Mapping[str, Any]) -> Path:
    """Files by path: text as it is, lists of bindings as function.json, other values as JSON."""
    for name, content in {"host.json": {"version": "2.0"}, **files}.items():
        if content is None:
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        value = {"bindings": content} if isinstance(content, list) else content
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return root


def patient(
    root: Path,
    files: Mapping[str, Any],
    machine: FakeMachine | None = None,
    environ: Mapping[str, str] | None = None,
) -> Patient:
    """An app of folders that was read, without its handlers being loaded."""
    write_app(root, files)
    settings = load_settings(root, environ or {})
    found = load_folders(root, Rules(open_registry(installed=()), settings))
    return Patient(
        root,
        settings,
        Model.FOLDERS,
        found.functions,
        found.problems,
        machine or FakeMachine(),
        environ or {},
    )
