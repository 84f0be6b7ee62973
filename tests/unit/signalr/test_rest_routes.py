"""Routes: how a request finds its row, and which status its version answers."""

from __future__ import annotations

import pytest

from funcjson.signalr.rest_routes import ROUTES, Api, Match, NoMatch, find
from funcjson.signalr.rest_verbs import VERBS


def test_every_row_has_a_verb_that_does_it() -> None:
    assert {route.verb for route in ROUTES} - {"health"} == set(VERBS)


def test_no_version_has_a_row_twice() -> None:
    rows = [(route.api, route.method, route.path) for route in ROUTES]

    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("route", [r for r in ROUTES if "{hub}" in r.path], ids=str)
def test_every_row_is_found_by_its_own_request(route: object) -> None:
    assert isinstance(route, type(ROUTES[0]))
    path = route.path.replace("{", "x").replace("}", "")
    found = find(route.method, path, route.api)

    assert isinstance(found, Match)
    assert (found.verb, found.api, found.status) == (route.verb, route.api, route.status)


def test_names_are_unescaped_once() -> None:
    found = find("PUT", "/api/hubs/chat/users/a%2Fb/groups/%2525/")

    assert isinstance(found, Match)
    assert found.names == {"hub": "chat", "user": "a/b", "group": "%25"}


def test_the_prefix_decides_the_status() -> None:
    statuses = [
        find("DELETE", f"{base}/groups/g/users/u")
        for base in ("/api/hubs/chat", "/api/v1/hubs/chat")
    ]

    assert [each.status for each in statuses if isinstance(each, Match)] == [204, 202]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/hubs/chat/:send", ("POST",)),
        ("POST", "/api/hubs/chat/users/u/groups/g", ("GET", "PUT", "DELETE", "HEAD")),
        ("PUT", "/api/auth/accessKey", ("GET", "HEAD")),
        ("GET", "/api/hubs", ()),
        ("GET", "/", ()),
        ("POST", "/api/hubs/chat/users//:send", ()),
    ],
)
def test_what_is_not_there_tells_what_is(method: str, path: str, allowed: tuple[str, ...]) -> None:
    found = find(method, path)

    assert isinstance(found, NoMatch)
    assert set(found.allowed) == set(allowed)


def test_an_operation_of_a_later_version_works_without_naming_it() -> None:
    found = find("POST", "/api/hubs/chat/connections/c/:invoke", Api.V2022)

    assert isinstance(found, Match)
    assert found.status == 200
