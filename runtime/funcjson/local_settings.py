"""local.settings.json: the settings that it gives, its Host section, and what is wrong with their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from funcjson.cors import IN_SETTINGS
from funcjson.errors import Location, Problem, Severity
from funcjson.json_source import Source
from funcjson.listening import port_of

NAME = "local.settings.json"
VALUES = f"{NAME} Values"
CONNECTION_STRINGS = f"{NAME} ConnectionStrings"


class Setting(NamedTuple):
    """One setting as it was written, and where."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class LocalHost:
    """`Host` of local.settings.json: how to listen, and who may call from a browser."""

    port: int | None = None
    address: str | None = None
    cors: tuple[str, ...] = ()
    cors_credentials: bool = False
    cors_at: Location = IN_SETTINGS


def in_settings(pointer: str) -> Location:
    """A place in a file that is not there."""
    return Location(NAME, pointer=pointer)


def key_of(name: str) -> str:
    """What is equal for two spellings of one setting."""
    return name.lower().replace("__", ":")


def member(document: Mapping[str, Any], name: str) -> Any:
    """A member of an object; letter case does not matter."""
    folded = name.lower()
    return next((value for key, value in document.items() if key.lower() == folded), None)


def own_settings(
    source: Source, document: Mapping[str, Any], environ: Mapping[str, str], problems: list[Problem]
) -> Iterator[Setting]:
    """Values and ConnectionStrings that take effect."""
    # Core Tools: only a variable that is not empty wins over the file.
    taken = {name.lower() for name, value in environ.items() if value}
    values = member(document, "Values")
    for name, value in values.items() if isinstance(values, dict) else ():
        text = _text(value)
        where = source.locate(f"/Values/{escaped(name)}")
        if not name:
            problems.append(
                _skipped(where, "an empty name", "Skipping local setting with empty key.")
            )
        elif text is None and value is not None:
            problems.append(_not_text(where, name, value))
        elif name.lower() in taken:
            problems.append(_shadowed(where, name))
        elif text is None:
            azure = f"Skipping '{name}' because value is null"
            problems.append(_skipped(where, f"'{name}', which is null", azure))
        else:
            yield Setting(name, text, VALUES)
    connections = member(document, "ConnectionStrings")
    for name, value in connections.items() if isinstance(connections, dict) else ():
        inner = member(value, "ConnectionString") if isinstance(value, dict) else value
        text = _text(inner)
        if text is None:
            where = source.locate(f"/ConnectionStrings/{escaped(name)}")
            problems.append(_not_text(where, name, value))
        elif f"connectionstrings:{name}".lower() not in taken:
            yield Setting(f"ConnectionStrings:{name}", text, CONNECTION_STRINGS)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def truth(value: Any) -> bool | None:
    """A boolean, also as text; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def local_host(source: Source | None, document: Mapping[str, Any]) -> LocalHost:
    """The section `Host`."""
    section = member(document, "Host")
    if source is None or not isinstance(section, dict):
        return LocalHost()
    cors = member(section, "CORS")
    origins = cors if isinstance(cors, list) else (cors.split(",") if isinstance(cors, str) else [])
    address = member(section, "LocalHttpAddress")
    return LocalHost(
        port=port_of(_text(member(section, "LocalHttpPort")) or ""),
        address=address if isinstance(address, str) and address else None,
        cors=tuple(str(origin).strip() for origin in origins if str(origin).strip()),
        cors_credentials=truth(member(section, "CORSCredentials")) is True,
        cors_at=source.locate(IN_SETTINGS.pointer) if origins else IN_SETTINGS,
    )


# What a documentation page, a sample or a template writes where the real text belongs.
_PLACEHOLDER = re.compile(
    # An IPv6 address stands in brackets too.
    r"<[^<>]*>|\{[^{}]*\}|\[(?![0-9a-f:.%]*\])[^\[\]]*\]|\.\.\.|(?<![a-z0-9])(?:your|insert|replace|paste|enter)[-_ ]"
    r"|(?<![a-z0-9])(?:update|change|fill)[-_ ]?(?:me|this)(?![a-z0-9])"
    r"|(?<![a-z0-9+/])x{4,}(?![a-z0-9+/])",
    re.IGNORECASE,
)


def is_placeholder(text: str) -> bool:
    """Whether the text still is (or holds) a documentation placeholder, such as `<your connection
    string>`.
    """
    return _PLACEHOLDER.search(text) is not None


def encrypted(source: Source, document: Mapping[str, Any]) -> list[Problem]:
    """That the values cannot be read."""
    # When the member is absent the real tools take the file as encrypted; hardly a user means that.
    if truth(member(document, "IsEncrypted")) is not True:
        return []
    return [
        Problem(
            "FJ0121",
            "the values of local.settings.json are encrypted",
            source.locate("/IsEncrypted"),
            "only the real tools, with the key of the user who encrypted them, can read them; "
            "none of them is used",
            "run `func settings decrypt` in this folder, or write the values in plain text with "
            '"IsEncrypted": false',
        )
    ]


def _not_text(where: Location, name: str, value: Any) -> Problem:
    kind = (
        "an object"
        if isinstance(value, dict)
        else "an array"
        if isinstance(value, list)
        else "null"
    )
    inner = f"{name}__{next(iter(value))}" if isinstance(value, dict) and value else f"{name}__0"
    return Problem(
        "FJ0122",
        f"the setting '{name}' is {kind}, not text",
        where,
        "settings are environment variables, so their values are text; this one is left out. The "
        "real tools then read none of the file's settings",
        f'write one setting per level, such as "{inner}": "..."',
        Severity.WARNING,
    )


def _shadowed(where: Location, name: str) -> Problem:
    return Problem(
        "FJ0123",
        f"the setting '{name}' is not used: an environment variable has that name",
        where,
        "the environment wins over local.settings.json",
        f"unset {name} in the terminal to use the value of the file",
        Severity.NOTE,
        azure=f"Skipping '{name}' from local settings as it's already defined in current "
        "environment variables.",
    )


def _skipped(where: Location, what: str, azure: str) -> Problem:
    return Problem(
        "FJ0125",
        f"local.settings.json holds {what}",
        where,
        "such a setting is left out",
        "give it a name and a value, or remove it",
        Severity.NOTE,
        azure=azure,
    )


def missing_file(app_root: Path, file: Path) -> list[Problem]:
    """A sample of the file that lies beside where it should be."""
    if file.parent != app_root or not app_root.is_dir():
        return []
    samples = sorted(path.name for path in app_root.glob("local.settings.*.json"))
    samples += sorted(path.name for path in app_root.glob("*.local.settings.json"))
    if not samples:
        return []
    return [
        Problem(
            "FJ0124",
            "there is no local.settings.json, but a sample of it",
            Location(samples[0]),
            "the file is usually kept out of version control, as it holds secrets",
            f"copy {samples[0]} to local.settings.json and fill it in",
            Severity.NOTE,
        )
    ]


def placeholders(
    source: Source | None, own: Iterable[Setting], by_key: Mapping[str, Setting]
) -> Iterator[Problem]:
    """Settings for a SignalR service that still hold what a documentation page wrote."""
    for setting in own:
        looks = "signalr" in setting.name.lower() or setting.value.lower().startswith("endpoint=")
        used = by_key.get(key_of(setting.name)) is setting
        if source and looks and used and is_placeholder(setting.value):
            section, name = (
                ("ConnectionStrings", setting.name.partition(":")[2])
                if setting.origin == CONNECTION_STRINGS
                else ("Values", setting.name)
            )
            yield Problem(
                "FJ0126",
                f"the setting '{name}' still holds a placeholder",
                source.locate(f"/{section}/{escaped(name)}"),
                "it is taken as if it were not set, so the local SignalR service is used",
                "leave it empty, or put the connection string of your SignalR service there",
                Severity.NOTE,
            )
