"""Lines of text that comes in pieces."""

from __future__ import annotations

import pytest

from funcjson.workers.python_worker import lines as module
from funcjson.workers.python_worker.lines import Lines


def taken(*pieces: str) -> list[str]:
    lines = Lines()
    return [line for piece in pieces for line in lines.take(piece)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\n\nb\n", ["a", "", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\r\r\nb\n", ["a", "b"]),
        ("\r\n\n", ["", ""]),
        ("\r 1%\r 2%\r", [" 1%", " 2%"]),
        ("\r 1%\r\r 2%\n", [" 1%", " 2%"]),
        ("no end", []),
    ],
)
def test_lines_are_the_same_however_the_text_comes(text: str, expected: list[str]) -> None:
    assert taken(text) == expected
    assert taken(*text) == expected
    for at in range(len(text)):
        assert taken(text[:at], text[at:]) == expected


def test_a_line_is_given_with_its_return_and_not_again_with_its_feed() -> None:
    lines = Lines()

    assert lines.take("50%\r") == ["50%"]
    assert lines
    assert lines.take("\n") == []
    assert not lines


def test_what_has_no_end_is_the_rest() -> None:
    lines = Lines()
    lines.take("a\nb")
    lines.take("c")

    assert lines
    assert lines.rest() == "bc"
    assert not lines


def test_what_is_given_before_its_end_is_gone_on_with() -> None:
    lines = Lines()
    lines.take("50%")

    assert lines.ahead() == "50%"
    assert lines
    assert lines.ahead() == ""
    # A carriage return ends it, though nothing more of it has come.
    assert lines.take("\r60%\n\n") == ["", "60%", ""]
    assert not lines.is_ahead
    assert not lines


def test_what_never_ends_is_passed_on_in_pieces_and_nothing_is_lost() -> None:
    piece = "x" * (module.LONGEST // 4)
    given = [Lines().take(piece) for _ in range(3)]
    lines = Lines()
    found = [line for _ in range(10) for line in lines.take(piece)]

    assert given == [[], [], []]
    assert "".join(found) + lines.rest() == piece * 10
    assert max(map(len, found)) < module.LONGEST * 2
    assert taken(piece * 4, "\n", "next\n") == [piece * 4, "next"]
