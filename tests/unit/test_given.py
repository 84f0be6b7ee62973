"""What a person types for headers, bodies and files: used, or refused with the reason."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from funcjson.errors import AppLoadError
from funcjson.given import body_given, header_given, persona_given, write_given


def test_headers() -> None:
    assert header_given("X-A:  b: c ") == ("X-A", "b: c")


@pytest.mark.parametrize("text", ["X-A", ": b", ""])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not NAME: VALUE"):
        header_given(text)


def test_the_name_of_a_persona_may_have_any_letters() -> None:
    assert persona_given(" Zoë 李 ") == "Zoë 李"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names nobody"),
        (" ", "names nobody"),
        ("a\nb", "line ends"),
        ("\x1b[1m", "line ends"),
        ("\udcff", "half a character"),
    ],
)
def test_a_name_that_no_header_can_have_is_refused(text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=why):
        persona_given(text)


def test_a_body_is_text_or_a_file_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "b"
    file.write_bytes(b"\xff\r\n")

    assert body_given("hi") == b"hi"
    assert body_given(f"@{file}") == b"\xff\r\n"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "x.html"

    with pytest.raises(AppLoadError, match=r"FJ0160.*cannot be read"):
        body_given(f"@{missing}")
    with pytest.raises(AppLoadError, match=r"FJ0160.*cannot be written"):
        write_given("--html", missing, "x")
