"""Reading bodies and keys, writing responses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from funcjson.errors import AppLoadError, Problem
from funcjson.http_wire import (
    BodyTooLarge,
    failed,
    header_text,
    origin_form,
    presented_key,
    read_body,
    response_of,
    text_response,
)
from funcjson.model import HttpResponse


def request_with(*chunks: bytes, **headers: str) -> Any:
    payload = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    for chunk in chunks:
        payload.feed_data(chunk)
    payload.feed_eof()
    return make_mocked_request("POST", "/api/f?code=c", headers=headers, payload=payload)


async def test_a_body_of_several_pieces_is_one() -> None:
    assert await read_body(request_with(b"a", b"b"), 10) == b"ab"


async def test_no_body_is_empty() -> None:
    assert await read_body(request_with(), 10) == b""


async def test_a_body_above_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(request_with(b"aaaaaa", **{"Content-Length": "6"}), 5)


async def test_the_header_with_the_key_wins_over_the_query() -> None:
    assert presented_key(request_with(**{"x-functions-key": "h"}), "code=q") == "h"
    assert presented_key(request_with(), "a=1&code=q%2F") == "q/"
    assert presented_key(request_with(), "encode=1") is None
    assert presented_key(request_with(), "") is None


def test_more_headers_do_not_replace_those_of_the_answer() -> None:
    answer = HttpResponse(200, (("Content-Type", "a/b"), ("X", "1")), b"x")

    found = response_of(answer, (("x", "2"), ("Y", "3")))

    assert (found.headers["X"], found.headers["Y"]) == ("1", "3")


def test_an_answer_keeps_repeated_headers() -> None:
    found = response_of(HttpResponse(200, (("Set-Cookie", "a"), ("Set-Cookie", "b"))))

    assert found.headers.getall("Set-Cookie") == ["a", "b"]


def test_a_failure_shows_a_code_only() -> None:
    answer = failed(AppLoadError(Problem("FJ0150", "secret")))

    assert (answer.status, answer.headers, answer.body) == (
        500,
        (("x-funcjson-error", "FJ0150"),),
        b"",
    )


def test_a_text_response_has_its_type() -> None:
    assert text_response(503, b"x").headers == (("Content-Type", "text/plain; charset=utf-8"),)


@pytest.mark.parametrize(
    ("target", "path"),
    [("http://h:1/a/b", "/a/b"), ("http://h", "/"), ("*", "*"), ("h:443", "h:443")],
)
def test_the_path_of_a_target_that_is_a_whole_url(target: str, path: str) -> None:
    assert origin_form(target) == path


def test_text_for_a_header_is_one_short_line_of_ascii() -> None:
    assert header_text("ä\r\nX: y") == "?  X: y"
    assert len(header_text("x" * 500)) == 200
