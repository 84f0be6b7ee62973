"""Responses; the platform's rules are in tests/conformance/vectors/http.json."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.http_response import ResponseError, from_output, from_return


def message(**members: Any) -> dict[str, Any]:
    return {"http": {"status": 200, "headers": {}, "body": {}, **members}}


def headers(value: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): text for name, text in from_output(value).headers}


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection"])
def test_the_server_frames_the_answer_itself(name: str) -> None:
    assert name.lower() not in headers(message(headers={name: "1"}))


def test_a_header_that_is_no_text_becomes_text() -> None:
    assert headers(message(headers={"X": 5, "Y": True, "Z": None}))["x"] == "5"


@pytest.mark.parametrize(
    ("status", "expected"), [(200.0, 200), (" 201 ", 201), (True, 200), ([], 200), (999, 999)]
)
def test_a_status_of_any_kind(status: Any, expected: int) -> None:
    assert from_output(message(status=status)).status == expected


@pytest.mark.parametrize("status", [0, 100, 199, -1, "1000"])
def test_a_status_that_cannot_end_a_response(status: Any) -> None:
    with pytest.raises(ResponseError) as caught:
        from_output(message(status=status))

    assert caught.value.fix == "use a status from 200 to 599"


@pytest.mark.parametrize(
    ("name", "value", "sign", "fix"),
    [
        ("x-name", "Łukasz", "'Ł' (U+0141)", "encodeURIComponent"),
        ("x-name", "a\nb", "'\\n' (U+000A)", "encodeURIComponent"),
        # Kestrel refuses it although Latin-1 has it.
        (
            "Content-Disposition",
            "attachment; filename=Müller.pdf",
            "'ü' (U+00FC)",
            "filename*=UTF-8''",
        ),
    ],
)
def test_a_header_value_beyond_ascii_is_told_with_its_sign(
    name: str, value: str, sign: str, fix: str
) -> None:
    with pytest.raises(ResponseError) as caught:
        from_output(message(headers={name: value}))

    assert f"'{name}' has {sign}" in caught.value.what
    assert fix in caught.value.fix


@pytest.mark.parametrize("name", ["", "a b", "ü"])
def test_a_cookie_needs_a_name(name: str) -> None:
    with pytest.raises(ResponseError):
        from_output(message(cookies=[{"name": name, "value": "x"}]))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *[
            ("maxAge", value)
            for value in (float("nan"), "soon", {}, "NaN", "Infinity", 1e300, 10**12)
        ],
        *[("expires", value) for value in (1e300, 1e12, float("nan"))],
    ],
)
def test_a_time_of_a_cookie_that_is_none_is_told(attribute: str, value: Any) -> None:
    with pytest.raises(ResponseError) as caught:
        from_output(message(cookies=[{"name": "a", "value": "x", attribute: value}]))

    assert f"{attribute} of the cookie 'a' is {value!r}" in caught.value.what
    assert {"maxAge": "seconds", "expires": "9999"}[attribute] in caught.value.fix


def test_a_cookie_cannot_bring_a_second_header() -> None:
    with pytest.raises(ResponseError):
        from_output(message(cookies=[{"name": "a", "value": "x", "path": "/\r\nX: y"}]))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("2024-01-02T03:04:05+02:00", "Tue, 02 Jan 2024 01:04:05 GMT"),
        ("2024-01-02T03:04:05", "Tue, 02 Jan 2024 03:04:05 GMT"),
        ("Tue, 02 Jan 2024 03:04:05 GMT", "Tue, 02 Jan 2024 03:04:05 GMT"),
    ],
)
def test_the_end_of_a_cookie_is_an_http_date(given: Any, shown: str) -> None:
    cookie = {"name": "a", "value": "b", "expires": given}

    assert headers(message(cookies=[cookie]))["set-cookie"] == f"a=b; expires={shown}; path=/"


def test_two_cookies_are_two_headers() -> None:
    cookies = [{"name": name, "value": "1"} for name in "ab"]

    found = from_output(message(cookies=cookies)).headers

    assert [text for name, text in found if name == "Set-Cookie"] == ["a=1; path=/", "b=1; path=/"]


def test_plain_bytes_and_numbers_on_an_output() -> None:
    assert from_output({"bytes": b"x"}).headers == ()
    assert from_output({"int": 7}).body == b"7"
    assert from_output({"double": 7.5}).body == b"7.5"


def test_json_null_on_an_output_is_like_no_output() -> None:
    assert from_output({"json": "null"}).status == 204


def test_json_that_describes_a_response() -> None:
    found = from_output({"json": '{"body": "x", "statusCode": 202}'})

    assert (found.status, found.body) == (202, b"x")


def test_a_worker_that_calls_text_json_does_not_break_the_answer() -> None:
    assert from_output({"json": "not json"}).body == b"not json"
    assert from_output(message(body={"json": "not json"})).body == b"not json"
    assert from_return({"json": "not json"}).body == b"not json"


def test_a_returned_http_message_is_rendered() -> None:
    assert from_return(message(status=202)).status == 202


def test_a_wish_that_cannot_be_read_is_skipped() -> None:
    assert from_return({"string": "x"}, accept="text/plain;q=a, application/json").body == b'"x"'


def test_a_lone_surrogate_is_replaced() -> None:
    assert from_output(message(body={"string": "\ud800"})).body == b"?"
