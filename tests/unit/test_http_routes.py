"""The route table; the platform's own rules are in tests/conformance/vectors/http.json."""

from __future__ import annotations

import pytest

from funcjson.http_route_table import build_table
from funcjson.http_routes import (
    NotFound,
    RouteEntry,
    RouteMatch,
    RouteTable,
    decode_path,
)


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


@pytest.mark.parametrize(
    ("path", "decoded"),
    [("/a", "/a"), ("/a%20b", "/a b"), ("/a%2fb", "/a%2fb"), ("/%252f", "/%2f"), ("/%zz", "/%zz")],
)
def test_a_path_is_decoded_but_for_slashes(path: str, decoded: str) -> None:
    assert decode_path(path) == decoded


@pytest.mark.parametrize(
    "path", ["/x%0Aerror[FJ0001]%20forged", "/api/f/a%0Db", "/api/f/%1b[31m", "/x%E2%80%A8y"]
)
def test_a_path_cannot_forge_a_line_of_the_log(path: str) -> None:
    told = hint(table(RouteEntry("f", "f/{id:int}")).match("GET", path))

    assert told.isprintable()


def test_a_path_that_is_told_can_be_read() -> None:
    assert hint(table(RouteEntry("f")).match("GET", "/zz%0Az")) == r"no function answers /zz\nz"
