"""http_options: what the HTTP side is told has the platform's limits."""

from __future__ import annotations

from funcjson.http_options import MAX_BODY, HttpServerOptions


def test_a_body_may_be_as_large_as_on_the_real_host() -> None:
    assert MAX_BODY == 100 << 20
    assert HttpServerOptions().max_body == MAX_BODY
