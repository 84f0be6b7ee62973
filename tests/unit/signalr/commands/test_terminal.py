"""Lines and tables for a person."""

from __future__ import annotations

import io

import pytest

from funcjson.signalr.commands.terminal import complain, say, table


def test_columns_are_as_wide_as_they_need() -> None:
    assert table(["A", "LONG"], [["wide", "x"], ["y", ""]]) == "A     LONG\nwide  x\ny"
    assert table(["A"], []) == "A"


def test_wide_characters_take_two_columns() -> None:
    assert table(["A", "B"], [["\u65e5\u672c", "x"], ["abc", "y"]]).splitlines() == [
        "A     B",
        "\u65e5\u672c  x",
        "abc   y",
    ]


def test_a_complaint_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("out")
    assert complain("err") == 1
    stream = io.StringIO()
    say("elsewhere", stream)

    assert capsys.readouterr() == ("out\n", "err\n")
    assert stream.getvalue() == "elsewhere\n"
