"""Settings: the environment, local.settings.json and host.json as one frozen object.

Names follow .NET configuration: letter case does not matter, `:` and `__` both separate levels, and
ConnectionStrings come first for a connection. Values may be secrets; they never show in a repr, a
Problem or `origin`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from funcjson.cors import IN_SETTINGS
from funcjson.errors import Location, Problem, Severity
from funcjson.host_config import HostConfig, read_host_config
from funcjson.json_source import Source, parse_json
from funcjson.local_settings_rules import check_shape
from funcjson.masking import secrets_in

__all__ = [
    "HostConfig",
    "IdentityConnection",
    "LocalHost",
    "NamedEndpoint",
    "Settings",
    "is_placeholder",
    "load_settings",
]

ENVIRONMENT = "environment"
OVERRIDE = "override"
VALUES = "local.settings.json Values"
CONNECTION_STRINGS = "local.settings.json ConnectionStrings"
ENDPOINTS_SECTION = "azure:signalr:endpoints"


class Setting(NamedTuple):
    """One setting as it was written, and where."""

    name: str
    value: str
    origin: str


class NamedEndpoint(NamedTuple):
    """A connection string of the section Azure:SignalR:Endpoints. `kind` is Primary or
    Secondary.
    """

    name: str
    kind: str
    connection_string: str


@dataclass(frozen=True, slots=True)
class IdentityConnection:
    """An identity-based connection: settings below a name, `serviceUri` at least. The secret does
    not show in the repr.
    """

    setting: str
    service_uri: str
    name: str = ""
    kind: str = "Primary"
    credential: str = ""
    client_id: str = ""
    tenant_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_endpoint: str = ""
    server_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class LocalHost:
    """`Host` of local.settings.json: how to listen, and who may call from a browser."""

    port: int | None = None
    address: str | None = None
    cors: tuple[str, ...] = ()
    cors_credentials: bool = False
    cors_at: Location = IN_SETTINGS


def _in_settings(pointer: str) -> Location:
    return Location("local.settings.json", pointer=pointer)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of an app. `problems` are those of local.settings.json and host.json."""

    app_root: Path
    host: HostConfig = field(default_factory=HostConfig)
    local_host: LocalHost = field(default_factory=LocalHost)
    problems: tuple[Problem, ...] = ()
    _by_key: Mapping[str, Setting] = field(default_factory=dict, repr=False)
    _environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    _locate: Callable[[str], Location] = field(default=_in_settings, repr=False, compare=False)

    def get(self, name: str) -> str | None:
        """The value of a setting, None when there is none. An empty value is a value."""
        found = self._by_key.get(_key(name)) if name else None
        return None if found is None else found.value

    def origin(self, name: str) -> str | None:
        """Where the value of `get(name)` comes from."""
        found = self._by_key.get(_key(name))
        return None if found is None else found.origin

    def connection_string(self, name: str) -> str | None:
        """The value of a connection: `ConnectionStrings:name` if there is one, even an empty one,
        else `name`.
        """
        found = self.get(f"ConnectionStrings:{name}")
        return self.get(name) if found is None else found

    def connection_place(self, name: str) -> Location:
        """Where the value of `connection_string(name)` is written."""
        found = self._by_key.get(_key(f"ConnectionStrings:{name}")) or self._by_key.get(_key(name))
        if found is None or found.origin in (ENVIRONMENT, OVERRIDE):
            return Location(f"environment variable {name if found is None else found.name}")
        if found.origin == CONNECTION_STRINGS:
            return self._locate(f"/ConnectionStrings/{_escaped(found.name.partition(':')[2])}")
        return self._locate(f"/Values/{_escaped(found.name)}")

    def connection_origin(self, name: str) -> str | None:
        """Where the value of `connection_string(name)` comes from."""
        return self.origin(f"ConnectionStrings:{name}") or self.origin(name)

    def identity(self, name: str) -> IdentityConnection | None:
        """The identity-based connection below a name; only used when there is no connection
        string.
        """
        return self._identity(name, "")

    def named_endpoints(self) -> tuple[NamedEndpoint, ...]:
        """The connection strings of Azure:SignalR:Endpoints: of each name its own value, primary,
        secondary.
        """
        found: list[NamedEndpoint] = []
        for name in self._endpoint_names():
            for suffix, kind in (
                ("", "Primary"),
                (":primary", "Primary"),
                (":secondary", "Secondary"),
            ):
                value = self.get(f"{ENDPOINTS_SECTION}:{name}{suffix}")
                if value:
                    found.append(NamedEndpoint(name, kind, value))
        return tuple(found)

    def named_identities(self) -> tuple[IdentityConnection, ...]:
        """The identity-based endpoints of Azure:SignalR:Endpoints."""
        found = (
            self._identity(f"{ENDPOINTS_SECTION}:{name}", name) for name in self._endpoint_names()
        )
        return tuple(one for one in found if one is not None)

    def names(self) -> tuple[str, ...]:
        """The names of all settings that the app's own files give, sorted; the environment's are
        not listed.
        """
        own = (s.name for s in self._by_key.values() if s.origin not in (ENVIRONMENT, OVERRIDE))
        return tuple(sorted(own, key=str.lower))

    def secrets(self) -> frozenset[str]:
        """The secret texts among the values, the environment's too; for taking them out of what is shown."""
        return secrets_in((setting.name, setting.value) for setting in self._by_key.values())

    def worker_environment(self, hostname: str = "") -> dict[str, str]:
        """The environment of a worker process: this one's, the settings, and what the host adds.

        `hostname` is the address and port of the host, when it is known.
        """
        variables = dict(self._environ)
        for setting in self._by_key.values():
            if setting.origin != ENVIRONMENT:
                variables[setting.name] = setting.value
        root = str(self.app_root)
        variables |= {
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": root,
            "FUNCTIONS_APPLICATION_DIRECTORY": root,
        }
        if hostname:
            variables.setdefault("WEBSITE_HOSTNAME", hostname)
        return variables

    def _endpoint_names(self) -> tuple[str, ...]:
        """Names of endpoints in the order of their settings, spelled as first written."""
        names: dict[str, str] = {}
        prefix = f"{ENDPOINTS_SECTION}:"
        for key, setting in self._by_key.items():
            if key.startswith(prefix):
                name = re.split(r":|__", setting.name)[3]
                names.setdefault(name.lower(), name)
        return tuple(names.values())

    def _identity(self, section: str, name: str) -> IdentityConnection | None:
        uri = self.get(f"{section}:serviceUri")
        if not uri:
            return None
        kind = (
            "Secondary" if (self.get(f"{section}:type") or "").lower() == "secondary" else "Primary"
        )
        return IdentityConnection(
            section,
            uri,
            name,
            kind,
            self.get(f"{section}:credential") or "",
            self.get(f"{section}:clientId") or "",
            self.get(f"{section}:tenantId") or "",
            self.get(f"{section}:clientSecret") or "",
            self.get(f"{section}:clientEndpoint") or "",
            self.get(f"{section}:serverEndpoint") or "",
        )


def load_settings(
    app_root: Path,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    settings_file: Path | None = None,
) -> Settings:
    """Read local.settings.json (or `settings_file`) and host.json of an app. Never raises for their
    content.

    A variable of `environ` that is not empty wins over the file; `overrides` win over everything.
    """
    problems: list[Problem] = []
    file = settings_file or app_root / "local.settings.json"
    source = _read(file, app_root, problems)
    document = source.value if source is not None and isinstance(source.value, dict) else {}
    if source is None:
        problems += _missing_file(app_root, file)
    elif document:
        problems += _encrypted(source, document)
        problems += check_shape(source, document)
    own: list[Setting] = []
    if _truth(_member(document, "IsEncrypted")) is not True:
        own = list(_own_settings(source, document, environ, problems)) if source else []
    by_key = _index(
        (
            *(Setting(name, value, ENVIRONMENT) for name, value in environ.items()),
            *own,
            *(Setting(name, value, OVERRIDE) for name, value in (overrides or {}).items()),
        )
    )
    problems += _placeholders(source, own, by_key)
    host_source = _read(app_root / "host.json", app_root, problems)
    host = read_host_config(
        host_source.value if host_source is not None else None,
        host_source.locate if host_source is not None else _in_host_json,
        Settings(app_root, _by_key=by_key).get,
    )
    return Settings(
        app_root,
        host,
        _local_host(source, document),
        (*problems, *host.problems),
        by_key,
        dict(environ),
        source.locate if source is not None else _in_settings,
    )


def _in_host_json(pointer: str) -> Location:
    return Location("host.json", pointer=pointer)


def _key(name: str) -> str:
    return name.lower().replace("__", ":")


def _index(settings: Iterable[Setting]) -> dict[str, Setting]:
    """Settings by key. Of two for one key the later wins, and a name with `:` wins over one with
    `__`.
    """
    by_key: dict[str, Setting] = {}
    for setting in settings:
        key = _key(setting.name)
        held = by_key.get(key)
        if held is not None and ":" in held.name and ":" not in setting.name:
            continue
        by_key[key] = setting
    return by_key


def _read(file: Path, app_root: Path, problems: list[Problem]) -> Source | None:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.append(
            Problem(
                "FJ0120",
                f"{file.name} cannot be read",
                Location(_shown(file, app_root)),
                error.strerror or str(error),
                "make it a file that this user may read",
            )
        )
        return None
    source = parse_json(data, _shown(file, app_root))
    say = _UNREADABLE.get(file.name, "{text}")
    problems += (
        replace(problem, azure=say.format(path=file, text=problem.azure))
        if problem.severity is Severity.ERROR
        else problem
        for problem in source.problems
    )
    return source


# How the real tools introduce the JSON reader's text.
_UNREADABLE = {
    "host.json": "Unable to parse host configuration file '{path}'. {text}",
    "local.settings.json": "Failed to read app settings file at '{path}'. Ensure it is a valid JSON "
    "file. {text}",
}


def _shown(file: Path, app_root: Path) -> str:
    return file.relative_to(app_root).as_posix() if file.is_relative_to(app_root) else str(file)


def _member(document: Mapping[str, Any], name: str) -> Any:
    folded = name.lower()
    return next((value for key, value in document.items() if key.lower() == folded), None)


def _own_settings(
    source: Source, document: Mapping[str, Any], environ: Mapping[str, str], problems: list[Problem]
) -> Iterator[Setting]:
    """Values and ConnectionStrings that take effect."""
    # Core Tools: only a variable that is not empty wins over the file.
    taken = {name.lower() for name, value in environ.items() if value}
    values = _member(document, "Values")
    for name, value in values.items() if isinstance(values, dict) else ():
        text = _text(value)
        where = source.locate(f"/Values/{_escaped(name)}")
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
    connections = _member(document, "ConnectionStrings")
    for name, value in connections.items() if isinstance(connections, dict) else ():
        inner = _member(value, "ConnectionString") if isinstance(value, dict) else value
        text = _text(inner)
        if text is None:
            where = source.locate(f"/ConnectionStrings/{_escaped(name)}")
            problems.append(_not_text(where, name, value))
        elif f"connectionstrings:{name}".lower() not in taken:
            yield Setting(f"ConnectionStrings:{name}", text, CONNECTION_STRINGS)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _local_host(source: Source | None, document: Mapping[str, Any]) -> LocalHost:
    section = _member(document, "Host")
    if source is None or not isinstance(section, dict):
        return LocalHost()
    cors = _member(section, "CORS")
    origins = cors if isinstance(cors, list) else (cors.split(",") if isinstance(cors, str) else [])
    port = _text(_member(section, "LocalHttpPort")) or ""
    address = _member(section, "LocalHttpAddress")
    return LocalHost(
        port=int(port) if port.isdecimal() else None,
        address=address if isinstance(address, str) and address else None,
        cors=tuple(str(origin).strip() for origin in origins if str(origin).strip()),
        cors_credentials=_truth(_member(section, "CORSCredentials")) is True,
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


def _encrypted(source: Source, document: Mapping[str, Any]) -> list[Problem]:
    # When the member is absent the real tools take the file as encrypted; hardly a user means that.
    if _truth(_member(document, "IsEncrypted")) is not True:
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


def _missing_file(app_root: Path, file: Path) -> list[Problem]:
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


def _placeholders(
    source: Source | None, own: Iterable[Setting], by_key: Mapping[str, Setting]
) -> Iterator[Problem]:
    for setting in own:
        looks = "signalr" in setting.name.lower() or setting.value.lower().startswith("endpoint=")
        used = by_key.get(_key(setting.name)) is setting
        if source and looks and used and is_placeholder(setting.value):
            section, name = (
                ("ConnectionStrings", setting.name.partition(":")[2])
                if setting.origin == CONNECTION_STRINGS
                else ("Values", setting.name)
            )
            yield Problem(
                "FJ0126",
                f"the setting '{name}' still holds a placeholder",
                source.locate(f"/{section}/{_escaped(name)}"),
                "it is taken as if it were not set, so the local SignalR service is used",
                "leave it empty, or put the connection string of your SignalR service there",
                Severity.NOTE,
            )
