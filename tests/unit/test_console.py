"""What the terminal shows, and what it never shows."""

from __future__ import annotations

import io
import json
import logging

import pytest

from funcjson.console import configure, redact
from funcjson.errors import Problem, render


@pytest.mark.parametrize(
    "text",
    [
        "Endpoint=http://localhost;AccessKey=SECRETSECRET;Version=1.0;",
        "Endpoint=http://localhost;accesskey = SECRETSECRET",
        "GET /client/?hub=chat&access_token=SECRETSECRET",
        "Authorization: Bearer SECRETSECRET",
        "POST /api/f?code=SECRETSECRET",
        "token eyJhbGciOiJIUzI1NiJ9.SECRETSECRET.c2lnbmF0dXJl",
    ],
)
def test_keys_and_tokens_are_masked(text: str) -> None:
    assert "SECRETSECRET" not in redact(text)
    assert "***" in redact(text)


def test_what_is_not_a_secret_stays() -> None:
    text = "Endpoint=http://localhost;Version=1.0; a code=5 in prose, an access key"

    assert redact(text) == text


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_each_line_of_a_message_has_the_time(stream: io.StringIO) -> None:
    configure(stream=stream)

    logging.getLogger("funcjson.host").info("one\ntwo")

    lines = stream.getvalue().splitlines()
    assert [line.endswith(text) for line, text in zip(lines, ["one", "two"], strict=True)] == [
        True,
        True,
    ]
    assert all(line.startswith("[") and "Z] " in line for line in lines)


def test_each_line_of_a_failure_names_its_call(stream: io.StringIO) -> None:
    configure(stream=stream)
    extra = {"function": "f", "invocation_id": "0123456789abcdef"}

    logging.getLogger("funcjson.invocation").error("failed\n  at x.py:1\n", extra=extra)

    lines = [line.partition("] ")[2] for line in stream.getvalue().splitlines()]
    assert lines == ["f 01234567 | failed", "f 01234567 |   at x.py:1"]


def test_user_lines_name_function_and_invocation(stream: io.StringIO) -> None:
    configure(stream=stream)
    extra = {"function": "messages", "invocation_id": "0123456789abcdef", "user": True}

    logging.getLogger("funcjson.function").info("hello", extra=extra)

    assert "messages 01234567 | hello" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_line_that_cannot_be_encoded_is_shown_all_the_same(log_format: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
    configure(log_format=log_format, stream=stream)

    logging.getLogger("funcjson.function").info("half \ud800 a pair")

    assert b"half \\ud800 a pair" in written.getvalue()


def test_json_lines_are_one_object_each_and_masked(stream: io.StringIO) -> None:
    configure(log_format="json", stream=stream)
    extra = {"function": "f", "invocation_id": "42"}

    logging.getLogger("funcjson.host").warning("a\nAccessKey=SECRET", extra=extra)

    row = json.loads(stream.getvalue())
    assert (row["level"], row["message"], row["function"], row["invocationId"]) == (
        "warning",
        "a\nAccessKey=***",
        "f",
        "42",
    )


def test_control_characters_of_others_are_shown_and_not_obeyed(stream: io.StringIO) -> None:
    configure(stream=stream)

    logging.getLogger("funcjson.signalr.upstream").warning("no %s", "evil\x1b[31m\n[Z] fake line")
    logging.getLogger("funcjson.host").info("two\nlines\tand \x1b]0;pwn\x07")
    logging.getLogger("funcjson.function").info("\x1b[32mgreen", extra={"user": True})

    lines = [line.partition("Z] ")[2] for line in stream.getvalue().splitlines()]
    assert lines == [
        "no evil\\x1b[31m\\n[Z] fake line",
        "two",
        "lines\tand \\x1b]0;pwn\\x07",
        "\x1b[32mgreen",
    ]


def test_a_problem_whose_text_has_a_line_end_forges_no_line() -> None:
    told = render(Problem("FJ0302", "x has no value\nerror[FJ0001] forged", why="a\nb"))

    assert [line for line in told.split("\n") if line[:1] != " "] == [
        "error[FJ0302] x has no value"
    ]
