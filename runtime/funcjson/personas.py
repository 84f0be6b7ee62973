"""The personas file of an app: who can be signed in as, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from funcjson.errors import Problem, Severity
from funcjson.identity import NotAPersona, Persona, persona_from
from funcjson.json_source import Source, parse_json

# The first that exists counts.
FILES = (".funcjson/personas.json", "personas.json")


def load_personas(root: Path) -> tuple[Mapping[str, Persona], tuple[Problem, ...]]:
    """Personas by name, and what is wrong with the file. An app without one has none."""
    for name in FILES:
        path = root / name
        if path.is_file():
            return read_personas(path.read_bytes(), name)
    return {}, ()


def read_personas(
    data: str | bytes, file: str
) -> tuple[Mapping[str, Persona], tuple[Problem, ...]]:
    """`{"alice": {...}}`, `{"personas": {...}}` or a list of objects that each have a name."""
    source = parse_json(data, file, object_root=False)
    problems = list(source.problems)
    personas: dict[str, Persona] = {}
    if not source.ok:
        return personas, tuple(problems)
    for name, pointer, described in _described(source.value):
        try:
            persona = persona_from(described, name)
        except NotAPersona as error:
            problems.append(_not_a_persona(source, pointer, name, str(error)))
        else:
            personas[name or persona.name] = persona
    return personas, tuple(problems)


def find_persona(personas: Mapping[str, Persona], name: str, provider: str = "aad") -> Persona:
    """The persona of a name in any letter case, or one invented for that name."""
    folded = name.lower()
    known = next((one for key, one in personas.items() if key.lower() == folded), None)
    return known or Persona(name, name, provider)


def _described(value: Any) -> list[tuple[str, str, Any]]:
    """(name, JSON pointer, description) of each persona."""
    pointer = ""
    if isinstance(value, dict) and isinstance(value.get("personas"), dict | list):
        value, pointer = value["personas"], "/personas"
    if isinstance(value, list):
        return [("", f"{pointer}/{at}", item) for at, item in enumerate(value)]
    if isinstance(value, dict):
        return [
            (name, f"{pointer}/{name}", item)
            for name, item in value.items()
            if not name.startswith("$")
        ]
    return [("", "", value)]


def _not_a_persona(source: Source, pointer: str, name: str, why: str) -> Problem:
    return Problem(
        "FJ0154",
        f"the persona '{name}' cannot be used" if name else "this is not a persona",
        source.locate(pointer),
        why,
        'write {"alice": {"id": "...", "name": "Alice", "provider": "aad", "roles": []}}',
        Severity.WARNING,
    )
