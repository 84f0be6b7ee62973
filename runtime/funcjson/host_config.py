"""host.json: what all functions of an app share, read as tolerantly as the real host reads it.

A variable `AzureFunctionsJobHost__a__b` replaces the member a.b of the file. What is wrong becomes
a Problem and the default is used; a file that does not exist is the default too, and is never
written.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from funcjson.dotnet_text import BadFormat, timespan_s
from funcjson.errors import Location, Problem, Severity
from funcjson.model import RetryPolicy

DEFAULT_TIMEOUT_S = 1800.0
ENVIRONMENT_SECTION = "AzureFunctionsJobHost"
LEVELS = ("trace", "debug", "information", "warning", "error", "critical", "none")

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


Locate = Callable[[str], Location]
Environment = Callable[[str], str | None]


class _Reader:
    """Members by path, the environment first; collects problems."""

    def __init__(
        self, document: Mapping[str, Any], locate: Locate, environment: Environment
    ) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._locate = locate
        self._environment = environment

    def get(self, *path: str) -> Any:
        replaced = self._environment(":".join((ENVIRONMENT_SECTION, *path)))
        return replaced if replaced is not None else self.written(*path)

    def written(self, *path: str) -> Any:
        value: Any = self.document
        for name in path:
            if not isinstance(value, Mapping):
                return None
            folded = name.lower()
            value = next((value[key] for key in value if key.lower() == folded), None)
        return value

    def where(self, *path: str) -> Location:
        return self._locate("".join(f"/{name}" for name in path))

    def text(self, *path: str) -> str | None:
        value = self.get(*path)
        if value is None or isinstance(value, str):
            return value
        self.problem("FJ0114", path, f"'{path[-1]}' must be text", "the default is used")
        return None

    def number(self, default: int, *path: str) -> int:
        value = self.get(*path)
        if value is None:
            return default
        try:
            if isinstance(value, bool):
                raise ValueError
            return int(value)
        except (TypeError, ValueError):
            self.problem(
                "FJ0114", path, f"'{path[-1]}' must be a whole number", f"{default} is used"
            )
            return default

    def texts(self, *path: str) -> tuple[str, ...] | None:
        value = self._with_items(self.get(*path), path)
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        if value is not None:
            self.problem("FJ0114", path, f"'{path[-1]}' must be an array of text", "it is ignored")
        return None

    def _with_items(self, value: Any, path: Sequence[str]) -> Any:
        """`...__0`, `...__1` in the environment replace single items of a list, or make one."""
        items: list[Any] = list(value) if isinstance(value, list) else []
        given: dict[int, str] = {}
        while (item := self.get(*path, str(len(given)))) is not None and isinstance(item, str):
            given[len(given)] = item
        return [*given.values(), *items[len(given) :]] if given else value

    def problem(  # noqa: PLR0913 - the parts of a Problem
        self,
        code: str,
        path: Sequence[str],
        what: str,
        why: str,
        fix: str = "",
        severity: Severity = Severity.WARNING,
        azure: str | None = None,
    ) -> None:
        self.problems.append(
            Problem(code, what, self.where(*path), why, fix, severity, azure=azure)
        )


def read_host_config(
    document: Mapping[str, Any] | None, locate: Locate, environment: Environment
) -> HostConfig:
    """`document` is the file's content, None when there is no file; `environment` reads a setting
    by its `:` name.
    """
    reader = _Reader(document or {}, locate, environment)
    if document is not None:
        _check_version(reader)
        _check_names(reader)
    handler, is_old = _custom_handler(reader)
    extensions = reader.written("extensions")
    headers = reader.written("extensions", "http", "customHeaders")
    return HostConfig(
        route_prefix=_route_prefix(reader),
        function_timeout_s=_timeout(reader),
        functions=reader.texts("functions"),
        retry=_retry(reader),
        log_levels=_log_levels(reader),
        custom_handler=handler,
        is_http_worker=is_old,
        custom_headers={n: str(v) for n, v in headers.items()} if isinstance(headers, dict) else {},
        max_outstanding_requests=reader.number(-1, "extensions", "http", "maxOutstandingRequests"),
        max_concurrent_requests=reader.number(-1, "extensions", "http", "maxConcurrentRequests"),
        watch_directories=reader.texts("watchDirectories") or (),
        watch_files=reader.texts("watchFiles") or (),
        extension_bundle=isinstance(reader.written("extensionBundle"), Mapping),
        extensions=extensions if isinstance(extensions, Mapping) else {},
        present=document is not None,
        problems=tuple(reader.problems),
    )


def _custom_handler(reader: _Reader) -> tuple[Mapping[str, Any] | None, bool]:
    """The section of the custom handler, and whether it is the older one."""
    new, old = reader.written("customHandler"), reader.written("httpWorker")
    has_new = isinstance(new, Mapping)
    if isinstance(old, Mapping):
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
    return (old, True) if isinstance(old, Mapping) else (None, False)


def _check_version(reader: _Reader) -> None:
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


def _check_names(reader: _Reader) -> None:
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


def _route_prefix(reader: _Reader) -> str:
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


def _timeout(reader: _Reader) -> float | None:
    path = ("functionTimeout",)
    text = reader.text(*path)
    if text is None:
        return DEFAULT_TIMEOUT_S
    if text.strip() == "-1":
        return None
    try:
        seconds = timespan_s(text)
    except BadFormat as error:
        reader.problem(
            "FJ0112",
            path,
            f"functionTimeout '{text}' is not a time",
            f"the default of 30 minutes is used; {error}",
            'write hh:mm:ss, such as "00:05:00", or "-1" for no limit',
            Severity.ERROR,
        )
        return DEFAULT_TIMEOUT_S
    if seconds < 1:
        reader.problem(
            "FJ0112",
            path,
            f"functionTimeout '{text}' is shorter than a second",
            "the default of 30 minutes is used",
            'write hh:mm:ss, such as "00:05:00", or "-1" for no limit',
            Severity.ERROR,
            "FunctionTimeout must be greater than 00:00:01 and less than "
            "10675199.02:48:05.4775807.",
        )
        return DEFAULT_TIMEOUT_S
    return seconds


def _retry(reader: _Reader) -> RetryPolicy | None:
    if not isinstance(reader.written("retry"), Mapping):
        return None
    strategy = reader.text("retry", "strategy") or "exponentialBackoff"
    fixed = strategy.lower() == "fixeddelay"
    needed = ("delayInterval",) if fixed else ("minimumInterval", "maximumInterval")
    times: dict[str, float] = {}
    for name in needed:
        try:
            times[name] = timespan_s(reader.text("retry", name) or "")
        except BadFormat:
            reader.problem(
                "FJ0114",
                ("retry", name),
                f"retry needs '{name}' as hh:mm:ss",
                f"the strategy is {strategy}; without it there is no retry",
                f'add "{name}": "00:00:10"',
            )
    if reader.get("retry", "maxRetryCount") is None:
        reader.problem(
            "FJ0114",
            ("retry",),
            "retry needs 'maxRetryCount'",
            "without it there is no retry",
            'add "maxRetryCount": 3, or -1 to try for ever',
        )
        return None
    if len(times) != len(needed):
        return None
    return RetryPolicy(
        strategy,
        reader.number(0, "retry", "maxRetryCount"),
        times.get("delayInterval", 0.0),
        times.get("minimumInterval", 0.0),
        times.get("maximumInterval", 0.0),
    )


def _log_levels(reader: _Reader) -> dict[str, str]:
    written = reader.written("logging", "logLevel")
    levels: dict[str, str] = {}
    for category in written if isinstance(written, Mapping) else ():
        level = reader.get("logging", "logLevel", category)
        if isinstance(level, str) and level.lower() in LEVELS:
            levels[category] = level.lower()
        else:
            reader.problem(
                "FJ0114",
                ("logging", "logLevel", category),
                f"'{level}' is not a log level",
                "the level of this category stays as it is by default",
                "write one of Trace, Debug, Information, Warning, Error, Critical, None",
            )
    replaced = reader.get("logging", "logLevel", "default")
    if isinstance(replaced, str) and replaced.lower() in LEVELS:
        levels["default"] = replaced.lower()
    return levels
