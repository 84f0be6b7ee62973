"""What a check-up asks of this machine, in one place so that tests can answer instead."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from funcjson.listening import port_holder

_TIMEOUT_S = 20.0
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended. `code` is None when it could not be started or took too long."""

    code: int | None
    out: str = ""
    err: str = ""


class Machine(Protocol):
    """The machine."""

    def run(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Ran:
        """Run a program to its end."""

    def is_free(self, address: str, port: int) -> bool:
        """Whether somebody could listen there now."""

    def holder(self, port: int) -> str:
        """`name (pid 123)` of who listens on a port; "" when that is not known."""

    def is_container(self) -> bool:
        """Whether this is a container."""


class ThisMachine:
    """The machine that this runs on."""

    def run(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Ran:
        """See `Machine`."""
        try:
            done = subprocess.run(  # noqa: S603 - Python, Node and git, to ask them about themselves
                command,
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Ran(None, "", str(error))
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        return Ran(done.returncode, out, err)

    def is_free(self, address: str, port: int) -> bool:
        """See `Machine`."""
        try:
            with socket.create_server((address, port)):
                return True
        except OSError:
            return False

    def holder(self, port: int) -> str:
        """See `Machine`."""
        return port_holder(port)

    def is_container(self) -> bool:
        """See `Machine`."""
        return any(mark.exists() for mark in _CONTAINER_MARKS)
