"""The launcher: it becomes the program it is told, or says why not."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

import pytest

from funcjson.workers import die_with_parent


class System:
    """The calls of the launcher, instead of their effects."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> None:
        self.calls: list[Any] = []
        self.error = error
        monkeypatch.setattr(sys, "argv", ["launcher", "/bin/x", "-v"])
        monkeypatch.setattr(ctypes, "CDLL", lambda _: self)
        monkeypatch.setattr(os, "execv", self._execv)

    def prctl(self, *arguments: Any) -> None:
        self.calls.append(("prctl", *map(int, arguments)))

    def _execv(self, *arguments: Any) -> None:
        self.calls.append(("execv", *arguments))
        if self.error:
            raise self.error


def test_it_asks_to_die_with_its_parent_and_becomes_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = System(monkeypatch)

    die_with_parent.main()

    assert system.calls == [("prctl", 1, 9), ("execv", "/bin/x", ["/bin/x", "-v"])]


def test_it_names_a_program_that_cannot_be_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    System(monkeypatch, OSError(8, "Exec format error"))

    with pytest.raises(SystemExit) as ended:
        die_with_parent.main()

    assert ended.value.code == 127
    assert capsys.readouterr().err == "/bin/x: Exec format error\n"
