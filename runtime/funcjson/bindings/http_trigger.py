"""httpTrigger: a function that a request sets off."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from funcjson.binding_data import BindingData, json_text
from funcjson.bindings.base import TriggerType
from funcjson.errors import Location, Problem, Severity
from funcjson.http_binding_data import http_binding_data
from funcjson.http_route_table import check_route
from funcjson.http_routes import RouteEntry
from funcjson.model import (
    NOTHING,
    Binding,
    Function,
    HttpRequest,
    Language,
    TriggerEvent,
    TypedData,
)
from funcjson.settings import Settings


def value(event: TriggerEvent, language: Language) -> TypedData:
    """The request as the worker gets it: names of headers in lower case, repeated values joined.

    Query parameters without a value are left out for Python, as the real host does. Custom handlers
    also get `header_list`, the headers as they came.
    """
    request = _request(event)
    params = request.route_params
    body: TypedData = {"bytes": request.body} if request.body else NOTHING
    message: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "headers": headers_of(request),
        "query": query_of(request, keep_empty=language is not Language.PYTHON),
        "params": {k: v for k, v in params.items() if v is not None} if params else {},
        "body": {"stream": True} if event.source is not None else body,
        "user": None,
    }
    if language is Language.CUSTOM:
        message["header_list"] = request.headers
    return {"http": message}


def headers_of(request: HttpRequest) -> dict[str, str]:
    """Headers by lower-case name; a name that comes twice has its values joined with a comma."""
    headers = {name.lower(): text for name, text in request.headers}
    if len(headers) == len(request.headers):
        return headers
    headers = {}
    for name, text in request.headers:
        folded = name.lower()
        headers[folded] = f"{headers[folded]},{text}" if folded in headers else text
    return headers


def query_of(request: HttpRequest, *, keep_empty: bool) -> dict[str, str]:
    """Query parameters; names are compared without letter case and keep their first spelling."""
    if not request.query:
        return {}
    spelled: dict[str, str] = {}
    query: dict[str, str] = {}
    pairs = parse_qsl(request.query, keep_blank_values=True, errors="replace")
    for name, text in pairs:
        first = spelled.setdefault(name.lower(), name)
        query[first] = f"{query[first]},{text}" if first in query else text
    return query if keep_empty else {name: text for name, text in query.items() if text}


def binding_data(event: TriggerEvent, function: Function, azure: bool) -> BindingData:
    """The names that expressions may use."""
    return http_binding_data(_request(event), function.trigger.name, function.name, azure)


def metadata(event: TriggerEvent, function: Function, data: BindingData) -> Mapping[str, TypedData]:
    """What Node's `context.bindingData` and custom handlers show beside the request.

    Python handlers have no such object. Node's worker adds query, headers and `sys` by itself.
    """
    if function.language is Language.PYTHON:
        return {}
    found: dict[str, TypedData] = {}
    for entry in data:
        if isinstance(entry.value, str):
            found[entry.name] = {"string": entry.value}
        elif isinstance(entry.value, dict | list):
            found[entry.name] = {"json": json_text(entry.value)}
    if function.language is Language.CUSTOM:
        request = _request(event)
        found["Query"] = {"json": json_text(query_of(request, keep_empty=True))}
        found["Headers"] = {"json": json_text(headers_of(request))}
        system = {
            "MethodName": function.name,
            "UtcNow": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "RandGuid": str(uuid.uuid4()),
        }
        found["sys"] = {"json": json_text(system)}
    return found


def _request(event: TriggerEvent) -> HttpRequest:
    assert event.request is not None
    return event.request


def check(binding: Binding, function: Function, settings: Settings) -> Iterable[Problem]:
    """What the schema cannot say: routes that the host refuses, and properties that mislead."""
    route = binding.properties.get("route")
    # Places cost a scan of the file: looked up only for what is wrong.
    entry = _entry(function, None)
    _, problem = check_route(entry, settings.host.route_prefix)
    if problem is not None:
        yield replace(problem, where=_where(function))
    # Without a prefix there is no second slash, and ASP.NET leaves out the one that is there.
    prefix = settings.host.route_prefix
    if prefix and isinstance(route, str) and route.strip().startswith("/") and route.strip("/ "):
        yield _leading_slash(binding, function, route)
    if entry.methods == ():
        yield _no_methods(binding, function)


def entry_of(function: Function) -> RouteEntry:
    """A function's row in the route table."""
    return _entry(function, _where(function))


def _entry(function: Function, where: Location | None) -> RouteEntry:
    binding = function.trigger
    route = binding.properties.get("route")
    methods = binding.properties.get("methods")
    return RouteEntry(
        function.name,
        route if isinstance(route, str) else None,
        tuple(str(method) for method in methods) if isinstance(methods, list | tuple) else None,
        where,
    )


def _where(function: Function) -> Location:
    binding = function.trigger
    route = binding.properties.get("route")
    return function.locate(f"{binding.pointer}/route" if route else binding.pointer)


# What AsgiFunctionApp and WsgiFunctionApp of azure.functions register; an app cannot change it.
_MIDDLEWARE_ROUTE = "/{*route}"


def _leading_slash(binding: Binding, function: Function, route: str) -> Problem:
    of_library = function.code_first and route == _MIDDLEWARE_ROUTE
    return Problem(
        "FJ0245",
        f"the route '{route}' begins with a slash, which is left out here",
        Location("host.json") if of_library else function.locate(f"{binding.pointer}/route"),
        "the prefix and a slash come before every route; on Azure this one stops the whole app",
        'the library\'s route needs "extensions": {"http": {"routePrefix": ""}} in host.json'
        if of_library
        else f'write "route": "{route.strip("/ ")}"',
        Severity.WARNING,
        function.name,
        "The route template separator character '/' cannot appear consecutively. It must be "
        "separated by either a parameter or a literal value.",
    )


def _no_methods(binding: Binding, function: Function) -> Problem:
    return Problem(
        "FJ0246",
        "'methods' is an empty list, so no request ever reaches this function",
        function.locate(f"{binding.pointer}/methods"),
        "only an absent 'methods' means every method; each request gets 404",
        'name the methods, as in "methods": ["get", "post"], or remove the property',
        Severity.WARNING,
        function.name,
    )


BINDING = TriggerType(
    type="httpTrigger",
    schema="bindings/httpTrigger.json",
    binding_data=binding_data,
    value=value,
    metadata=metadata,
    offers=lambda _binding: None,  # any: a JSON body may have every name
    check=check,
    returns_value=True,
)
