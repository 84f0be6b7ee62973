"""The personas file of an app: who can be signed in as, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from funcjson.errors import Location, Problem, Severity
from funcjson.identity import MEMBERS, NotAPersona, Persona, persona_from
from funcjson.json_reader import escape_pointer
from funcjson.json_source import Source, parse_json

_SHOWN = ("id", "name", "provider", "roles", "claims")
_FIX = 'write {"alice": {"id": "...", "name": "Alice", "provider": "aad", "roles": []}}'
# The first that exists counts.
FILES = (".funcjson/personas.json", "personas.json")


def load_personas(root: Path) -> tuple[Mapping[str, Persona] | None, tuple[Problem, ...]]:
    """Personas by name, and what is wrong with the file, None when it cannot be read. An app without one has none."""
    for name in FILES:
        path = root / name
        try:
            return read_personas(path.read_bytes(), name)
        except FileNotFoundError:
            continue
        except OSError as error:
            return None, (_unreadable(name, error),)
    return {}, ()


def read_personas(
    data: str | bytes, file: str
) -> tuple[Mapping[str, Persona] | None, tuple[Problem, ...]]:
    """`{"alice": {...}}`, `{"personas": {...}}` or a list of objects that each have a name.

    A persona that names no provider has none: it is of the one that it is signed in with.
    """
    source = parse_json(data, file, object_root=False)
    problems = list(source.problems)
    personas: dict[str, Persona] = {}
    if not source.ok:
        return None, tuple(problems)
    if not isinstance(source.value, dict | list):
        return None, (
            *problems,
            _not_a_persona(source, "", "", "the file holds an object or a list"),
        )
    found = _described(source.value)
    if not found:
        problems.append(_nobody(source))
    for name, pointer, described in found:
        try:
            persona = persona_from(described, name, provider="")
        except NotAPersona as error:
            problems.append(_not_a_persona(source, pointer, name, str(error)))
        else:
            personas[name or persona.name] = persona
            problems += _unknown_members(source, pointer, name or persona.name, described)
    return personas, tuple(problems)


def find_persona(personas: Mapping[str, Persona], name: str, provider: str = "aad") -> Persona:
    """The persona of a name in any letter case, or one invented for that name."""
    folded = name.lower()
    known = next((one for key, one in personas.items() if key.lower() == folded), None)
    if known is None:
        return Persona(name, name, provider)
    return known if known.provider else replace(known, provider=provider)


def not_among(personas: Mapping[str, Persona], name: str) -> str:
    """That a name was made up, in an app that has personas; "" when there is nothing to say."""
    if not personas or any(key.lower() == name.lower() for key in personas):
        return ""
    return f"not among the app's personas, which are: {', '.join(personas)}"


def _unknown_members(source: Source, pointer: str, name: str, described: Any) -> list[Problem]:
    if not isinstance(described, dict):
        return []
    unknown = [key for key in described if key.lower() not in MEMBERS and not key.startswith("$")]
    return [
        Problem(
            "FJ0154",
            f"'{key}' of the persona '{name}' is not used",
            source.locate_key(f"{pointer}/{escape_pointer(key)}"),
            f"a persona has: {', '.join(_SHOWN)}",
            f"write '{near[0]}'"
            if (near := difflib.get_close_matches(key.lower(), _SHOWN, n=1))
            else "remove it",
            Severity.WARNING,
        )
        for key in unknown
    ]


def _described(value: Any) -> list[tuple[str, str, Any]]:
    """(name, JSON pointer, description) of each persona."""
    pointer = ""
    if isinstance(value, dict) and isinstance(value.get("personas"), dict | list):
        value, pointer = value["personas"], "/personas"
    if isinstance(value, list):
        return [("", f"{pointer}/{at}", item) for at, item in enumerate(value)]
    if isinstance(value, dict):
        return [
            (name, f"{pointer}/{escape_pointer(name)}", item)
            for name, item in value.items()
            if not name.startswith("$")
        ]
    return []


def _unreadable(file: str, error: OSError) -> Problem:
    return Problem(
        "FJ0120",
        f"{file} cannot be read",
        Location(file),
        error.strerror or str(error),
        "make it a file that this user may read",
        Severity.WARNING,
    )


def _nobody(source: Source) -> Problem:
    return Problem(
        "FJ0154",
        "the file has no personas",
        source.locate(""),
        "nobody can be chosen, and whoever was signed in as one of them is signed out",
        f"{_FIX}, or remove the file",
        Severity.WARNING,
    )


def _not_a_persona(source: Source, pointer: str, name: str, why: str) -> Problem:
    return Problem(
        "FJ0154",
        f"the persona '{name}' cannot be used" if name else "this is not a persona",
        source.locate(pointer),
        why,
        _FIX,
        Severity.WARNING,
    )
