"""Routes that cannot be used, are taken, or never get a request."""

from __future__ import annotations

import pytest

from funcjson.errors import Location, Severity
from funcjson.http_route_table import build_table, route_text
from funcjson.http_routes import RouteEntry, RouteMatch

WHERE = Location("f/function.json", 3, 5, "/bindings/0/route")


def test_a_bad_template_drops_its_function_only() -> None:
    routes, problems = build_table([RouteEntry("bad", "{id", where=WHERE), RouteEntry("good")])

    assert routes.match("GET", "/api/good") == RouteMatch("good", {})
    assert [(p.code, p.function, p.severity, p.where) for p in problems] == [
        ("FJ0242", "bad", Severity.ERROR, WHERE)
    ]


@pytest.mark.parametrize("route", ["admin", "Admin/x", "runtime", "runtimes"])
def test_the_hosts_own_routes_are_refused(route: str) -> None:
    _, problems = build_table([RouteEntry("f", route)])

    assert [p.code for p in problems] == ["FJ0241"]


def test_a_dropped_function_does_not_hold_its_route() -> None:
    routes, problems = build_table([RouteEntry("a", "admin"), RouteEntry("b", "x")], "")

    assert [p.function for p in problems] == ["a"]
    assert routes.match("GET", "/x") == RouteMatch("b", {})


def test_an_empty_list_of_methods_conflicts_like_all_methods() -> None:
    _, problems = build_table([RouteEntry("a", "x", ()), RouteEntry("b", "x", ("get",))])

    assert [(p.code, p.function) for p in problems] == [("FJ0243", "b")]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("{a}", "{b}"), ("{*all}", "x/{id:int}"), ("{a}/{b?}", "x"), ("{g:guid}", "{h:guid}")],
)
def test_a_route_that_never_gets_a_request_is_warned_of(earlier: str, later: str) -> None:
    _, problems = build_table([RouteEntry("a", earlier), RouteEntry("b", later, where=WHERE)])

    assert [(p.code, p.function, p.severity, p.where) for p in problems] == [
        ("FJ0244", "b", Severity.WARNING, WHERE)
    ]


@pytest.mark.parametrize(
    ("earlier", "later"), [("{id:int}", "{name}"), ("x", "{name}"), ("a/{b}", "a"), ("{a}", "b/c")]
)
def test_a_route_that_gets_some_requests_is_not_warned_of(earlier: str, later: str) -> None:
    _, problems = build_table([RouteEntry("a", earlier), RouteEntry("b", later)])

    assert problems == ()


def test_different_verbs_do_not_shadow() -> None:
    _, problems = build_table([RouteEntry("a", "{x}", ("get",)), RouteEntry("b", "i", ("post",))])

    assert problems == ()


@pytest.mark.parametrize(
    ("route", "text"),
    [(None, "f"), ("", "f"), ("  ", "f"), ("/x/", "x"), ("/", ""), ("a/b", "a/b")],
)
def test_the_text_of_a_route(route: str | None, text: str) -> None:
    assert route_text("f", route) == text
