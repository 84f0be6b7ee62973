"""What a person gives on the command line: headers, bodies, files to write; problems instead of tracebacks."""

from __future__ import annotations

import argparse
from pathlib import Path

from funcjson.errors import AppLoadError, Location, Problem


def header_given(text: str) -> tuple[str, str]:
    """A header written NAME: VALUE. Raises argparse's error."""
    name, found, value = text.partition(":")
    if not found or not name.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME: VALUE")
    return name.strip(), value.strip()


def persona_given(text: str) -> str:
    """The name of a persona, which may be made up. Raises argparse's error."""
    from funcjson.identity import NotAPersona, Persona, checked  # noqa: PLC0415 - only who signs in waits for it

    name = text.strip()
    if not name:
        raise argparse.ArgumentTypeError(f"'{text}' names nobody")
    try:
        checked(Persona(name, name))
    except NotAPersona as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name


def body_given(text: str) -> bytes:
    """A body: text, or @FILE. Raises AppLoadError."""
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise AppLoadError(_unusable(f"--body {text}", "read", Path(text[1:]), error)) from error


def write_given(option: str, file: Path, text: str) -> None:
    """Write a file that an option names. Raises AppLoadError."""
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise AppLoadError(_unusable(f"{option} {file}", "written", file, error)) from error


def _unusable(option: str, done: str, file: Path, error: OSError) -> Problem:
    return Problem(
        "FJ0160",
        f"the file {file} cannot be {done}",
        Location(option),
        error.strerror or type(error).__name__,
        "correct the name, or make the folder first",
    )
