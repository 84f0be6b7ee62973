"""The shipped JSON Schemas, found in a checkout as in an installed package, and one made of all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

SHIPPED_TYPES = (
    "httpTrigger",
    "http",
    "signalRConnectionInfo",
    "signalR",
    "signalRTrigger",
    "signalRNegotiation",
    "signalREndpoints",
    "timerTrigger",
    "eventGridTrigger",
    "manualTrigger",
)


def schemas_folder() -> Traversable:
    """The folder that holds function.json, host.json, local.settings.json and bindings/."""
    installed = files("funcjson") / "schemas"
    if installed.is_dir():
        return installed
    # In a checkout they are at the top, where people and editors look.
    return Path(__file__).resolve().parents[2] / "schemas"


def read_schema(name: str) -> dict[str, Any]:
    """A shipped schema by its path below `schemas/`, such as `bindings/signalR.json`."""
    schema: dict[str, Any] = json.loads((schemas_folder() / name).read_text(encoding="utf-8"))
    return schema


def declared_schema(declared: str) -> dict[str, Any]:
    """The schema that a binding type declares: JSON text, or the path of a shipped schema."""
    if declared.lstrip().startswith("{"):
        schema: dict[str, Any] = json.loads(declared)
        return schema
    return read_schema(declared)


def composed_schema(bindings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One schema for function.json that needs no other file: `bindings` has a schema per type."""
    schema = read_schema("function.json")
    entry = schema["definitions"]["binding"]
    entry["properties"]["type"]["examples"] = list(bindings)
    entry["allOf"] = [
        {
            "if": {"properties": {"type": {"pattern": any_case(name)}}, "required": ["type"]},
            "then": {"$ref": f"#/definitions/{name}"},
        }
        for name in bindings
    ]
    for name, binding in bindings.items():
        schema["definitions"][name] = {k: v for k, v in binding.items() if k != "$schema"}
    return schema


def any_case(name: str) -> str:
    """A pattern for a type name in any letter case, which all schema dialects understand."""
    letters = (f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in name)
    return f"^{''.join(letters)}$"
