"""Members of local.settings.json that have the wrong kind of value, or that nothing reads."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from funcjson.errors import Problem, Severity
from funcjson.json_source import Source, escape_pointer
from funcjson.listening import LARGEST_PORT, port_of

_SECTIONS = ("Values", "ConnectionStrings", "Host")
_MEMBERS = ("$schema", "IsEncrypted", *_SECTIONS)
_HOST_MEMBERS = ("LocalHttpPort", "LocalHttpAddress", "CORS", "CORSCredentials")
_EXAMPLES = {
    "Values": '"Values": {"NAME": "text"}',
    "ConnectionStrings": '"ConnectionStrings": {"NAME": "text"}',
    "Host": '"Host": {"LocalHttpPort": 7071, "CORS": "http://localhost:3000"}',
}
_NESTED = ("connectionstrings:", "azure:signalr:endpoints:")
_KINDS = {dict: "an object", list: "an array", str: "text", bool: "true or false"}


def check_shape(source: Source, document: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems of the document's members, in the order in which they are written."""
    for name, value in document.items():
        pointer = f"/{escape_pointer(name)}"
        known = _known(name, _MEMBERS)
        if known is None:
            yield _unknown(source, pointer, name, value, _MEMBERS)
        elif known in _SECTIONS and not isinstance(value, dict):
            if value is not None:
                yield _wrong_kind(source, pointer, known, value)
        elif known == "Host":
            yield from _host(source, pointer, value)
        elif known == "Values":
            yield from _levels(source, pointer, value)


def _levels(source: Source, pointer: str, section: Mapping[str, Any]) -> Iterator[Problem]:
    """Names of nested settings whose levels are not separated as they must be."""
    for name in section:
        strict = name.replace("__", ":").lower()
        loose = re.sub(r"[_:.]+", ":", name).lower()
        if _is_nested(loose) and not _is_nested(strict):
            yield Problem(
                "FJ0128",
                f"'{name}' in local.settings.json is not read as a setting of a section",
                source.locate_key(f"{pointer}/{escape_pointer(name)}"),
                "levels of a name are separated by two underscores, or by a colon",
                f'write "{re.sub("[_:.]+", "__", name)}"',
                Severity.WARNING,
            )


def _is_nested(name: str) -> bool:
    return name.startswith(_NESTED) or name.endswith(":serviceuri")


def _host(source: Source, pointer: str, section: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in section.items():
        known = _known(name, _HOST_MEMBERS)
        place = f"{pointer}/{escape_pointer(name)}"
        if known is None:
            yield _unknown(source, place, name, value, _HOST_MEMBERS)
        elif known == "LocalHttpPort" and value is not None and port_of(str(value)) is None:
            yield Problem(
                "FJ0127",
                f"'{name}' is not a port",
                source.locate(place),
                "it is not used; without it the port is 7071",
                f'write a whole number of at most {LARGEST_PORT}, as in "LocalHttpPort": 7071',
                Severity.WARNING,
            )


def _known(name: str, names: tuple[str, ...]) -> str | None:
    # The real tools ignore letter case here.
    return next((known for known in names if known.lower() == name.lower()), None)


def _wrong_kind(source: Source, pointer: str, name: str, value: Any) -> Problem:
    return Problem(
        "FJ0127",
        f"'{name}' is {_KINDS.get(type(value), 'a number')}, not an object",
        source.locate(pointer),
        "nothing of it is used. The real tools then read none of the file's settings",
        f"write {_EXAMPLES[name]}",
        Severity.WARNING,
    )


def _unknown(
    source: Source, pointer: str, name: str, value: Any, names: tuple[str, ...]
) -> Problem:
    folded = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), folded, 1)
    fix = f'did you mean "{folded[near[0]]}"?' if near else 'settings belong into "Values": {...}'
    if names is _HOST_MEMBERS and not near:
        fix = "remove it"
    if "signalr" in name.lower() or str(value).lower().startswith("endpoint="):
        fix = f'it is a setting: move it into "Values": {{"{name}": "..."}}'
    return Problem(
        "FJ0128",
        f"'{name}' in local.settings.json does nothing",
        source.locate_key(pointer),
        f"nothing reads a member of this name here; known are {', '.join(names)}",
        fix,
        Severity.WARNING,
    )
