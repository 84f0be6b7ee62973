"""Text in headers: what may stand there stays readable, everything else survives."""

from __future__ import annotations

import pytest

from funcjson.signalr.rest_message import header_text, text_of_header


@pytest.mark.parametrize("text", ["no user 'ann'", "50% of ü", "a\r\nInjected: 1", "日本", ""])
def test_text_survives_as_one_printable_line(text: str) -> None:
    value = header_text(text)

    assert value.isascii()
    assert value.isprintable()
    assert text_of_header(value) == text


def test_plain_text_stays_readable() -> None:
    assert (
        header_text("hub 'chat' has 0; did you mean [x]?") == "hub 'chat' has 0; did you mean [x]?"
    )
