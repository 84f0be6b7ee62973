"""CORS: the origin is echoed, never a star, since clients send credentials."""

from __future__ import annotations

import pytest

from funcjson.signalr.cors import cors_headers, is_allowed, origin_of, preflight_headers

ORIGIN = "http://a:1"


def test_any_origin_is_echoed() -> None:
    found = cors_headers(ORIGIN, ("*",))

    assert found["Access-Control-Allow-Origin"] == ORIGIN
    assert found["Access-Control-Allow-Credentials"] == "true"
    assert found["Vary"] == "Origin"


def test_a_request_without_an_origin_needs_no_headers() -> None:
    assert cors_headers(None, ("*",)) == {}


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("http://ok", ("http://ok",), True),
        ("HTTP://OK", ("http://ok/",), True),
        ("http://ok:1", ("http://ok",), False),
        ("http://ok", ("http://ok:80",), True),
        ("https://ok", ("HTTPS://OK:443/",), True),
        ("http://ok:443", ("https://ok",), False),
        ("http://[::1]:5", ("http://[::1]:5",), True),
        ("null", ("http://ok",), False),
        ("null", ("*",), True),
        ("http://ok", (), False),
    ],
)
def test_a_list_of_origins(origin: str, allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(origin, allowed) is expected
    headers = cors_headers(origin, allowed)
    assert ("Access-Control-Allow-Origin" in headers) is expected
    assert headers["Vary"] == "Origin", "a cache must not give one origin's answer to another"


@pytest.mark.parametrize(
    "text", ["ok.example", "", "*", "ftp://ok", "http://", "http://a/b", "http://a:x"]
)
def test_what_is_no_origin(text: str) -> None:
    assert origin_of(text) is None


def test_a_preflight_allows_what_was_asked_for() -> None:
    asked = {"access-control-request-headers": "authorization,x-y"}
    found = preflight_headers(ORIGIN, asked, ("*",))

    assert found["Access-Control-Allow-Headers"] == "authorization,x-y"
    assert "DELETE" in found["Access-Control-Allow-Methods"]
    assert found["Access-Control-Max-Age"] == "600"
    assert "Access-Control-Allow-Methods" not in preflight_headers(ORIGIN, asked, ("http://b",))
