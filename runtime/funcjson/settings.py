"""Settings: the environment, local.settings.json and host.json as one frozen object.

Names follow .NET configuration: letter case does not matter, `:` and `__` both separate levels, and
ConnectionStrings come first for a connection. Values may be secrets; they never show in a repr, a
Problem or `origin`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from funcjson.errors import Location, Problem, Severity
from funcjson.host_config import HostConfig, read_host_config
from funcjson.json_source import Source, parse_json
from funcjson.local_settings import (
    CONNECTION_STRINGS,
    LocalHost,
    Setting,
    encrypted,
    escaped,
    in_settings,
    key_of,
    local_host,
    member,
    missing_file,
    own_settings,
    placeholders,
    truth,
)
from funcjson.local_settings_rules import check_shape
from funcjson.masking import secrets_in

__all__ = [
    "HostConfig",
    "IdentityConnection",
    "NamedEndpoint",
    "Settings",
    "load_settings",
]

ENVIRONMENT = "environment"
OVERRIDE = "override"
ENDPOINTS_SECTION = "azure:signalr:endpoints"


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
class Settings:
    """All settings of an app. `problems` are those of local.settings.json and host.json."""

    app_root: Path
    host: HostConfig = field(default_factory=HostConfig)
    local_host: LocalHost = field(default_factory=LocalHost)
    problems: tuple[Problem, ...] = ()
    _by_key: Mapping[str, Setting] = field(default_factory=dict, repr=False)
    _environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    _locate: Callable[[str], Location] = field(default=in_settings, repr=False, compare=False)

    def get(self, name: str) -> str | None:
        """The value of a setting, None when there is none. An empty value is a value."""
        found = self._by_key.get(key_of(name)) if name else None
        return None if found is None else found.value

    def origin(self, name: str) -> str | None:
        """Where the value of `get(name)` comes from."""
        found = self._by_key.get(key_of(name))
        return None if found is None else found.origin

    def connection_string(self, name: str) -> str | None:
        """The value of a connection: `ConnectionStrings:name` if there is one, even an empty one,
        else `name`.
        """
        found = self.get(f"ConnectionStrings:{name}")
        return self.get(name) if found is None else found

    def connection_place(self, name: str) -> Location:
        """Where the value of `connection_string(name)` is written."""
        found = self._by_key.get(key_of(f"ConnectionStrings:{name}")) or self._by_key.get(
            key_of(name)
        )
        if found is None or found.origin in (ENVIRONMENT, OVERRIDE):
            return Location(f"environment variable {name if found is None else found.name}")
        if found.origin == CONNECTION_STRINGS:
            return self._locate(f"/ConnectionStrings/{escaped(found.name.partition(':')[2])}")
        return self._locate(f"/Values/{escaped(found.name)}")

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
        problems += missing_file(app_root, file)
    elif document:
        problems += encrypted(source, document)
        problems += check_shape(source, document)
    own: list[Setting] = []
    if truth(member(document, "IsEncrypted")) is not True:
        own = list(own_settings(source, document, environ, problems)) if source else []
    by_key = _index(
        (
            *(Setting(name, value, ENVIRONMENT) for name, value in environ.items()),
            *own,
            *(Setting(name, value, OVERRIDE) for name, value in (overrides or {}).items()),
        )
    )
    problems += placeholders(source, own, by_key)
    host_source = _read(app_root / "host.json", app_root, problems)
    host = read_host_config(
        host_source.value if host_source is not None else None,
        host_source.locate if host_source is not None else _in_host_json,
        Settings(app_root, _by_key=by_key).get,
    )
    return Settings(
        app_root,
        host,
        local_host(source, document),
        (*problems, *host.problems),
        by_key,
        dict(environ),
        source.locate if source is not None else in_settings,
    )


def _in_host_json(pointer: str) -> Location:
    return Location("host.json", pointer=pointer)


def _index(settings: Iterable[Setting]) -> dict[str, Setting]:
    """Settings by key. Of two for one key the later wins, and a name with `:` wins over one with
    `__`.
    """
    by_key: dict[str, Setting] = {}
    for setting in settings:
        key = key_of(setting.name)
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
