"""What names and values HTTP headers can have."""

from __future__ import annotations

import pytest

from funcjson.http_headers import is_framing, is_name, is_value


@pytest.mark.parametrize(
    ("text", "good"), [("X-A", True), ("x_a.b!", True), ("", False), ("a b", False), ("a:", False)]
)
def test_names(text: str, good: bool) -> None:
    assert is_name(text) is good


@pytest.mark.parametrize(
    ("text", "good"), [("", True), ("a b\t~", True), ("a\nb", False), ("é", False), ("\x7f", False)]
)
def test_values(text: str, good: bool) -> None:
    assert is_value(text) is good


def test_what_the_server_sets_itself() -> None:
    assert is_framing("Content-LENGTH")
    assert not is_framing("Content-Type")
