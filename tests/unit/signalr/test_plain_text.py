"""Text of others in a terminal: no colours, no new lines, no titles."""

from __future__ import annotations

import logging

import pytest

from funcjson.signalr.plain_text import escape_arguments, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bob", "bob"),
        ("jürgen 日本", "jürgen 日本"),
        ("bob\nx", "bob\\nx"),
        ("\x1b[31mRED\x1b]0;pwn\x07", "\\x1b[31mRED\\x1b]0;pwn\\x07"),
        ("a\tb\rc\x7f", "a\\tb\\rc\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u2028b\u202ec", "a\\u2028b\\u202ec"),
        ("\udcff", "\\udcff"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert plain(text) == shown


def record(name: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "f.py", 1, "%s: %s", arguments, None)


def test_what_the_service_logs_of_others_stays_one_line() -> None:
    made = record("funcjson.signalr.upstream", "evil\nWARNING: fake", ValueError("\x1b[0m"))

    assert escape_arguments(made)
    assert made.getMessage() == "evil\\nWARNING: fake: \\x1b[0m"


def test_numbers_and_other_loggers_are_left_alone() -> None:
    numbers, others = record("funcjson.signalr", 5, 0.5), record("funcjson.host", "a\nb", "c")
    escape_arguments(numbers)
    escape_arguments(others)

    assert numbers.args == (5, 0.5)
    assert others.args == ("a\nb", "c")
