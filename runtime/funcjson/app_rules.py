"""What can be wrong between the functions of an app, and between them and its settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from funcjson.bindings.signalr_trigger import duplicate_keys
from funcjson.errors import Location, Problem, Severity
from funcjson.local_settings import is_placeholder
from funcjson.model import Binding, Function, FunctionSet
from funcjson.settings import Settings
from funcjson.signalr.connection_string import ConnectionStringError, remarks
from funcjson.signalr.credentials import parse_connection_string

DEFAULT_CONNECTION_SETTING = "AzureSignalRConnectionString"


def without_conflicts(functions: Iterable[Function], settings: Settings) -> FunctionSet:
    """The functions that can live together; of two for one event the later is left out."""
    every = tuple(functions)
    problems = tuple(duplicate_keys(every))
    failed = {problem.function for problem in problems}
    kept = tuple(function for function in every if function.name not in failed)
    return FunctionSet(kept, (*problems, *_connections(kept, settings)))


def _connections(functions: Iterable[Function], settings: Settings) -> Iterator[Problem]:
    """Malformed connection strings, once for each setting, at the first binding that uses it."""
    seen: set[str] = set()
    for function in functions:
        for binding in function.bindings:
            if not binding.type.lower().startswith("signalr"):
                continue
            name = binding.properties.get("connectionStringSetting", DEFAULT_CONNECTION_SETTING)
            if not isinstance(name, str) or not name.strip() or name.lower() in seen:
                continue
            seen.add(name.lower())
            text = settings.connection_string(name)
            # An empty value and a placeholder mean the local service.
            if text is None or not text.strip() or is_placeholder(text):
                continue
            try:
                parse_connection_string(text)
            except ConnectionStringError as error:
                yield _malformed(name, error, function, binding, settings)
            else:
                for remark in remarks(text):
                    yield _odd(name, remark, function, binding, settings)


def _odd(
    name: str, remark: str, function: Function, binding: Binding, settings: Settings
) -> Problem:
    return Problem(
        "FJ0306",
        f"the connection string in the setting '{name}' holds something that is no part of it",
        _place(function, binding),
        why=f"it comes from {settings.connection_origin(name)}: {remark}",
        fix="copy the string again from the service's Keys page, and keep comments out of it",
        severity=Severity.WARNING,
        function=function.name,
    )


def _place(function: Function, binding: Binding) -> Location:
    prop = "/connectionStringSetting" if "connectionStringSetting" in binding.properties else ""
    return function.locate(f"{binding.pointer}{prop}")


def _malformed(
    name: str,
    error: ConnectionStringError,
    function: Function,
    binding: Binding,
    settings: Settings,
) -> Problem:
    return Problem(
        "FJ0306",
        f"the connection string in the setting '{name}' is malformed",
        _place(function, binding),
        why=f"calls that use it fail; it comes from {settings.connection_origin(name)}: "
        f"{error.hint}",
        fix="it reads Endpoint=https://NAME.service.signalr.net;AccessKey=KEY;Version=1.0; (copy "
        "it from the service's Keys page), or leave it empty to use the local service",
        severity=Severity.WARNING,
        function=function.name,
        azure=error.message,
    )
