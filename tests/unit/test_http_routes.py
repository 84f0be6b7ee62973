"""The route table; the platform's own rules are in tests/conformance/vectors/http.json."""

from __future__ import annotations

import pytest

from funcjson.errors import Location, Severity
from funcjson.http_routes import (
    NotFound,
    RouteEntry,
    RouteMatch,
    RouteTable,
    build_table,
    decode_path,
    route_text,
)

WHERE = Location("f/function.json", 3, 5, "/bindings/0/route")


def table(*entries: RouteEntry, prefix: str = "api") -> RouteTable:
    found, _ = build_table(entries, prefix)
    return found


def hint(found: RouteMatch | NotFound) -> str:
    assert isinstance(found, NotFound)
    return found.hint


def test_a_static_route_is_found_in_any_spelling() -> None:
    routes = table(RouteEntry("Hello", "Say/Hello"))

    for path in ("/api/Say/Hello", "/api/say/hello", "/API/SAY/hello", "/api/say/hello/"):
        assert routes.match("GET", path) == RouteMatch("Hello", {})


def test_the_quick_way_finds_what_the_ordered_search_finds() -> None:
    entries = [
        RouteEntry("a", "{x}", ("get",)),
        RouteEntry("b", "items"),
        RouteEntry("c", "items", ("post",)),
        RouteEntry("d", "other", ("post", "put")),
        RouteEntry("e", "other", ("patch",)),
    ]
    quick = table(*entries)
    slow = RouteTable(quick.routes, quick.prefix)

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/items", "/api/other", "/api/none"):
            assert quick.match(method, path) == slow.match(method, path), (method, path)


def test_a_wrong_verb_says_which_are_right() -> None:
    found = table(RouteEntry("f", None, ("post", "put"))).match("GET", "/api/f")

    assert hint(found) == "f takes POST, PUT, not GET"


def test_no_verb_at_all_is_said() -> None:
    assert "no verb at all" in hint(table(RouteEntry("f", None, ())).match("GET", "/api/f"))


def test_a_refused_value_names_its_constraint() -> None:
    found = table(RouteEntry("f", "x/{id:int}")).match("GET", "/api/x/abc")

    assert hint(found) == "f wants {id:int}, and 'abc' is not that"


def test_a_missing_prefix_is_found_out() -> None:
    assert hint(table(RouteEntry("f")).match("GET", "/f")) == "f is at /api/f"


def test_a_misspelt_path_names_the_nearest_route() -> None:
    assert hint(table(RouteEntry("negotiate")).match("GET", "/api/negotiat")) == (
        "negotiate is at /api/negotiate"
    )


def test_two_slashes_are_pointed_out() -> None:
    assert "//" in hint(table(RouteEntry("f")).match("GET", "/api//f"))


def test_a_path_like_no_other_is_only_named() -> None:
    assert hint(table(RouteEntry("f")).match("GET", "/zzzzzzz")) == "no function answers /zzzzzzz"


def test_lists_tells_who_names_a_verb() -> None:
    routes = table(RouteEntry("a", "x/{y}", ("options",)), RouteEntry("b", "z"))

    assert routes.lists("OPTIONS", "/api/x/1")
    assert not routes.lists("OPTIONS", "/api/z")


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


@pytest.mark.parametrize(
    ("path", "decoded"),
    [("/a", "/a"), ("/a%20b", "/a b"), ("/a%2fb", "/a%2fb"), ("/%252f", "/%2f"), ("/%zz", "/%zz")],
)
def test_a_path_is_decoded_but_for_slashes(path: str, decoded: str) -> None:
    assert decode_path(path) == decoded
