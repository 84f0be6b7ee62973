"""host.json: what all functions of an app share, read as tolerantly as the real host reads it.

A variable `AzureFunctionsJobHost__a__b` replaces the member a.b of the file. What is wrong becomes
a Problem and the default is used; a file that does not exist is the default too, and is never
written.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from funcjson.errors import Problem, Severity
from funcjson.host_config_reader import Environment, HostConfigReader, Locate
from funcjson.host_config_values import (
    DEFAULT_TIMEOUT_S,
    custom_headers,
    log_levels,
    retry,
    timeout,
)
from funcjson.model import RetryPolicy

_KNOWN = (
    *("$schema", "version", "functionTimeout", "retry", "functions", "watchDirectories"),
    *("watchFiles", "logging", "aggregator", "healthMonitor", "extensionBundle", "concurrency"),
    *(
        "managedDependency",
        "managedDependencies",
        "customHandler",
        "httpWorker",
        "extensions",
        "singleton",
    ),
    *("sendCanceledInvocationsToWorker", "metadataProviderTimeout", "telemetryMode"),
    *("isDefaultHostConfig", "configurationSource"),
)
# Sections of version 1 of the file, which the current host ignores where they stand.
_MOVED = ("http", "queues", "serviceBus", "eventHub")


@dataclass(frozen=True, slots=True)
class HostConfig:
    """host.json with its defaults.

    `function_timeout_s` None is no limit. `functions` None loads all. `log_levels` has category
    names as written and levels in lower case. Limits of -1 are none. `is_http_worker`: the
    custom handler stands in the older section `httpWorker`. `present` tells whether there is a file.
    """

    route_prefix: str = "api"
    function_timeout_s: float | None = DEFAULT_TIMEOUT_S
    functions: tuple[str, ...] | None = None
    retry: RetryPolicy | None = None
    log_levels: Mapping[str, str] = field(default_factory=dict)
    custom_handler: Mapping[str, Any] | None = None
    is_http_worker: bool = False
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    max_outstanding_requests: int = -1
    max_concurrent_requests: int = -1
    watch_directories: tuple[str, ...] = ()
    watch_files: tuple[str, ...] = ()
    extension_bundle: bool = False
    extensions: Mapping[str, Any] = field(default_factory=dict)
    present: bool = False
    problems: tuple[Problem, ...] = ()

    def log_level(self, category: str) -> str:
        """The lowest level shown for a category: the longest listed name that begins it, else
        `default`.
        """
        wanted = category.lower()
        best, level = -1, "information"
        for name, value in self.log_levels.items():
            folded = name.lower()
            if folded == "default" and best < 0:
                best, level = 0, value
            elif (wanted == folded or wanted.startswith(folded + ".")) and len(folded) > best:
                best, level = len(folded), value
        return level


def read_host_config(
    document: Mapping[str, Any] | None, locate: Locate, environment: Environment
) -> HostConfig:
    """`document` is the file's content, None when there is no file; `environment` reads a setting
    by its `:` name.
    """
    reader = HostConfigReader(document or {}, locate, environment)
    if document is not None:
        _check_version(reader)
        _check_names(reader)
    handler, is_old = _custom_handler(reader)
    extensions = reader.section("extensions")
    reader.section("extensions", "http")
    return HostConfig(
        route_prefix=_route_prefix(reader),
        function_timeout_s=timeout(reader),
        functions=reader.texts("functions"),
        retry=retry(reader),
        log_levels=log_levels(reader),
        custom_handler=handler,
        is_http_worker=is_old,
        custom_headers=custom_headers(reader),
        max_outstanding_requests=reader.number(-1, "extensions", "http", "maxOutstandingRequests"),
        max_concurrent_requests=reader.number(-1, "extensions", "http", "maxConcurrentRequests"),
        watch_directories=reader.texts("watchDirectories") or (),
        watch_files=reader.texts("watchFiles") or (),
        extension_bundle=isinstance(reader.written("extensionBundle"), Mapping),
        extensions=extensions,
        present=document is not None,
        problems=tuple(reader.problems),
    )


def _custom_handler(reader: HostConfigReader) -> tuple[Mapping[str, Any] | None, bool]:
    """The section of the custom handler, and whether it is the older one."""
    new, old = reader.section("customHandler"), reader.section("httpWorker")
    has_new = isinstance(reader.written("customHandler"), Mapping)
    has_old = isinstance(reader.written("httpWorker"), Mapping)
    if has_old:
        reader.problem(
            "FJ0116",
            ("httpWorker",),
            "'httpWorker' is not used beside 'customHandler'"
            if has_new
            else "'httpWorker' is the older name of 'customHandler'",
            "with the older one, functions with nothing but HTTP get the original request at "
            "/{function name}",
            "remove it"
            if has_new
            else 'rename it to "customHandler", with "enableForwardingHttpRequest": true when the '
            "program wants original requests; they then come to the path that the caller asked for",
            azure="Section httpWorker will be deprecated. Please use customHandler section.",
        )
    if has_new:
        return new, False
    return (old, True) if has_old else (None, False)


def _check_version(reader: HostConfigReader) -> None:
    version = reader.get("version")
    if version is None:
        reader.problem(
            "FJ0111",
            (),
            "host.json has no 'version'",
            "the real host does not start without it",
            'add "version": "2.0"',
            Severity.ERROR,
            "The host.json file is missing the required 'version' property. See "
            "https://aka.ms/functions-hostjson for steps to migrate the configuration file.",
        )
    elif version != "2.0":
        runtime = (
            "This does not correspond to the function runtime version, only to the schema version "
            "of the host.json file. "
        )
        reader.problem(
            "FJ0111",
            ("version",),
            f"'{version}' is not a version of host.json",
            "the version is that of the file's format, for every runtime since 2",
            'write "version": "2.0"',
            Severity.ERROR,
            f"'{version}' is an invalid value for host.json 'version' property. We recommend you "
            f"set the 'version' property to '2.0'. "
            f"{runtime if str(version).startswith('3') else ''}"
            "See https://aka.ms/functions-hostjson for more information on this configuration "
            "file.",
        )


def _check_names(reader: HostConfigReader) -> None:
    known = {name.lower(): name for name in _KNOWN}
    for name in reader.document:
        if name.lower() in known:
            continue
        if name in _MOVED:
            fix = f'move it to "extensions": {{"{name}": ...}}'
            why = "since version 2.0 of the file the host reads it there only"
        else:
            near = difflib.get_close_matches(name.lower(), known, 1)
            fix = f"did you mean '{known[near[0]]}'?" if near else "remove it"
            why = "the host knows no such member"
        reader.problem("FJ0113", (name,), f"'{name}' in host.json does nothing", why, fix)


def _route_prefix(reader: HostConfigReader) -> str:
    path = ("extensions", "http", "routePrefix")
    prefix = reader.text(*path)
    if prefix is None:
        return "api"
    trimmed = prefix.strip("/")
    if trimmed != prefix:
        reader.problem(
            "FJ0115",
            path,
            f"routePrefix '{prefix}' begins or ends with '/'",
            "here the slash is dropped; on the real host no function of the app can be called",
            f'write "routePrefix": "{trimmed}"',
            azure="The route template separator character '/' cannot appear consecutively. It must "
            "be separated by either a parameter or a literal value.",
        )
    return trimmed
