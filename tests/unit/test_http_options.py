"""http_options: what the HTTP side is told shows no secret."""

from __future__ import annotations

from funcjson.http_options import MAX_BODY, HttpServerOptions


def test_the_key_of_the_login_is_not_shown() -> None:
    assert "secret" not in repr(HttpServerOptions(session_key=b"secret" * 6))


def test_a_body_may_be_as_large_as_on_the_real_host() -> None:
    assert MAX_BODY == 100 << 20
