"""The binding data of an HTTP request: made when somebody looks, since many functions have no expressions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from funcjson.binding_data import RESERVED, BindingData, Entry, Names, Request, System, spread_json
from funcjson.model import HttpRequest


def http_binding_data(
    request: HttpRequest, trigger_name: str, function_name: str, azure: bool = False
) -> BindingData:
    """What a request offers: body members, query, route parameters, `Query`, `Headers`, `sys`, the
    trigger's name.

    By default a body or query name can not replace `headers`, `query` or `sys`, since callers could
    forge identities with it; `azure` lets them, as the real platform does. A route parameter, which
    the app's author names, always can.
    """
    if azure:
        headers = Names(request, _headers_of, ignore_case=True)
        query = Names(request, _query_of, ignore_case=False)
        trigger = Entry(trigger_name, Request(request.method), "trigger")
        return BindingData(_azure_order(request, headers, query, trigger, function_name))
    return _HttpBindingData(request, trigger_name, function_name)


class _HttpBindingData(BindingData):
    """That of a request, made when somebody looks: many functions have no expressions."""

    __slots__ = ("_function_name", "_request", "_trigger_name")

    def __init__(self, request: HttpRequest, trigger_name: str, function_name: str) -> None:
        # Not the other members: `__getattr__` makes them.
        self._shadowed = ()
        self._request = request
        self._trigger_name = trigger_name
        self._function_name = function_name

    def __getattr__(self, name: str) -> Any:
        # Reached only while a slot is unset.
        if name not in ("_more", "entries", "headers", "query"):
            raise AttributeError(name)
        self._make()
        return getattr(self, name)

    def _make(self) -> None:
        request = self._request
        headers = Names(request, _headers_of, ignore_case=True)
        query = Names(request, _query_of, ignore_case=False)
        self._more = lambda: _caller_entries(request, query, azure=False)
        self.entries = entries = {
            "headers": Entry("Headers", headers, "headers"),
            "query": Entry("Query", query, "query"),
            "sys": Entry("sys", System(self._function_name), "sys"),
        }
        for name, text in request.route_params.items():
            entries[name.lower()] = Entry(name, text, "route")
        folded = self._trigger_name.lower()
        if folded not in RESERVED:
            entries[folded] = Entry(self._trigger_name, Request(request.method), "trigger")
        self.headers = headers if entries["headers"].value is headers else None
        self.query = query if entries["query"].value is query else None


def _azure_order(
    request: HttpRequest, headers: Names, query: Names, trigger: Entry, function_name: str
) -> Iterable[Entry]:
    found = {entry.name.lower(): entry for entry in _caller_entries(request, query, azure=True)}
    found.update(
        (name.lower(), Entry(name, text, "route")) for name, text in request.route_params.items()
    )
    found.setdefault("query", Entry("Query", query, "query"))
    found.setdefault("headers", Entry("Headers", headers, "headers"))
    found[trigger.name.lower()] = trigger
    found.setdefault("sys", Entry("sys", System(function_name), "sys"))
    return found.values()


def _caller_entries(request: HttpRequest, query: Names, *, azure: bool) -> Iterable[Entry]:
    """Body members first, then query parameters, which replace them."""
    yield from _body_entries(request, azure=azure)
    for name, text in query.by_key.items():
        if name.lower() != "code":  # a function key, never data
            yield Entry(name, text, "query")


def _body_entries(request: HttpRequest, *, azure: bool) -> Iterable[Entry]:
    if not request.body:
        return []
    if azure and any(name.lower() == "transfer-encoding" for name, _ in request.headers):
        # The real host looks at Content-Length, so a chunked body offers nothing.
        return []
    return spread_json(request.body.decode("utf-8-sig", "replace"), "body", azure=azure)


def _headers_of(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    return request.headers


def _query_of(request: HttpRequest) -> list[tuple[str, str]]:
    if not request.query:
        return []
    return parse_qsl(request.query, keep_blank_values=True, errors="replace")
